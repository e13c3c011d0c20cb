"""The error that stops a start."""


class PolicyError(Exception):
    """A rule for endpoints or extensions is broken, so the process does not start. The message says where."""
