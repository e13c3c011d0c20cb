"""A little memory that does not grow: the oldest entry goes where there are too many."""

from __future__ import annotations

from typing import Final, TypeVar

MOST: Final = 1000

V = TypeVar("V")


def keep(memory: dict[str, V], key: str, value: V, *, most: int = MOST) -> None:
    """Puts a value last, in place of an earlier one of its key; the oldest goes where there are more than `most`.

    Looking up is the dict's own `get`, which changes no order: what counts is when something was kept.
    """
    memory.pop(key, None)
    if len(memory) >= most:
        del memory[next(iter(memory))]
    memory[key] = value
