"""Estimates how many guesses find a secret that a person has set, such as a key for signing.

A secret is read as a row of pieces, each as cheap as an attacker's tools make it: what guides print, words by
their rank, names, rows of keys and letters, what occurred before. Only the rest counts by its characters. Guessing
is offline here, and one signature is enough to try: so what a password may be is too little.
"""

from __future__ import annotations

import binascii
import hashlib
import math
import re
from base64 import b32decode, b64decode
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from app.auth.factors.secret_texts import BOOK, PHRASES, VOCABULARY
from app.auth.factors.zxcvbn_names import RANKED_WORDS

#: Less is guessed by somebody with a few graphics cards. Thirty-two random digits have far more, and seven random
#: words somewhat more.
LEAST_BITS: Final = 60.0
#: How many characters are judged: the rest can only add to it.
MOST: Final = 200
#: What a piece costs, in bits: a word of guides, and a part of a known text or of what came before.
GUIDE_WORD: Final = 3.0
COPY: Final = 7.0
#: What a character costs that belongs to no piece, what is added if it is of another kind than the one before, and
#: what a sign between words costs.
CHARACTER: Final = 3.0
CHANGE: Final = 2.0
BETWEEN: Final = 0.5
_LONGEST_WORD: Final = 20
_SHORTEST_COPY: Final = 4
_LONGEST_COPY: Final = 64
_LONGEST_STEP: Final = 5
#: How often a text may be wrapped in encodings.
_DEPTH: Final = 3
_LEET: Final = (str.maketrans("4@301$57!8|", "aaeolsstibl"), str.maketrans("4@301$57!8|9", "aaeoisstiblg"))
_SIGNS: Final = frozenset(" -_./:,;+=*~#'\"()[]{}<>|\\&\n\t")


def is_guessable(secret: str) -> bool:
    """Returns whether `secret` is found within 2 to the power of `LEAST_BITS` guesses, in some reading.

    This takes milliseconds: some forty at the worst, and as many once for the words.
    """
    readings = set(_readings(secret[:MOST], _DEPTH))
    if readings & PHRASES or secret.lower() in _digests():
        return True
    texts = {each for one in readings for each in (one, one[::-1], *_condensed(one))}
    return any(map(_is_cheap, texts))


def _readings(text: str, depth: int) -> Iterator[str]:
    """Yields `text`, and what is encoded in it as text."""
    yield text
    if depth:
        for decoded in set(_decoded(text)) - {text}:
            yield from _readings(decoded[:MOST], depth - 1)


def _decoded(text: str) -> Iterator[str]:
    bare = text.strip().rstrip("=")
    raw: list[bytes] = []
    with suppress(ValueError):
        raw.append(bytes.fromhex(bare))
    for altchars in (b"+/", b"-_"):
        with suppress(binascii.Error, ValueError):
            raw.append(b64decode(bare + "=" * (-len(bare) % 4), altchars, validate=True))
    with suppress(binascii.Error, ValueError):
        raw.append(b32decode(bare.upper() + "=" * (-len(bare) % 8)))
    for one in raw:
        with suppress(UnicodeDecodeError):
            decoded = one.decode()
            if decoded.strip().isprintable() and decoded.strip():
                yield decoded.strip()
    if "%" in text:
        yield unquote(text)


def _condensed(text: str) -> Iterator[str]:
    """Yields `text` without what only makes it longer: repeated characters, and signs between single ones."""
    for pattern, kept in ((r"(.)\1+", r"\1"), (r"[\s_.,:;/-]+", "")):
        short = re.sub(pattern, kept, text, flags=re.DOTALL)
        if 2 * len(short) <= len(text) + 1:
            yield short


@lru_cache(1)
def _digests() -> frozenset[str]:
    """Returns the hashes of what guides print, in hexadecimal digits: somebody hashes 'secret' to get 64."""
    words = {"", *VOCABULARY, *PHRASES}
    kinds = (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.sha512)
    return frozenset(kind(word.encode()).hexdigest() for word in words for kind in kinds)


