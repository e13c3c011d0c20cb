"""Vectors of base64url (RFC 7515 section 2, RFC 4648 section 5): each part has one spelling.

Where the header or the payload is misspelt, the signature covers the misspelt text. So the signature is right, and
only the spelling is wrong.
"""

from __future__ import annotations

import base64
import itertools
import string
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from tests.vectors.cases import Case, claims, dumps, good, header, sealed, token, with_signature
from tests.vectors.keys import Signer, b64, our_signers, seed, signer

#: How to misspell a part.
Respell: TypeAlias = Callable[[str], str]

_ALPHABET: Final = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
_PARTS: Final = ("header", "payload", "signature")
_OTHERS: Final[dict[str, Respell]] = {
    "base64": lambda text: text.replace("-", "+").replace("_", "/"),
    "base64 with padding": lambda text: text.replace("-", "+").replace("_", "/") + "=",
    "base64 in lines": lambda text: base64.encodebytes(_decoded(text)).decode(),
    "base32": lambda text: base64.b32encode(_decoded(text)).decode().rstrip("="),
    "base85": lambda text: base64.b85encode(_decoded(text)).decode(),
    "hex digits": lambda text: _decoded(text).hex(),
    "as it is": lambda text: _decoded(text).decode("latin-1"),
    "twice": lambda text: b64(text.encode()),
    "a letter more": lambda text: text + "A",
    "a letter less": lambda text: text[:-1],
    "the letters swapped": lambda text: text.swapcase(),
}
# As payloads these are base64url too, but of something else: a good signature of something unintelligible.
_READS_AS_SOMETHING: Final = {
    "base32",
    "hex digits",
    "twice",
    "a letter more",
    "a letter less",
    "the letters swapped",
}
# None of these belongs to base64url; some decoders drop them, and others take them for a letter.
_STRAY: Final = {
    "a space": " ",
    "a line feed": "\n",
    "a tab": "\t",
    "a NUL": "\0",
    "an exclamation mark": "!",
    "a hash": "#",
    "a dollar": "$",
    "a per cent": "%",
    "an asterisk": "*",
    "a plus": "+",
    "a slash": "/",
    "a backslash": "\\",
    "a colon": ":",
    "a question mark": "?",
    "a tilde": "~",
    "an accent": "é",
    "a fullwidth A": "\uff21",
    "a Cyrillic A": "\u0410",
    "a zero width space": "\u200b",
    "a soft hyphen": "\u00ad",
}


def _respelt(one: Signer, part: str, respell: Respell, body: object = None) -> str:
    """A good token with one misspelt part, where the signature covers the misspelt text."""
    head, payload = b64(dumps(header(one))), b64(dumps(claims() if body is None else body))
    if part == "header":
        head = respell(head)
    if part == "payload":
        payload = respell(payload)
    text = sealed(one, f"{head}.{payload}")
    start, _, end = text.rpartition(".")
    return f"{start}.{respell(end)}" if part == "signature" else text


def strays() -> Iterator[Case]:
    """A character outside the alphabet: in front of a part, inside it, behind it, or in place of a letter."""
    one = signer("HS256")
    for part, (name, mark) in itertools.product(_PARTS, _STRAY.items()):
        for where, respell in _with_mark(mark).items():
            yield Case(f"{part}, {name} {where}", one, _respelt(one, part, respell))


def _with_mark(mark: str) -> dict[str, Respell]:
    return {
        "in front": lambda text: mark + text,
        "inside": lambda text: text[:8] + mark + text[8:],
        "behind": lambda text: text + mark,
        "four times behind": lambda text: text + 4 * mark,
        "for a letter": lambda text: mark + text[1:],
    }


def equals_signs() -> Iterator[Case]:
    """Parts with the padding that base64url leaves out here, and with padding where it never belongs."""
    for one, part, count in itertools.product(our_signers(), _PARTS, (1, 2, 3, 4)):
        text = _respelt(one, part, _with_mark("=" * count)["behind"])
        yield Case(f"{one.algorithm}, {part}, {count} behind", one, text)
    one = signer("HS256")
    # A payload of each length that base64 distinguishes, with the padding that it would have, and with more.
    for length, count in itertools.product((1, 2, 3), (1, 2)):
        text = _respelt(one, "payload", _with_mark("=" * count)["behind"], claims(sub="u" * length))
        yield Case(f"a sub of {length} letters, {count} behind", one, text)
    for part in _PARTS:
        yield Case(f"{part}, as per cent", one, _respelt(one, part, _with_mark("%3D")["behind"]))
        yield Case(f"{part}, in front", one, _respelt(one, part, _with_mark("=")["in front"]))
        yield Case(f"{part}, inside", one, _respelt(one, part, _with_mark("==")["inside"]))


def unused_bits() -> Iterator[Case]:
    """The last character holds bits that decoding drops, and all but one of their values are a second spelling."""
    one = signer("HS256")
    # Spaces behind the JSON change its length, and with it the number of unused bits.
    for spaces in range(3):
        head, body = b64(dumps(header(one)) + b" " * spaces), b64(dumps(claims()) + b" " * spaces)
        right = one.sign(f"{head}.{body}".encode())
        yield token(f"none, {spaces} spaces", one, with_signature(f"{head}.{body}", right))
        for name, text in {
            **{f"header, {wrong[-1]}": f"{wrong}.{body}" for wrong in _second_spellings(head)},
            **{f"payload, {wrong[-1]}": f"{head}.{wrong}" for wrong in _second_spellings(body)},
        }.items():
            yield Case(f"{name} at the end, {spaces} spaces", one, sealed(one, text))
            # The signer may have spelt it rightly.
            yield Case(f"{name} at the end, {spaces} spaces, not signed", one, with_signature(text, right))
    text = good(one)
    for wrong in _second_spellings(text):
        yield Case(f"signature, {wrong[-1]} at the end", one, wrong)


def _second_spellings(text: str) -> list[str]:
    """Every variant of `text`, whose last part is base64url, with another last character that decodes to the
    same."""
    unused = {0: 0, 2: 4, 3: 2}[len(text.rpartition(".")[2]) % 4]
    last = _ALPHABET.index(text[-1])
    return [text[:-1] + _ALPHABET[last + bits] for bits in range(1, 2**unused)]


def other_encodings() -> Iterator[Case]:
    """A part in another encoding, or of a length that base64url does not have."""
    # Each part has a character that the two alphabets write differently.
    one, body = Signer("a key???>>>~~~", "HS256", seed("a secret")), claims(sub="???>>>~~~ 2")
    for part, (name, respell) in itertools.product(_PARTS, _OTHERS.items()):
        if part != "payload" or name not in _READS_AS_SOMETHING:
            yield Case(f"{part}, {name}", one, _respelt(one, part, respell, body))


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
