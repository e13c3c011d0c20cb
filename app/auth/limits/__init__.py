"""Limits how often anyone may try, and decides whose turn is next."""

from app.auth.limits.devices import arrival, keys_of, known_browser
from app.auth.limits.networks import network
from app.auth.limits.throttle import Guess, Throttle
from app.auth.limits.turns import Asker, Turns, ask_as, asking

__all__ = [
    "Asker",
    "Guess",
    "Throttle",
    "Turns",
    "arrival",
    "ask_as",
    "asking",
    "keys_of",
    "known_browser",
    "network",
]
