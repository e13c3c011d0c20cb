"""Lets a team's own code take part in auth."""

from app.auth.extending.claims import ClaimFunction, ExtraClaims, FrozenClaims, KeptClaims, is_reserved
from app.auth.extending.signals import Handler, Signal, SignalKind, Signals

__all__ = [
    "ClaimFunction",
    "ExtraClaims",
    "FrozenClaims",
    "Handler",
    "KeptClaims",
    "Signal",
    "SignalKind",
    "Signals",
    "is_reserved",
]
