"""Texts that pass for something else: a number, a keyword, a file, an address or a name.

Where a table has a text on each line, the spaces around it belong to this file and not to the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_WORDS: Final = """
    undefined null NULL nil None NaN true FALSE off this constructor prototype __proto__ __class__ hasOwnProperty
    then length admin root (null) #N/A Infinity
"""
_NUMBERS: Final = """
    0 00 -0 .5 5. 1e3 1E+400 1e-400 -1e400 0x1f 0b11 0o17 017 1_000 1,000 1.000,50 1'000 1/0 1..2 --1 -. 1% 1#INF
    1e 0x1p-3
"""
_STEPS: Final = "../ ..\\ ..%2f %2e%2e/ ..%252f ..%c0%af ....// ..;/"
_FILES: Final = """
    . .. / // ~root /.git/config /proc/self/environ \\\\pond\\share file:///etc/hosts duck.txt::$DATA duck. *
    {a,b} %2e CON NUL COM1 C:
"""
_FORMATS: Final = """
    %s%s%s %n %*.*s %1$s %(duck)s %99999999d %@ {} {0} {duck} {0.__class__} {!r} {:>99999999} { } $duck ${duck} \\1
    #{duck}
"""
_ADDRESSES: Final = """
    @
    duck@
    @pond.example
    duck@pond
    duck@@pond.example
    duck pond@x.example
    .duck@x.example
    du..ck@x.example
    duck@x..example
    duck@x.example.
    duck@-x.example
    duck@[192.0.2.1]
    duck@[IPv6:2001:db8::1]
    "a duck"@x.example
    duck(quack)@x.example
    A Duck <duck@x.example>
    duck@x.example,drake@x.example
    duck%x.example@y.example
    mailto:duck@x.example?bcc=a@b.example
    duck@xn--.example
    +@x.example
    -duck@x.example
"""
# A letter in a circle, a full stop of China, a soft hyphen, a Cyrillic letter, a wide sign.
_STRANGE_ADDRESSES: Final = (
    "duck@\u24cd.example",
    "duck@x\u3002example",
    "duck@x\u00ad.example",
    "d\u0443ck@x.example",
    "duck\uff20x.example",
    "duck@x.example\nBcc: drake@x.example",
)
_LINKS: Final = """
    //evil.example
    ///evil.example
    /\\evil.example
    https:evil.example
    /%09/evil.example
    %2f%2fevil.example
    https://good.example@evil.example
    https://evil.example#@good.example
    https://evil.example\\@good.example
    https://evil.example%00.x.example
    javascript:quack()
    javascript://x%0aquack()
    data:text/html,<script>quack()</script>
    http://2130706433/
    http://[::1]:1/
    http://169.254.169.254/
    /account/../../x
    ?next=//evil.example
    #
"""
_NAMES: Final = (
    "O'Malley",
    "D\u2019Angelo-Smythe",
    "Test Null",
    "Sussex Middlesex Grammar School",
    "Therapist Finder",
    "X \u00c6 A-12",
    "Nguy\u1ec5n Th\u1ecb \u00c1nh",
    "\u738b",
    "Jr.",
    "\u2019s-Gravenhage",
    "\u02bbOkina",
)
_RUNS: Final = {
    "\U0001f986": 1000,
    " ": 3000,
    "(": 1000,
    '{"a":': 800,
    "<b>": 700,
    "\n": 1000,
    "a.": 1000,
    "@": 1000,
    "\\": 2000,
    "&amp;": 600,
}


def words() -> Iterator[str]:
    """Words that have a meaning in a language, a library or a table."""
    yield from _WORDS.split()


def numbers() -> Iterator[str]:
    """Numbers in every spelling, and at the limits of what machines can count."""
    yield from _NUMBERS.split()
    for bits in (15, 31, 32, 53, 63, 64):
        yield str(2**bits)
    yield from (str(-(2**63) - 1), "9" * 400, "0." + "0" * 400 + "1", " 1", "1\u00a0000", "\u22121")


def dates() -> Iterator[str]:
    """Days and times that do not exist, or not everywhere."""
    yield from ("0000-00-00", "2030-02-30", "2016-12-31T23:59:60Z", "9999-12-31T24:00:00+25:00", "-0001-01-01")


def runs() -> Iterator[str]:
    """Long repetitions, around limits and far beyond."""
    for length in (255, 256, 1025):
        yield "q" * length
    for unit, times in _RUNS.items():
        yield unit * times


def paths() -> Iterator[str]:
    """Paths out of a folder in every spelling, and files that are special."""
    for step in (*_STEPS.split(), "..\uff0f"):
        yield step * 6 + "etc/passwd"
    yield from _FILES.split()
    yield "duck.txt\0.png"


def formats() -> Iterator[str]:
    """Texts that formatting functions would fill in."""
    yield from _FORMATS.split()


def addresses() -> Iterator[str]:
    """Email addresses that are invalid, are two, or are not the one that they seem to be."""
    yield from map(str.strip, _ADDRESSES.strip().splitlines())
    yield from _STRANGE_ADDRESSES
    yield "d" * 65 + "@x.example"
    yield f"duck@{'d' * 64}.example"


def links() -> Iterator[str]:
    """URLs that lead elsewhere than they seem to, or are run instead of followed."""
    yield from map(str.strip, _LINKS.strip().splitlines())
    for char in "\t\n\x01":
        yield f"/{char}/evil.example"
        yield f"{char}javascript:quack()"


def names() -> Iterator[str]:
    """Names of people and places that are perfectly ordinary names."""
    yield from _NAMES
