"""The list of all kinds of vectors, which the tests and the README follow."""

from __future__ import annotations

from typing import Final

from tests.vectors.cases import Kind
from tests.vectors.kinds import (
    algorithms,
    curves,
    earlier,
    encodings,
    forms,
    headers,
    key_numbers,
    keysets,
    macs,
    payloads,
    pss,
    rsa_paddings,
)
from tests.vectors.kinds.earlier import EarlierKind
from tests.vectors.kinds.keysets import KeyKind

#: Signatures.
KINDS: Final[tuple[Kind, ...]] = (
    forms.parts,
    forms.alterations,
    forms.around,
    forms.serialisations,
    forms.json_spellings,
    forms.no_json,
    encodings.strays,
    encodings.equals_signs,
    encodings.unused_bits,
    encodings.other_encodings,
    algorithms.nobody_signed,
    algorithms.other_names,
    algorithms.wrong_primitives,
    algorithms.other_algorithms,
    algorithms.confusions,
    algorithms.foreign_kids,
    headers.keys_brought_along,
    headers.critical,
    headers.unencoded,
    headers.names,
    headers.types,
    headers.more_members,
    payloads.bytes_of_all_kinds,
    payloads.no_claims,
    payloads.claims_that_count,
    payloads.lengths,
    macs.key_lengths,
    macs.odd_macs,
    macs.other_digests,
    curves.numbers_out_of_range,
    curves.other_forms_of_the_numbers,
    curves.short_numbers,
    curves.other_messages,
    curves.edwards_signatures,
    rsa_paddings.digest_descriptions,
    rsa_paddings.other_hashes,
    rsa_paddings.fillings,
    rsa_paddings.numbers,
    pss.salted_paddings,
    pss.salted_numbers,
)
#: Sets of keys, each with a token.
KEY_KINDS: Final[tuple[KeyKind, ...]] = (
    keysets.sets,
    keysets.same_names,
    keysets.mixed_sets,
    keysets.purposes,
    key_numbers.kinds_of_keys,
    key_numbers.other_curves,
    key_numbers.points,
    key_numbers.edwards_points,
    key_numbers.moduli,
    key_numbers.no_keys,
)
#: Keys that are in the settings.
EARLIER_KINDS: Final[tuple[EarlierKind, ...]] = (
    earlier.sound_keys,
    earlier.weak_keys,
    earlier.other_kinds,
    earlier.other_forms,
)
