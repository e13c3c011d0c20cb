"""Keys of our own making: which ones are read, in a set, in the store and in the settings."""

from __future__ import annotations

from pathlib import Path

from tests.vectors.collection import EARLIER_KINDS, KEY_KINDS
from tests.vectors.judges import (
    believed_in_store,
    passes_with_earlier_key,
    passes_with_keys,
    reads_earlier_key,
)
from tests.vectors.keys import signer
from tests.vectors.kinds.earlier import earlier_cases_of
from tests.vectors.kinds.key_numbers import for_everybody
from tests.vectors.kinds.keysets import KeyCase, key_cases_of, sets
from tests.vectors.weak import guessable_rsa, is_guessable


def test_a_token_counts_where_its_key_is_one(key_cases: tuple[KeyCase, ...]) -> None:
    """Only keys that Duet would have written itself are read from a set, and only the one that the token names is
    used."""
    assert [case.name for case in key_cases if passes_with_keys(case) != case.is_token] == []


async def test_no_key_that_somebody_put_into_the_store_counts(tmp_path: Path) -> None:
    """A key that Duet's secret did not seal verifies nothing, sound or not, or with a back door."""
    known = [case for kind in (*KEY_KINDS, for_everybody) for case in key_cases_of(kind)]
    assert await believed_in_store(tmp_path, known, is_sealed_here=False) == []


async def test_a_key_that_duet_sealed_counts(tmp_path: Path) -> None:
    """A sealed key counts, or the test above would prove nothing."""
    sound = [case for case in key_cases_of(sets) if case.name.startswith("sets: EdDSA") and case.is_token]
    assert await believed_in_store(tmp_path, sound, is_sealed_here=True) == [case.name for case in sound] != []


def test_an_earlier_system_s_key_is_read_where_it_is_one() -> None:
    """The key must be a strong enough public key in PEM, or a secret that nobody can guess, for its algorithm."""
    known = [case for kind in EARLIER_KINDS for case in earlier_cases_of(kind)]
    assert [case.name for case in known if reads_earlier_key(case) != case.is_sound] == []
    assert [case.name for case in known if case.is_sound and not passes_with_earlier_key(case)] == []


def test_a_guessable_key_is_what_it_is_said_to_be() -> None:
    """The vector shows the trace of its making in every small prime, and a random key does not."""
    assert is_guessable(guessable_rsa().public.public_numbers().n)
    assert not is_guessable(signer("RS256").public.public_numbers().n)
