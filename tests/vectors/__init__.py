"""Signatures and keys of our own making, each with the verdict that it deserves."""
