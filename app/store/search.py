"""How every store finds users by the beginning of their email address, name or last name, a page at a time.

A store keeps two search keys beside each user (see `name_keys`). A search has three phases, one after the other:
email addresses, names, last names. Each reads one range of an index, and leaves out users that an earlier phase
has shown.
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

#: Only this many characters of a query and of a name count: as many as the longest email address has.
LONGEST: Final = MAX_EMAIL_LENGTH
_HIGHEST: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)


class Phase(IntEnum):
    """What the users in one part of the answer were found by."""

    EMAIL = 0
    NAME = 1
    LAST_NAME = 2


@dataclass(frozen=True, slots=True)
class Search:
    """One step of a search: at most `limit` users whose key for `phase` is at least `lower`, and below `upper`.

    `upper` is None where no string is above all that begin with `lower`. `after` holds the keys of the user after
    whom to begin, in the order of the phase's index.
    """

    phase: Phase
    lower: str
    upper: str | None
    after: tuple[str, ...] | None
    limit: int


#: The users that a step finds, each with their keys in the phase's index.
Found = list[tuple[User, tuple[str, ...]]]


def fold(value: str) -> str:
    """Returns `value` without what a search ignores: capitals, look-alikes (NFKC), runs of white space."""
    # Cut first: the time to normalise a run of combining marks grows with the square of its length.
    value = _nfkc(_nfkc(text(value)[:LONGEST]).casefold())
    return " ".join(value.split())[:LONGEST]


def _nfkc(value: str) -> str:
    return unicodedata.normalize("NFKC", value)


def name_keys(name: str) -> tuple[str, str]:
    """Returns a name's search keys: the folded name, and its last word, which is empty if it is the only one."""
    key = fold(name)
    _, _, last = key.rpartition(" ")
    return key, "" if last == key else last


def after_prefix(prefix: str) -> str | None:
    """Returns the smallest string above all that begin with `prefix`, by code points, or None if there is none.

    Both databases compare UTF-8 bytes, which have the same order as code points.
    """
    kept = prefix.rstrip(chr(_HIGHEST))
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    if following in _SURROGATES:  # no text holds these
        following = _SURROGATES.stop
    return kept[:-1] + chr(following)


async def page_of_users(
    find: Callable[[Search], Awaitable[Found]], query: str, *, cursor: str, limit: int
) -> Page[User]:
    """Returns a page of the users that `query` finds, filled from as many phases as it takes.

    Args:
        find: finds the users of one step in the store.
        query: the beginning of an email address, a name or a last name; empty for everybody.
        cursor: the one that the page before gave; empty for the first page.
        limit: how many users a page has at most; below 1 it is empty.

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
        # One user more than fits tells whether there is another page.
        step = Search(phase, lower, after_prefix(lower), after, limit + 1 - len(items))
        for user, keys in await find(step):
            items.append(user)
            places.append(write_cursor(phase.value, *keys))
        after = None
    return Page(items[:limit], places[limit - 1] if len(items) > limit else None)


def _place(cursor: str, lower: str) -> tuple[Phase, tuple[str, ...] | None]:
    """Returns the phase in which the page begins, and after which keys. Refuses the cursor of another query."""
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
