"""Scopes: what a token may do, as its owner asked (RFC 6749 section 3.3). Writing includes reading."""

from __future__ import annotations

from app.auth.errors import ScopeInvalid
from app.auth.models import SCOPE


def narrowed(granted: str, asked: str) -> str:
    """Returns the part of `granted` that `asked` names, with the words in our order.

    Args:
        granted: words separated by single spaces.
        asked: the same, in any order. If it is empty, everything is asked for.

    Raises:
        ScopeInvalid: `asked` names a word that was not granted or does not exist.
    """
    if not asked:
        return granted
    words = set(asked.split(" "))
    if not words <= set(granted.split(" ")):
        raise ScopeInvalid()
    return " ".join(word for word in SCOPE.split(" ") if word in words)
