"""Random ids that nobody can guess, drawn by the hundred."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from typing import Final

_AT_ONCE: Final = 256


class Ids:
    """Hands out random ids, which it draws from the system many at a time.

    Each draw releases the interpreter lock. On the event loop, with busy threads beside it, getting the lock back
    takes longer than signing a token.

    Args:
        size: the size of an id in bytes. It is a multiple of three, so that the text has no padding.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._drawn: list[str] = []

    def next(self) -> str:
        """Returns a new id, in base64url."""
        if not self._drawn:
            text = urlsafe_b64encode(os.urandom(self._size * _AT_ONCE)).decode()
            width = len(text) // _AT_ONCE
            self._drawn = [text[start : start + width] for start in range(0, len(text), width)]
        return self._drawn.pop()
