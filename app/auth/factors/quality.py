"""Tells whether a password is easy to guess, and why, in plain words.

There are no composition rules (NIST SP 800-63B-4 section 3.1.1.2): a few unrelated words are as good as symbols.
What attackers try first is refused: common and breached passwords, rows of keys, repetitions, and the person's
name and email address.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Final

from app.auth.factors.zxcvbn_names import fewest_guesses, omnimatch
from app.auth.models import MAX_PASSWORD_LENGTH

#: A password that is found within this many guesses, as a power of ten, is refused. That covers a word list with
#: its variations, but not every combination: two unrelated words take a little more, three words 10^10 and up.
MIN_GUESSES: Final = 8.0
#: The same for each character of a short password, so that eight random ones may be chosen where eight are enough.
MIN_GUESSES_PER_CHARACTER: Final = 0.85
#: How many characters are judged at once. The time grows with the cube of this number.
PART: Final = 28
#: About how many readings of 'p4$$w0rd' are tried. With all the symbols there are hundreds, which take seconds.
MAX_COMBINATIONS: Final = 8

REPEATED: Final = "It repeats itself."
ROW: Final = "It is a row of keys, letters or digits."
COMMON: Final = "It is one of the passwords that are tried first."
PERSONAL: Final = "It is made of your name, your address or the name of this site."
GUESSED: Final = "It would be guessed soon."

_REASONS: Final = {"repeat": REPEATED, "spatial": ROW, "sequence": ROW, "dictionary": COMMON}
_PRODUCT: Final = "Duet"
#: Shorter words are part of too many others.
_MIN_WORD: Final = 3
_MAX_WORDS: Final = 40
#: What people write in place of a letter.
_LEET: Final = {
    "a": "4@",
    "b": "8",
    "c": "({[<",
    "e": "3",
    "g": "69",
    "i": "1!|",
    "l": "1|7",
    "o": "0",
    "s": "$5",
    "t": "+7",
    "x": "%",
    "z": "2",
}
#: One letter for each symbol that is not a digit.
_MEANT: Final = str.maketrans("@({[<!|$+%", "accccilstx")
#: The same keys without Shift: '!@#$%^&*()' is a row of them.
_UNSHIFTED: Final = str.maketrans('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./")
#: Keyboard layouts, including some that zxcvbn does not know.
_KEYBOARDS: Final = (
    "1234567890qwertyuiopasdfghjklzxcvbnm1234567890",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "ицукенгшщзхъфывапролджэячсмитьбю",
)


def check_quality(password: str, *, context: Sequence[str] = ()) -> str | None:
    """Returns why `password` would be guessed soon, or None.

    This takes milliseconds, forty at the worst, so it belongs in a thread and not on the event loop.

    Args:
        password: what was chosen. If it is longer than allowed, only the beginning counts.
        context: what is known of the person: the email address and the name.
    """
    text = _fold(password[:MAX_PASSWORD_LENGTH])
    needed = min(MIN_GUESSES, MIN_GUESSES_PER_CHARACTER * len(text))
    rest = re.sub("|".join(map(_spellings, _personal_words([*context, _PRODUCT]))), "", text)
    reason = _weakness(text, needed)
    if reason is None and len(_condensed(rest)) <= PART:
        # To zxcvbn a name is as good as any other word, but anyone who knows the person guesses it at once.
        reason = _weakness(rest, needed)
    return PERSONAL if reason is not None and 2 * len(rest) <= len(text) and rest != text else reason


def _weakness(text: str, needed: float) -> str | None:
    """Returns why all of `text` is found within `needed` guesses, or None if some part of it is not."""
    short = _condensed(text)
    reasons = [_reason(part, needed) for part in {short[:PART]: 0, short[-PART:]: 0}]
    reason = ROW if _is_row(short) else None if None in reasons else reasons[0]
    return REPEATED if reason is not None and 2 * len(short) <= len(text) else reason


def _reason(text: str, needed: float) -> str | None:
    """Returns why `text`, of `PART` characters at most, is found within `needed` guesses, or None."""
    if not text:
        return GUESSED
    combinations = math.prod(max(1, len(set(signs) & set(text))) for signs in _LEET.values())
    # One reading takes symbols for letters, the other takes them for keys in a row.
    readings = [text] if combinations <= MAX_COMBINATIONS else [text.translate(_MEANT), text.translate(_UNSHIFTED)]
    for reading in readings:
        found = fewest_guesses(reading, omnimatch(reading))
        if found["guesses_log10"] < needed:
            characters: Counter[str] = Counter()
            for match in found["sequence"]:
                characters[match["pattern"]] += len(match["token"])
            return _REASONS.get(max(characters, key=characters.__getitem__, default=""), GUESSED)
    return None


def _is_row(text: str) -> bool:
    """Returns whether `text` mostly goes from one key to the next."""
    pairs = [text[i : i + 2] for i in range(len(text) - 1)]
    return any(
        sum(pair in keys or pair[::-1] in keys for pair in pairs) > 0.8 * len(pairs)
        for keys in _KEYBOARDS
        if pairs
    )


def _condensed(text: str) -> str:
    """Returns `text` without what only adds length: symbols between letters, doubled letters and repetitions."""
    letters = re.sub(r"[\s._-]", "", text)
    if len(letters) <= 0.6 * len(text):
        text = letters
    single = re.sub(r"(.)\1+", r"\1", text, flags=re.DOTALL)
    if len(single) <= 0.6 * len(text):
        text = single
    return text if len(text) <= PART else _novel(text)


def _novel(text: str) -> str:
    """Returns `text` without what already occurred, looking at three characters at a time.

    Most of a sentence is left, but only one period of a pattern.
    """
    seen: set[str] = set()
    kept = []
    for i, char in enumerate(text):
        three = text[i : i + 3]
        if three not in seen:
            seen.add(three)
            kept.append(char)
    return "".join(kept)


def _personal_words(context: Sequence[str]) -> list[str]:
    """Returns the words of email addresses and names, the longest first: a whole address goes before its parts."""
    words: set[str] = set()
    for text in context:
        whole = _fold(text[:400])
        words.update((whole, *whole.split("@"), *re.findall(r"[^\W\d_]+|\d{4,}", whole)))
    return sorted((word for word in words if len(word) >= _MIN_WORD), key=len, reverse=True)[:_MAX_WORDS]


def _spellings(word: str) -> str:
    """Returns a pattern for `word` that also matches symbols in place of letters, and the word backwards."""
    pattern = [f"[{char}{re.escape(_LEET[char])}]" if char in _LEET else re.escape(char) for char in word]
    return f"{''.join(pattern)}|{''.join(reversed(pattern))}"


def _fold(text: str) -> str:
    """Folds capitals, accents and widths into one spelling."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in plain if not unicodedata.combining(char))
