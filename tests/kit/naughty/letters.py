"""Letters, digits and pictures from all over the world, including the newest, and some that look like others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

# Where the letters of each script begin.
_SCRIPTS: Final = {
    "Greek": 0x03B1,
    "Cyrillic": 0x0430,
    "Armenian": 0x0561,
    "Hebrew": 0x05D0,
    "Arabic": 0x0628,
    "Thaana": 0x0780,
    "Devanagari": 0x0915,
    "Tamil": 0x0B95,
    "Thai": 0x0E01,
    "Tibetan": 0x0F40,
    "Georgian": 0x10D0,
    "Ethiopic": 0x1200,
    "Cherokee": 0x13A0,
    "Ogham": 0x1681,
    "Mongolian": 0x1820,
    "Hiragana": 0x3042,
    "Han": 0x4E00,
    "Hangul": 0xAC00,
    "Hieroglyphs": 0x13000,
    "Adlam": 0x1E922,
    "Han, the second plane": 0x20000,
}
# Recent additions to Unicode, which many libraries do not know yet.
_NEW: Final = {
    "15.0, Kawi": 0x11F04,
    "15.0, Nag Mundari": 0x1E4D0,
    "15.1, description of ideographs": 0x2FFC,
    "15.1, Han, extension I": 0x2EBF0,
    "16.0, Garay": 0x10D50,
    "16.0, Todhri": 0x105C0,
    "16.0, Tulu-Tigalari": 0x11392,
    "16.0, Sunuwar": 0x11BC0,
    "16.0, Gurung Khema": 0x16101,
    "16.0, Kirat Rai": 0x16D43,
    "16.0, Ol Onal": 0x1E5D0,
    "16.0, hieroglyphs, extension A": 0x13460,
    "16.0, legacy computing": 0x1CC00,
    "17.0, Sidetic": 0x10940,
    "17.0, Tolong Siki": 0x11DB0,
    "17.0, Beria Erfe": 0x16EA0,
    "17.0, Tai Yo": 0x1E6C0,
    "17.0, Han, extension J": 0x323B0,
}
#: The pictures of Unicode 15.0, 16.0 and 17.0.
_NEW_PICTURES: Final = "\U0001fae8\U0001fae9\U0001fadf\U0001faea\U0001facd"
# Where the small letters begin in alphabets that are styled Latin.
_DRESSES: Final = (0x1D41A, 0x1D586, 0x1D552, 0x1D68A, 0xFF41, 0x24D0, 0x249C)
# Where the digits of each script begin.
_ZEROS: Final = (0x0660, 0x0966, 0x0E50, 0xFF10, 0x1D7CE, 0x2080, 0x2460, 0x1FBF0)
# These look like Latin letters.
_LIKE: Final = {"a": "\u0430", "d": "\u0501", "i": "\u0456"}
_PERSON, _JOINER, _PICTURE = "\U0001f9d1", "\u200d", "\ufe0f"
_TONES: Final = [chr(number) for number in range(0x1F3FB, 0x1F400)]


def scripts() -> Iterator[str]:
    """The first five letters of many scripts."""
    for start in _SCRIPTS.values():
        yield "".join(map(chr, range(start, start + 5)))


def new_ones() -> Iterator[str]:
    """The first letters of scripts that came with Unicode 15 to 17, and the new pictures."""
    for start in _NEW.values():
        yield "".join(map(chr, range(start, start + 4)))
    yield from (f"duck{picture}" for picture in _NEW_PICTURES)


def dresses() -> Iterator[str]:
    """'admin' in other alphabets, which some programs take for the same word."""
    for start in _DRESSES:
        yield "".join(chr(start + ord(letter) - ord("a")) for letter in "admin")
    for letter, other in _LIKE.items():
        yield "admin".replace(letter, other)


def digits() -> Iterator[str]:
    """1, 2, 3 in other scripts, in circles, raised, Roman and as fractions."""
    for zero in _ZEROS:
        yield "".join(chr(zero + digit) for digit in (1, 2, 3))
    yield from ("\u00b9\u00b2\u00b3", "\u2160\u2161\u2162", "\u00bc\u2153\u215b", "\u4e00\u4e8c\u4e09")


def pictures() -> Iterator[str]:
    """Pictures that are made of several characters, some of which do not belong together."""
    yield "\U0001f986"
    yield "".join(f"\U0001f44b{tone}" for tone in _TONES)
    for second in ("\U0001f33e", "\u2695\ufe0f", "\U0001f9b0", "\U0001f91d\u200d\U0001f9d1"):
        yield _PERSON + _TONES[2] + _JOINER + second
    yield _JOINER.join(("\U0001f468", "\U0001f469", "\U0001f467", "\U0001f466"))
    yield f"\U0001f3c3{_JOINER}\u27a1{_PICTURE}"
    yield f"#{_PICTURE}\u20e3"
    yield "\u2764\ufe0e\u2764\ufe0f"
    # A joiner that joins nothing, and one that is repeated.
    yield f"{_JOINER}\U0001f986"
    yield f"{_PERSON}{_JOINER}{_JOINER}\U0001f33e"
    yield _JOINER.join([_PERSON] * 200)
    yield _TONES[0] * 5


def flags() -> Iterator[str]:
    """Flags of letters, of letters that are no country, of one letter, and of tags with and without an end."""
    for name in ("UN", "ZZ", "DEF", "DE" * 100):
        yield "".join(chr(0x1F1E6 + ord(letter) - ord("A")) for letter in name)
    for name, end in {"gbsct": "\U000e007f", "gbwls": ""}.items():
        yield "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in name) + end
