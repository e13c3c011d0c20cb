"""The internal names of zxcvbn that Duet uses, and why. The only importer of `zxcvbn`."""

from __future__ import annotations

from typing import Any, Final

#: The names as `app.packages` looks for them at the start.
PLACES: Final = (
    # The documented `zxcvbn.zxcvbn` keeps its caller's words in a global, where they would count for other
    # threads. It is made of these two functions: the first finds words, rows and repetitions, and the second finds
    # the sequence of them that takes the fewest guesses.
    "zxcvbn.matching:omnimatch",
    "zxcvbn.scoring:most_guessable_match_sequence",
    # Without this parameter, each further part of any kind counts as ten thousand more guesses.
    "zxcvbn.scoring:most_guessable_match_sequence(_exclude_additive)",
    # The words that it knows, with the rank of each in its list. Secrets are judged by them.
    "zxcvbn.matching:RANKED_DICTIONARIES",
)

try:
    from zxcvbn.matching import RANKED_DICTIONARIES as RANKED_WORDS
    from zxcvbn.matching import omnimatch
    from zxcvbn.scoring import most_guessable_match_sequence
except ImportError:
    # Every command imports this module, even for its help. The start reports what is gone before it is called.
    omnimatch = most_guessable_match_sequence = None
    RANKED_WORDS = {}


def fewest_guesses(text: str, matches: Any) -> dict[str, Any]:
    """Returns how many guesses find `text` (`guesses_log10`), and by which of its parts (`sequence`).

    Args:
        text: a password, or a part of one.
        matches: what `omnimatch` finds in it.
    """
    found: dict[str, Any] = most_guessable_match_sequence(text, matches, _exclude_additive=True)
    return found


__all__ = ["PLACES", "RANKED_WORDS", "fewest_guesses", "omnimatch"]
