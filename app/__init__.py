"""Duet: one process and one login for FastAPI and Flask."""
