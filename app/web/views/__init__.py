"""Duet's own pages, by subject."""
