"""Duet's own routes, by subject."""
