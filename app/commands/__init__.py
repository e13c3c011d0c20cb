"""The `duet` command."""
