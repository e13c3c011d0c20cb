"""Holds the keys that everything is signed with."""

from app.auth.keys.book import KeyEntry
from app.auth.keys.chains import MIN_LEAD, KeyState
from app.auth.keys.keys import Key, KeyRing, Purpose, TokenKeys, mac
from app.auth.keys.signing import USUAL_LEAD, Signing

__all__ = [
    "MIN_LEAD",
    "USUAL_LEAD",
    "Key",
    "KeyEntry",
    "KeyRing",
    "KeyState",
    "Purpose",
    "Signing",
    "TokenKeys",
    "mac",
]
