"""Vectors of the compact form: its three parts, what surrounds them, and other forms of the same signature."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

from tests.vectors.cases import Case, claims, good, header, sealed, signed, token, unsigned, with_signature
from tests.vectors.keys import Signer, b64, our_signers, signer


def parts() -> Iterator[Case]:
    """A token that lacks a part, or has one too many."""
    for one in our_signers():
        text = good(one)
        head, body, end = text.split(".")
        yield token(f"{one.algorithm}, whole", one, text)
        wrong = {
            "no signature": f"{head}.{body}.",
            "no signature and no dot before it": f"{head}.{body}",
            "no payload": f"{head}..{end}",
            "no payload and no dot before it": f"{head}.{end}",
            "no header": f".{body}.{end}",
            "no header and no dot after it": f"{body}.{end}",
            "a header alone": f"{head}..",
            "a payload alone": f".{body}.",
            "a signature alone": f"..{end}",
            "a header and nothing else": head,
            "a payload and nothing else": body,
            "nothing": "",
            "a dot": ".",
            "two dots": "..",
            "three dots": "...",
            "an empty part at the end": f"{text}.",
            "an empty part in front": f".{text}",
            "a part at the end": f"{text}.{body}",
            "a part in front": f"{head}.{text}",
            "two dots in place of one": f"{head}..{body}.{end}",
            "five parts, as what is encrypted has": f"{head}.{end}.{end}.{body}.{end}",
            "header and payload in each other's place": f"{body}.{head}.{end}",
            "payload and signature in each other's place": f"{head}.{end}.{body}",
            "the token twice": f"{text}.{text}",
        }
        for name, changed in wrong.items():
            yield Case(f"{one.algorithm}, {name}", one, changed)


def alterations() -> Iterator[Case]:
    """A token whose header, payload or signature is not the one that was signed."""
    for one in our_signers():
        text = good(one)
        head, body, _ = text.split(".")
        signature = one.sign(f"{head}.{body}".encode())
        for name, end in _altered(signature).items():
            yield Case(f"{one.algorithm}, {name}", one, with_signature(f"{head}.{body}", end))
        other = unsigned(header(one), claims(sub="user-2"))
        yield Case(f"{one.algorithm}, the payload of another user", one, with_signature(other, signature))
        respelled = unsigned(dict(reversed(header(one).items())), claims())
        yield Case(
            f"{one.algorithm}, the header's members in another order", one, with_signature(respelled, signature)
        )
        renamed = unsigned(header(one, kid=f"X{one.kid[1:]}"), claims())
        yield Case(f"{one.algorithm}, another kid", one, with_signature(renamed, signature))
        for name, data in {
            "the payload": body,
            "the header": head,
            "no dot": head + body,
            "a dot more": f"{head}.{body}.",
        }.items():
            yield Case(
                f"{one.algorithm}, {name} is what was signed",
                one,
                with_signature(f"{head}.{body}", one.sign(data.encode())),
            )
        decoded = json.dumps(header(one)).encode() + b"." + json.dumps(claims()).encode()
        yield Case(
            f"{one.algorithm}, what was signed is not encoded",
            one,
            with_signature(f"{head}.{body}", one.sign(decoded)),
        )
        stranger = signer(one.algorithm, "a stranger")
        yield Case(f"{one.algorithm}, a stranger signed it", one, sealed(stranger, f"{head}.{body}"))


def _altered(signature: bytes) -> dict[str, bytes]:
    size = len(signature)
    return {
        "the signature's first bit": bytes([signature[0] ^ 0x80]) + signature[1:],
        "the signature's last bit": signature[:-1] + bytes([signature[-1] ^ 1]),
        "a bit in the middle": signature[: size // 2]
        + bytes([signature[size // 2] ^ 16])
        + signature[size // 2 + 1 :],
        "without its last byte": signature[:-1],
        "without its first byte": signature[1:],
        "half of it": signature[: size // 2],
        "one byte of it": signature[:1],
        "a zero at the end": signature + b"\0",
        "a zero in front": b"\0" + signature,
        "a byte at the end": signature + b"\x01",
        "the signature twice": signature * 2,
        "its bytes backwards": signature[::-1],
        "nothing but zeros": bytes(size),
        "nothing but ones": b"\xff" * size,
        "its hex digits": signature.hex().encode(),
        "what stands there, encoded twice": b64(signature).encode(),
    }


def around() -> Iterator[Case]:
    """A good token with something before it, behind it, or in other letters."""
    one = signer("HS256")
    text = good(one)
    head, body, end = text.split(".")
    marks = {
        "a space": " ",
        "a line feed": "\n",
        "a carriage return": "\r",
        "a tab": "\t",
        "a form feed": "\f",
        "a NUL": "\0",
        "a no-break space": "\u00a0",
        "a zero width space": "\u200b",
        "a byte order mark": "\ufeff",
        "half a surrogate pair": "\ud800",
        "a quote": '"',
        "a comma": ",",
        "a semicolon": ";",
    }
    for name, mark in marks.items():
        yield Case(f"{name} in front", one, mark + text)
        yield Case(f"{name} behind", one, text + mark)
        yield Case(f"{name} beside a dot", one, f"{head}.{mark}{body}.{end}")
    changed = {
        "in quotes": json.dumps(text),
        "in angle brackets": f"<{text}>",
        "with its scheme": f"Bearer {text}",
        "a list of two": f"{text},{text}",
        "dots as per cent": text.replace(".", "%2E"),
        "all of it as per cent": "".join(f"%{ord(char):02X}" for char in text),
        "as a query": f"access_token={text}",
        "fullwidth dots": text.replace(".", "\uff0e"),
        "ideographic dots": text.replace(".", "\u3002"),
        "fullwidth letters": "".join(chr(ord(char) + 0xFEE0) if char.isalnum() else char for char in text),
        "capital letters": text.upper(),
        "small letters": text.lower(),
        "broken into lines": "\n".join(text[at : at + 64] for at in range(0, len(text), 64)),
        "encoded again": b64(text.encode()),
        "colons for dots": text.replace(".", ":"),
        "as hex digits": text.encode().hex(),
        "quoted for an address": quote(f"{text} "),
    }
    for name, wrong in changed.items():
        yield Case(name, one, wrong)


def serialisations() -> Iterator[Case]:
    """The same signature in JSON (RFC 7515 section 7.2), and in forms that people make of it."""
    for one in our_signers():
        for name, text in _in_json(one).items():
            yield Case(f"{one.algorithm}, {name}", one, text)


def _in_json(one: Signer) -> dict[str, str]:
    compact = good(one)
    head, body, end = compact.split(".")
    member = {"protected": head, "signature": end}
    whole = {
        "flattened": {"payload": body, **member},
        "flattened, with an unprotected header": {"payload": body, "header": {"kid": one.kid}, **member},
        "general": {"payload": body, "signatures": [member]},
        "general, with two signatures": {"payload": body, "signatures": [member, member]},
        "general, with no signature": {"payload": body, "signatures": []},
        "an unprotected header alone": {"payload": body, "header": header(one), "signature": end},
        "a list of compact ones": [compact],
        "a compact one as a member": {"access_token": compact},
    }
    return {name: json.dumps(value) for name, value in whole.items()}


def json_spellings() -> Iterator[Case]:
    """Headers in another spelling of JSON, which are just as good."""
    one = signer("HS256")
    kid, typ = f'"kid":"{one.kid}"', '"typ":"at+jwt"'
    right = {
        "spaces": f'{{ "alg" : "HS256" , {kid} , {typ} }}',
        "line feeds and tabs": f'{{\n\t"alg":\t"HS256",\n\t{kid},\r\n\t{typ}\n}}\n',
        "another order": f'{{{typ},{kid},"alg":"HS256"}}',
        "escapes in a value": f'{{"alg":"\\u0048S256",{kid},{typ}}}',
        "escapes in a name": f'{{"\\u0061lg":"HS256",{kid},{typ}}}',
        "an escaped plus": f'{{"alg":"HS256",{kid},"typ":"at\\u002Bjwt"}}',
        "the last of two counts": f'{{"alg":"none","alg":"HS256",{kid},{typ}}}',
    }
    for name, text in right.items():
        yield token(name, one, good(one, head=text.encode()))
    more = f'{{"alg":"HS256",{kid},{typ},"né":"ü\\ud83e\\udd86"}}'
    yield signed("letters of elsewhere", one, good(one, head=more.encode()))


def no_json() -> Iterator[Case]:
    """Headers that are no JSON object in UTF-8, with a right signature (RFC 7515 section 5.2)."""
    one = signer("HS256")
    kid, typ = f'"kid":"{one.kid}"', '"typ":"at+jwt"'
    good_one = f'{{"alg":"HS256",{kid},{typ}}}'
    wrong = {
        "a comma too many": f'{{"alg":"HS256",{kid},{typ},}}'.encode(),
        "single quotes": good_one.replace('"', "'").encode(),
        "names without quotes": f"{{alg:HS256,{kid},{typ}}}".encode(),
        "a comment": f'{{"alg":"HS256",/**/{kid},{typ}}}'.encode(),
        "two objects": good_one.encode() * 2,
        "something behind": good_one.encode() + b"x",
        "a NUL behind": good_one.encode() + b"\0",
        "cut off": good_one.encode()[:-1],
        "a line feed in a string": f'{{"alg":"HS256",{kid},{typ},"x":"\n"}}'.encode(),
        "a byte order mark": b"\xef\xbb\xbf" + good_one.encode(),
        "UTF-16": good_one.encode("utf-16-le"),
        "UTF-16 with its mark": good_one.encode("utf-16"),
        "UTF-32": good_one.encode("utf-32-be"),
        "Latin-1": f'{{"alg":"HS256",{kid},{typ},"x":"é"}}'.encode("latin-1"),
        "a surrogate in UTF-8": f'{{"alg":"HS256",{kid},{typ},"x":"'.encode() + b'\xed\xa0\x80"}',
        "an overlong slash": f'{{"alg":"HS256",{kid},{typ},"x":"'.encode() + b'\xc0\xaf"}',
        "null": b"null",
        "true": b"true",
        "a number": b"256",
        "a string": b'"HS256"',
        "an array": b'["HS256"]',
        "an array of pairs": b'[["alg","HS256"]]',
        "a space": b" ",
        "YAML": b"alg: HS256",
        "a query": b"alg=HS256",
    }
    for name, data in wrong.items():
        yield Case(name, one, good(one, head=data))
