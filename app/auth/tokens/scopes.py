"""What a token may do, as its owner asked for it (RFC 6749 section 3.3): to read, or to write, which reads too."""

from __future__ import annotations

from app.auth.errors import ScopeInvalid
from app.auth.models import SCOPE


def narrowed(granted: str, asked: str) -> str:
    """The part of `granted` that `asked` names, in our order of words.

    Args:
        granted: words with a blank between any two.
        asked: the same, in any order; where it is empty, nothing less is asked for.

    Raises:
        ScopeInvalid: it names a word that was not granted, or that there is not.
    """
    if not asked:
        return granted
    words = set(asked.split(" "))
    if not words <= set(granted.split(" ")):
        raise ScopeInvalid()
    return " ".join(word for word in SCOPE.split(" ") if word in words)