def _is_cheap(text: str) -> bool:
    """Returns whether some row of pieces that gives `text` costs less than `LEAST_BITS`."""
    folded = text.casefold()
    if len(folded) != len(text):  # a few letters of Unicode become two
        text = folded
    cost = [0.0, *[math.inf] * len(text)]
    for start in range(len(text)):
        if min(cost[start : start + _LONGEST_COPY + 1]) >= LEAST_BITS:  # every row passes one of these places
            return False
        for end, price in _pieces(text, folded, start):
            cost[end] = min(cost[end], cost[start] + price)
    return cost[-1] < LEAST_BITS


def _pieces(text: str, folded: str, start: int) -> Iterator[tuple[int, float]]:
    """Yields where each piece that begins at `start` ends, and what it costs."""
    yield start + 1, _price(text, start)
    for end in range(start + 2, min(len(text), start + _LONGEST_WORD) + 1):
        price = _word_price(folded[start:end])
        if price is not None:
            yield end, price
    known = f"{BOOK}\n{folded[:start]}"
    for end in range(start + _SHORTEST_COPY, min(len(text), start + _LONGEST_COPY) + 1):
        if folded[start:end] not in known:
            break
        yield end, COPY
    for length, price in (*_repetitions(folded, start), *_steps(folded, start)):
        yield start + length, price


def _repetitions(folded: str, start: int) -> Iterator[tuple[int, float]]:
    """Yields the length and the price of what goes on as the text before it: it may go on for ever."""
    for period in range(1, min(start, _LONGEST_WORD) + 1):
        length = 0
        while (
            length < _LONGEST_COPY
            and start + length < len(folded)
            and folded[start + length] == folded[start + length - period]
        ):
            length += 1
        if length >= _SHORTEST_COPY - 1:
            yield length, min(COPY, 1 + math.log2(period) + math.log2(length))


def _steps(folded: str, start: int) -> Iterator[tuple[int, float]]:
    """Yields the length and the price of what counts up or down, in one row ('acegi') or in two ('a9b8c7')."""
    codes = [ord(char) for char in folded[start : start + _LONGEST_COPY]]
    for rows in (1, 2):
        steps = [after - before for before, after in zip(codes, codes[rows:], strict=False)]
        length = rows
        while length - rows < len(steps) and steps[length - rows] == steps[(length - rows) % rows]:
            length += 1
        if length >= rows + 3 and max(map(abs, steps[:rows])) <= _LONGEST_STEP:
            yield length, COPY


def _price(text: str, at: int) -> float:
    char = text[at]
    if char in _SIGNS:
        return BETWEEN if at == 0 or text[at - 1] not in _SIGNS else CHARACTER
    return CHARACTER + (CHANGE if at and _kind(text[at - 1]) not in (_kind(char), "sign") else 0.0)


def _kind(char: str) -> str:
    if char in _SIGNS:
        return "sign"
    if char.isdigit():
        return "digit"
    if char.isalpha():
        return "upper" if char.isupper() else "lower"
    return "other"


def _word_price(word: str) -> float | None:
    """Returns what a word costs, also with signs in place of letters, or None if it is none."""
    price = _plain_price(word)
    for table in _LEET:
        meant = word.translate(table)
        if meant != word and (other := _plain_price(meant)) is not None:
            price = min(math.inf if price is None else price, other + 1)
    return price


def _plain_price(word: str) -> float | None:
    if word in VOCABULARY:
        return GUIDE_WORD
    rank = _ranks().get(word)
    return None if rank is None else max(GUIDE_WORD, math.log2(rank) + 1)


@lru_cache(1)
def _ranks() -> dict[str, int]:
    """Returns the best rank of each word: of passwords, of English, and of names."""
    best: dict[str, int] = {}
    for ranked in RANKED_WORDS.values():
        for word, rank in ranked.items():
            best[word] = min(rank, best.get(word, rank))
    return best
