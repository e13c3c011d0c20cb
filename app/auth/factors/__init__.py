"""What proves who somebody is."""

from app.auth.factors.passwords import Passwords
from app.auth.factors.proving import Proven, ProvenLogin, Proving

__all__ = [
    "Passwords",
    "Proven",
    "ProvenLogin",
    "Proving",
]
