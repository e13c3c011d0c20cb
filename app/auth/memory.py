"""A little memory that does not grow: the oldest entry goes where there are too many."""

from __future__ import annotations

from typing import Any, Final

MOST: Final = 1000


def keep(memory: dict[str, Any], key: str, value: Any, *, most: int = MOST) -> None:
    """Puts a value last; the oldest one goes where there are more than `most`."""
    memory.pop(key, None)
    if len(memory) >= most:
        del memory[next(iter(memory))]
    memory[key] = value
