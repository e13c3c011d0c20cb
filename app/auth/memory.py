"""Provides a memory that stays small: when there are too many entries, the oldest one goes."""

from __future__ import annotations

from typing import Final, TypeVar

MOST: Final = 1000

V = TypeVar("V")


def keep(memory: dict[str, V], key: str, value: V, *, most: int = MOST) -> None:
    """Puts a value last, in place of an earlier one of its key. The oldest goes if there are more than `most`.

    Lookups use the dict's own `get`, which does not change the order: what counts is when something was kept.
    """
    memory.pop(key, None)
    if len(memory) >= most:
        del memory[next(iter(memory))]
    memory[key] = value
