"""What people prove their identity with."""

from app.auth.factors.passwords import Passwords
from app.auth.factors.proving import Proven, ProvenLogin, Proving
from app.auth.factors.secret_strength import is_guessable
from app.auth.factors.zxcvbn_names import PLACES as ZXCVBN_PLACES

__all__ = [
    "ZXCVBN_PLACES",
    "Passwords",
    "Proven",
    "ProvenLogin",
    "Proving",
    "is_guessable",
]
