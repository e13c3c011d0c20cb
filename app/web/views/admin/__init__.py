"""The pages of the administration."""
