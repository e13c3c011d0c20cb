"""Finds names that look like a setting and are none: nobody would notice that they have no effect."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

_FILE: Final = "_FILE"
#: People put it before the names of settings, as other programs ask them to.
_PREFIX: Final = "DUET_"


def near_misses(names: Iterable[str], settings: Collection[str], secrets: Collection[str]) -> Iterator[str]:
    """Yields a sentence for each name that looks like a setting and is none.

    Args:
        names: of environment variables, and in `.env`. Most belong to other programs.
        settings: the settings' names.
        secrets: those among them that may be given as `NAME_FILE`.
    """
    known = {*settings, *(f"{name}{_FILE}" for name in secrets)}
    for name in sorted(set(names) - known):
        plain = name.upper().replace("-", "_").removeprefix(_PREFIX)
        if plain.endswith(_FILE) and (meant := plain.removesuffix(_FILE)) in settings and plain not in known:
            yield f"{name} has no effect, as only secrets are read from files: did you mean {meant}?"
        elif (near := _nearest(plain, known)) is not None:
            yield f"{name} has no effect: did you mean {near}?"


def _nearest(name: str, known: Collection[str]) -> str | None:
    """Returns the one of `known` that was probably meant, if any.

    One slip of the keyboard is allowed, and two in a name of eight letters or more; or the words in another order.
    """
    words = sorted(name.split("_"))
    for one in sorted(known):
        if sorted(one.split("_")) == words:
            return one
    near = [(_distance(name, one, 1 if len(one) < 8 else 2), one) for one in sorted(known)]
    return min((found for found in near if found[0] is not None), default=(None, None))[1]


def _distance(left: str, right: str, limit: int) -> int | None:
    """Returns how many slips lie between two names; None if they are more than `limit`.

    A slip is a letter too many, too few, or wrong, or two that are swapped (Damerau and Levenshtein).
    """
    if abs(len(left) - len(right)) > limit:
        return None
    rows = [list(range(len(right) + 1))]
    for at, letter in enumerate(left, 1):
        row = [at]
        for there, other in enumerate(right, 1):
            best = min(rows[-1][there] + 1, row[-1] + 1, rows[-1][there - 1] + (letter != other))
            if at > 1 and there > 1 and (letter, left[at - 2]) == (right[there - 2], other):
                best = min(best, rows[-2][there - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1] if rows[-1][-1] <= limit else None
