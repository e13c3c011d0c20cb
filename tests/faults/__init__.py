"""Faults, injected for real, into processes of Duet that are under load: what they lose is counted."""
