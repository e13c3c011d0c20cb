"""Decides who may enter, and how they prove who they are. Knows no web framework and no database driver."""
