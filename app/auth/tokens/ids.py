"""Ids that nobody can guess, by the hundred."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from typing import Final

_AT_ONCE: Final = 256


class Ids:
    """Random ids, drawn from the system many at a time.

    Each draw frees the interpreter lock. On the event loop, with busy threads beside it, the way back takes longer
    than it takes to sign a token.

    Args:
        size: of an id, in bytes; a multiple of three, so that its text has no padding.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._drawn: list[str] = []

    def next(self) -> str:
        """A new one, in base64url."""
        if not self._drawn:
            text = urlsafe_b64encode(os.urandom(self._size * _AT_ONCE)).decode()
            width = len(text) // _AT_ONCE
            self._drawn = [text[start : start + width] for start in range(0, len(text), width)]
        return self._drawn.pop()
