"""How users are found by the beginning of their address, name or last name, and read in pages: for every store.

A store keeps two search keys beside each user (see `name_keys`). A search has three phases, one after the other:
addresses, names, last names. Each is one range of an index, and leaves out whom an earlier phase has shown.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from app.auth.models import MAX_EMAIL_LENGTH, Page, User
from app.auth.refusals import CursorInvalid
from app.store.cursors import read_cursor, write_cursor
from app.store.values import number, text

#: Only so many characters of a query and of a name count: as many as a whole address has.
LONGEST: Final = MAX_EMAIL_LENGTH
_HIGHEST: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)


class Phase(IntEnum):
    """What a part of the answer was found by."""

    EMAIL = 0
    NAME = 1
    LAST_NAME = 2


@dataclass(frozen=True, slots=True)
class Search:
    """One step: at most `limit` users of `phase` whose key is `lower` or above, and below `upper`, after `after`.

    `upper` is None where no string is above all that begin with `lower`. `after` are the keys of the user behind
    which to begin, in the order of the phase's index.
    """

    phase: Phase
    lower: str
    upper: str | None
    after: tuple[str, ...] | None
    limit: int


#: The users that a step finds, each with its keys in the phase's index.
Found = list[tuple[User, tuple[str, ...]]]


def fold(value: str) -> str:
    """`value` without what makes no difference to a search: capitals, look-alikes (NFKC), runs of white space."""
    # Cut first: normalising a long run of combining marks takes the square of its length.
    value = _nfkc(_nfkc(text(value)[:LONGEST]).casefold())
    return " ".join(value.split())[:LONGEST]


def _nfkc(value: str) -> str:
    return unicodedata.normalize("NFKC", value)


def name_keys(name: str) -> tuple[str, str]:
    """The search keys of a name: folded, and of that the last word. The latter is empty if it is the only one."""
    key = fold(name)
    _, _, last = key.rpartition(" ")
    return key, "" if last == key else last


def after_prefix(prefix: str) -> str | None:
    """The smallest string above all that begin with `prefix`, by code points; None if there is none.

    Code points and UTF-8 bytes have the same order, which is how both databases compare.
    """
    kept = prefix.rstrip(chr(_HIGHEST))
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    if following in _SURROGATES:  # which no text holds
        following = _SURROGATES.stop
    return kept[:-1] + chr(following)


async def page_of_users(
    find: Callable[[Search], Awaitable[Found]], query: str, *, cursor: str, limit: int
) -> Page[User]:
    """A page of the users that `query` finds, filled from as many phases as it takes.

    Args:
        find: the store's answer to one step.
        query: the beginning of an address, a name or a last name; empty for everybody.
        cursor: of the page before, or empty.
        limit: the users on a page; below 1 there are none.

    Raises `CursorInvalid`.
    """
    lower = fold(query)
    first, after = _place(cursor, lower)
    items: list[User] = []
    if number(limit) < 1:
        return Page(items)
    places: list[str] = []
    for phase in Phase if lower else (Phase.EMAIL,):
        if phase < first or len(items) > limit:
            continue
        # One more than fits tells whether there is another page.
        step = Search(phase, lower, after_prefix(lower), after, limit + 1 - len(items))
        for user, keys in await find(step):
            items.append(user)
            places.append(write_cursor(phase.value, *keys))
        after = None
    return Page(items[:limit], places[limit - 1] if len(items) > limit else None)


def _place(cursor: str, lower: str) -> tuple[Phase, tuple[str, ...] | None]:
    """In which phase the page begins, and behind which keys. Those of another query's cursor are refused."""
    if not text(cursor):
        return Phase.EMAIL, None
    match read_cursor(cursor):
        case [int() as phase, str() as key] if phase == Phase.EMAIL and key.startswith(lower):
            return Phase.EMAIL, (key,)
        case [int() as phase, str() as key, str() as email_key] if (
            lower and Phase.EMAIL < phase <= Phase.LAST_NAME and key.startswith(lower)
        ):
            return Phase(phase), (key, email_key)
    raise CursorInvalid
