"""The names that Duet takes out of zxcvbn's inside, and why. The only importer of `zxcvbn`."""

from __future__ import annotations

from typing import Any, Final

#: As `app.packages` looks for them, at the start.
PLACES: Final = (
    # The documented `zxcvbn.zxcvbn` keeps its caller's words in a global, where they would count for another
    # thread. These two are what it is made of: the first finds words, rows and repetitions, the second the
    # sequence of them that takes the fewest guesses.
    "zxcvbn.matching:omnimatch",
    "zxcvbn.scoring:most_guessable_match_sequence",
    # Without it each further part counts as ten thousand guesses more, whatever it is.
    "zxcvbn.scoring:most_guessable_match_sequence(_exclude_additive)",
)

try:
    from zxcvbn.matching import omnimatch
    from zxcvbn.scoring import most_guessable_match_sequence
except ImportError:
    # Every command imports this, the help too. Before anything calls them the start has told what is gone.
    omnimatch = most_guessable_match_sequence = None


def fewest_guesses(text: str, matches: Any) -> dict[str, Any]:
    """How many guesses find `text` (`guesses_log10`), and by which parts of it (`sequence`).

    Args:
        text: a password, or a part of one.
        matches: what `omnimatch` finds in it.
    """
    found: dict[str, Any] = most_guessable_match_sequence(text, matches, _exclude_additive=True)
    return found


__all__ = ["PLACES", "fewest_guesses", "omnimatch"]
