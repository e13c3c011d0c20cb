"""Faults are injected for real into processes of Duet under load, and what is lost is counted."""
