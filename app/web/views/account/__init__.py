"""The pages about the caller's own account."""
