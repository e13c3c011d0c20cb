"""Duet compared with what a team would otherwise run, measured in one run."""
