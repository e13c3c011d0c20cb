"""What proves who somebody is."""

from app.auth.factors.passwords import Passwords
from app.auth.factors.proving import Proving

__all__ = [
    "Passwords",
    "Proving",
]
