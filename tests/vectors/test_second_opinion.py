"""The verdicts of a second library, joserfc, which has its own code for everything but the arithmetic.

Cases on which it disagrees are listed here by name, with the reason.
"""

from __future__ import annotations

import itertools

import pytest

from tests.vectors.cases import Case
from tests.vectors.collection import KEY_KINDS, KINDS
from tests.vectors.judges import second_opinion, second_opinion_on_keys
from tests.vectors.keys import OTHERS, OURS
from tests.vectors.kinds.key_numbers import for_everybody
from tests.vectors.kinds.keysets import PAIRS, KeyCase, key_cases_of

# joserfc warns that it would rather have Ed25519 than EdDSA, and longer keys, and goes on.
pytestmark = [
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),
    pytest.mark.filterwarnings("ignore:Key size should be"),
]


def for_each(kind: str, algorithms: tuple[str, ...], *names: str) -> set[str]:
    """The names of these cases for each algorithm."""
    return {f"{kind}: {algorithm}, {name}" for algorithm, name in itertools.product(algorithms, names)}


#: The cases that joserfc accepts and the vectors refuse.
MORE_LENIENT: dict[str, set[str]] = {
    "Python's JSON guesses the encoding of bytes": {
        f"no_json: {name}"
        for name in (
            "a byte order mark",
            "UTF-16",
            "UTF-16 with its mark",
            "UTF-32",
            "a surrogate in UTF-8",
        )
    },
    "what is critical has to be there and known, and so it takes parameters that are never critical": for_each(
        "critical", OURS, "an empty list", "alg", "kid and typ", "itself"
    ),
    "it knows RFC 7797, and takes what is not encoded for the payload": for_each(
        "unencoded", OURS, "encoded all the same"
    ),
    "a JWS may carry nothing; Duet's never do": for_each("bytes_of_all_kinds", (*OURS, *OTHERS), "nothing"),
    "it reads longer texts than Duet does": for_each("lengths", OURS, "too long"),
}
#: The cases that joserfc refuses and the vectors accept.
STRICTER: dict[str, set[str]] = {
    "a header of more than 512 bytes is too long for it": {
        "keys_brought_along: RS256, jwk, and we signed",
        "names: a long one",
    },
}
UNSAID = (
    "for nobody knows what",
    "operations of both halves",
    "no alg",
    "no kid",
    "a member more",
    "a certificate",
)
CURVES = ("P-256", "P-384", "P-521", "secp256k1", "Ed25519", "Ed448", "X25519", "p-256", "")
KEYS_MORE_LENIENT: dict[str, set[str]] = {
    "of a set of one key it takes that for a token without kid": for_each(
        "sets", PAIRS, "under no name, of one key"
    ),
    "a kid is whatever somebody wrote, and the first one of that name is asked": for_each(
        "same_names", PAIRS, "an impostor in front, who signed", "a name that belongs to neither"
    ),
    "what a key is for need not be said, nor its name, and members that it does not know are no matter": {
        *for_each("purposes", PAIRS, *UNSAID),
        *for_each("kinds_of_keys", ("RS256",), *(f"crv {crv!r}" for crv in CURVES)),
    },
    "EdDSA may be Ed448 too (RFC 8037); Duet makes no such keys": {"other_curves: Ed448"},
    "it takes a number for its value, with zeros in front, without them, or beyond the prime": {
        "points: x without its zero",
        "points: x with a zero more",
        "points: y with a zero more",
        "points: x and the prime",
        "moduli: an exponent with a zero in front",
        "moduli: a modulus with a zero in front",
    },
    "of short keys it warns, and 3 is an exponent; Duet makes no such keys": {
        "moduli: of 1024 bits",
        "moduli: an exponent of 3",
    },
}
KEYS_STRICTER: dict[str, set[str]] = {
    "the first one of a name is asked, and an impostor in front hides ours": for_each(
        "same_names", PAIRS, "an impostor in front, and ours signed"
    ),
    "one broken key, and the whole set is refused": {"mixed_sets: a broken key beside a sound one"},
}


def names_in(listed: dict[str, set[str]], kind: str) -> set[str]:
    """The listed names of that kind."""
    return {name for names in listed.values() for name in names if name.startswith(f"{kind}: ")}


def test_joserfc_judges_the_signatures_as_the_vectors_do(cases: tuple[Case, ...]) -> None:
    """The verdicts agree except for the cases listed above, each of which still differs."""
    kind = cases[0].name.partition(":")[0]
    verdicts = {case.name: second_opinion(case) for case in cases}
    lenient = {case.name for case in cases if verdicts[case.name] and not case.is_signed}
    strict = {case.name for case in cases if case.is_signed and not verdicts[case.name]}
    assert lenient == names_in(MORE_LENIENT, kind)
    assert strict == names_in(STRICTER, kind)


def test_joserfc_judges_the_keys_as_the_vectors_do(key_cases: tuple[KeyCase, ...]) -> None:
    """The verdicts agree except for the cases listed above, each of which still differs."""
    kind = key_cases[0].name.partition(":")[0]
    verdicts = {case.name: second_opinion_on_keys(case) for case in key_cases}
    lenient = {case.name for case in key_cases if verdicts[case.name] and not case.is_token}
    strict = {case.name for case in key_cases if case.is_token and not verdicts[case.name]}
    assert lenient == names_in(KEYS_MORE_LENIENT, kind)
    assert strict == names_in(KEYS_STRICTER, kind)


def test_every_difference_is_of_a_known_kind() -> None:
    """A difference under an unknown kind would never be checked."""
    kinds = {kind.__name__ for kind in (*KINDS, *KEY_KINDS)}
    for listed in (MORE_LENIENT, STRICTER, KEYS_MORE_LENIENT, KEYS_STRICTER):
        assert {name.partition(":")[0] for names in listed.values() for name in names} <= kinds


def test_a_back_door_looks_like_a_door() -> None:
    """joserfc reads such keys too, because only their origin tells the difference."""
    assert all(map(second_opinion_on_keys, key_cases_of(for_everybody)))
