"""Tells whether two processes can serve the same store, and says why if they can't. No line shows a secret."""

from __future__ import annotations

from datetime import timedelta

from app.auth.clock import LEEWAY
from app.auth.models import Instance


def refusal(mine: Instance, other: Instance) -> str | None:
    """Returns why two processes can't serve the same store, in a line that names the setting, or None if they can.

    Each has to verify what the other signs, so a secret is changed in steps, and a direct swap is refused.
    """
    who = f"{_name(other)}, which serves the same database"
    if mine.algorithm != other.algorithm:
        return (
            f"JWT_ALGORITHM is {mine.algorithm} here and {_printable(other.algorithm)} in {who}:"
            " set the same one, or stop that process first"
        )
    ours, theirs = mine.secrets.split(), other.secrets.split()
    knows, is_known = set(theirs[:1]) <= set(ours), set(ours[:1]) <= set(theirs)
    if knows and is_known:
        return None
    if is_known:
        return f"SECRET_KEY_FALLBACKS lacks the SECRET_KEY of {who}: add it, or set the same SECRET_KEY"
    if knows:
        return (
            f"SECRET_KEY is not known to {who}: add it to SECRET_KEY_FALLBACKS there and restart that process,"
            " or stop it first"
        )
    return f"SECRET_KEY is not the one of {who}: set the same one, or stop that process first"


def other_address(mine: Instance, other: Instance) -> str | None:
    """Returns what to say about a process that people reach at another address, or None."""
    if mine.issuer == other.issuer:
        return None
    return (
        f"PUBLIC_URL is {mine.issuer} here and {_printable(other.issuer)} in {_name(other)}:"
        " neither takes the other's access tokens"
    )


def other_time(other: Instance, ahead: timedelta) -> str | None:
    """Returns what to say about a process whose clock is ahead of ours or behind it, or None."""
    if abs(ahead) <= LEEWAY:
        return None
    way = "ahead of" if ahead > timedelta() else "behind"
    seconds = f"{abs(ahead).total_seconds():.0f}"
    return (
        f"the clock of {_name(other)} is about {seconds} seconds {way} the one here: set both by NTP, or"
        " tokens are refused and ended sessions go on"
    )


def _name(instance: Instance) -> str:
    return f"process {instance.pid} on {_printable(instance.name)}"


def _printable(text: str) -> str:
    """Returns text that others wrote as one line of bounded length."""
    return "".join(char for char in text if char.isprintable())[:100]
