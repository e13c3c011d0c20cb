"""Characters that are invisible, not characters at all, or not what they seem, mostly inside text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

# Marks that turn the direction of the following text, and those that end it (UAX #9).
_DIRECTIONS: Final = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# Drawn as nothing, or as a space that is none: joiners, fillers, selectors, tags, marks of musical notes.
_UNSEEN: Final = (
    "\u00ad\u034f\u115f\u17b4\u180b\u180e\u200b\u200c\u200d\u2060\u2063\u206a\u2800\u3164\ufe0f\ufeff\uffa0\ufff9"
    "\U0001d173\U000e0001\U000e0041\U000e007f\U000e0100"
)
_SPACES: Final = "\u1680\u2003\u2007\u200a\u202f\u3000"
_QUOTES: Final = (
    "'\"`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a\u300c\u301d\uff02\uff07"
    "\u02bc\u05f3\u2032\u275d"
)
# No characters, and characters that stand for one that could not be read.
_NONE: Final = (0xFDD0, 0xFDEF, 0xFFFE, 0x1FFFE, 0x2FFFF, 0xEFFFE, 0x10FFFF, 0xFFFD, 0xFFFC)
# For private use, or not assigned yet.
_NOT_GIVEN: Final = (0xE000, 0xF8FF, 0xF0000, 0x100000, 0x0378, 0x40000)


def controls() -> Iterator[str]:
    """Each character of C0, each of C1, and DEL."""
    for number in (*range(0x20), *range(0x7F, 0xA0)):
        yield f"quack{chr(number)}quack"


def directions() -> Iterator[str]:
    """Each direction mark without an end, many of them at once, and one that hides a file's type."""
    for mark in _DIRECTIONS:
        yield f"quack {mark}kcauq 123"
    yield "\u202e" * 130 + "deep"
    yield "holiday\u202egpj.exe"


def unseen() -> Iterator[str]:
    """Each invisible character between two letters, and a text of invisible characters only."""
    for char in _UNSEEN:
        yield f"du{char}ck"
    yield "\u2060\u200d\u200c\ufeff"


def spaces() -> Iterator[str]:
    """Spaces of other widths around a word, and spaces alone."""
    for char in _SPACES:
        yield f"{char}duck{char}"
    yield from (" ", "\u00a0", " \t\r\n\v\f", "duck  pond", "duck\n\npond")


def nobody_s() -> Iterator[str]:
    """Code points that are no characters, or whose meaning nobody knows."""
    for number in (*_NONE, *_NOT_GIVEN):
        yield f"duck{chr(number)}"


def halves() -> Iterator[str]:
    """Halves of surrogate pairs, alone and in the wrong order, and a pair that was encoded half by half."""
    yield from ("duck\ud83e", "\udd86duck", "\udd86\ud83e", "\ud83e\ud83e", "\ud83e\udd86", "\ud83e \udd86")


def escapes() -> Iterator[str]:
    """Surrogate halves, NULs and letters in escapes of JSON, of other languages, and of URLs and mails."""
    for code in ("0000", "000a", "0041", "d800", "dfff", "dd86\\ud83e", "d83e\\udd86", "zzzz"):
        yield f"\\u{code}"
    yield from ("\\x00", "\\0", "\\u{1f986}", "\\N{DUCK}", "\\", "%00quack", "%u0041", "%c0%af", "%f0%9f%a6%86")
    yield from ("%", "%zz", "%25", "=?utf-8?Q?=00?=", "&#0;", "&#xd800;", "&amp;amp;", "+AGQ-")


def quotes() -> Iterator[str]:
    """Each kind of quotation mark without its end, and some inside each other."""
    for mark in _QUOTES:
        yield f"{mark}duck"
    yield from ("''", '""', "'\"'\"", "\\'", '"""')


def marks() -> Iterator[str]:
    """Letters under many marks, marks without a letter, and enclosing marks."""
    heap = "".join(map(chr, range(0x300, 0x334)))
    for word in ("duck", "\u05d1\u05e8\u05d5\u05d6", "\u0e40\u0e1b\u0e47\u0e14"):
        yield "".join(letter + heap for letter in word)
    yield "\u0301duck"
    yield "\u20ddduck\u20e3"
    yield "\u1100" * 20 + "\u1161" * 20
    yield "\u0915" + "\u094d\u0915" * 40


def growers() -> Iterator[str]:
    """Characters that become more or longer when they are normalised or change case."""
    for char in "\ufdfa\u3300\ufb03\u00bd\u2105\u1f82\ufb2c\U0001d160":
        yield f"{char}duck{char}"
    for char in "\u00df\u0130\u0149\u0390\ufb17\u023a\u2c65\u1e9e\u212a":
        yield char * 40


def forms() -> Iterator[str]:
    """One text in each normal form; all of them look the same."""
    text = "\u212bngstr\u00f6m \ufb01nds \ud55c\uae00 \u1e9b\u0323"
    yield unicodedata.normalize("NFC", text)
    yield unicodedata.normalize("NFD", text)
    yield unicodedata.normalize("NFKC", text)
    yield unicodedata.normalize("NFKD", text)
