"""Limits how often anyone may try, and decides whose turn is next."""

from app.auth.limits.devices import arrival, keys_of, known_browser
from app.auth.limits.throttle import Guess, Throttle
from app.auth.limits.turns import Asker, Turns

__all__ = [
    "Asker",
    "Guess",
    "Throttle",
    "Turns",
    "arrival",
    "keys_of",
    "known_browser",
]
