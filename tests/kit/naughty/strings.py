"""The strings by group, where each group is a function, and so a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from tests.kit.naughty import characters, injections, letters, values

#: A rule that makes strings.
Group: TypeAlias = Callable[[], Iterator[str]]

GROUPS: Final[tuple[Group, ...]] = (
    characters.controls,
    characters.directions,
    characters.unseen,
    characters.spaces,
    characters.nobody_s,
    characters.halves,
    characters.escapes,
    characters.quotes,
    characters.marks,
    characters.growers,
    characters.forms,
    letters.scripts,
    letters.new_ones,
    letters.dresses,
    letters.digits,
    letters.pictures,
    letters.flags,
    values.words,
    values.numbers,
    values.dates,
    values.runs,
    values.paths,
    values.formats,
    values.addresses,
    values.links,
    values.names,
    injections.elements,
    injections.ways_out,
    injections.scripts,
    injections.queries,
    injections.commands,
    injections.templates,
    injections.header_lines,
    injections.terminals,
    injections.cells,
    injections.documents,
)

#: Part of every turn: lone surrogates, NUL, non-characters, line ends, directions, operators, and forms that grow
#: when normalised.
MORE: Final = [
    "\ud800",
    "\udfff",
    "a\udc80b",
    "\0",
    "a\0b",
    "\uffff",
    "\ufffe",
    "\U0010ffff",
    "\r\nX-Injected: 1",
    "\x1b[2J",
    "\x7f",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u0085",
    "\ufdfa" * 300,
    "\u0958" * 300,
    "e" + "\u0301" * 500,
    "x" * 5000,
    "{$ne: null}",
    '{"$gt": ""}',
    "$where",
    "' OR 1=1 --",
    "{{7*7}}",
    "{% raw %}",
    "%s%n",
    "%(name)s",
    "%00",
    "%ed%a0%80",
    "admin@example.com\0",
    "\u2100@example.com",
    "a@\u2488com",
    "xn--a@xn--a",
    "a@" + "b." * 120 + "com",
    "\u0131@example.com",
]


def made() -> list[str]:
    """All strings that the groups make."""
    return [text for group in GROUPS for text in group()]


def naughty_strings(*, turn: int | None = None) -> list[str]:
    """All of the strings; or, for a turn, every other string that the groups make, and all of `MORE`."""
    found = made()
    return [*(found if turn is None else found[turn % 2 :: 2]), *MORE]
