"""Named secrets of a test, and the search for them in every form in which they may come out."""

from __future__ import annotations

import base64
import functools
import json
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from urllib.parse import quote, quote_plus, unquote_plus

import httpx

#: How many characters of a secret are as good as all of it.
_PART = 12


@functools.cache
def forms(secret: str) -> frozenset[bytes]:
    """The ways to write a secret: plain, its first half, and in the encodings that programs use for bytes."""
    return frozenset(_forms(secret))


def _forms(secret: str) -> Iterator[bytes]:
    for text in {secret, secret[: max(_PART, len(secret) // 2)]}:
        raw = text.encode()
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        yield quote(text, safe="").encode()
        yield quote_plus(text).encode()
        yield "".join(f"%{byte:02x}" for byte in raw).encode()
        yield escape(text).encode()
        yield json.dumps(text)[1:-1].encode()
        yield raw[::-1]
        for start in range(3):  # base64 has three spellings of what stands in the middle of a text
            for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
                middle = alphabet(b"\0" * start + raw)
                yield middle[4 if start else 0 : len(middle) - 4]


@dataclass
class Said:
    """One answer: what was asked, and what came back."""

    asked: str
    headers: bytes
    cookies: bytes
    body: bytes


@dataclass
class Secrets:
    """The secrets of a test, and the answers that the test got."""

    values: dict[str, str] = field(default_factory=dict)
    #: For each secret's name, a pattern of the calls whose answers may hold the secret.
    allowed: dict[str, str] = field(default_factory=dict)
    answers: list[Said] = field(default_factory=list)

    def new(self, name: str, *, allowed: str = "(?!)", look: str = "Zq7-{} walrus hum") -> str:
        """A new secret.

        Args:
            name: says what it is, in the report of a leak.
            allowed: a pattern of `METHOD path` of the calls whose answers may hold it.
            look: a template for it; `{}` stands for the random part.
        """
        return self.keep(name, look.format(secrets.token_hex(7)), allowed=allowed)

    def keep(self, name: str, value: str, *, allowed: str = "(?!)") -> str:
        """Adds a secret that Duet made."""
        assert len(value) >= _PART, name
        self.values[name], self.allowed[name] = value, allowed
        return value

    def record(self, answer: httpx.Response) -> None:
        """Keeps an answer, as an event hook of httpx."""
        answer.read()
        asked = f"{answer.request.method} {answer.request.url.raw_path.decode()}"
        cookies = [value for name, value in answer.headers.multi_items() if name == "set-cookie"]
        others = [f"{name}: {value}" for name, value in answer.headers.multi_items() if name != "set-cookie"]
        plain = b"\n".join(_opened(cookie) for cookie in cookies)
        self.answers.append(Said(asked, "\n".join(others).encode(), plain, answer.content))

    def found_in(self, data: bytes, *, among: Iterable[str] | None = None) -> list[str]:
        """The names of the secrets, or of those named in `among`, that are in `data` in some form."""
        names = self.values if among is None else among
        return [name for name in names if any(form in data for form in forms(self.values[name]))]

    def told(self) -> list[str]:
        """What answers should not have held: the secret, and the call."""
        wrong = []
        for place in ("headers", "cookies", "body"):
            for name, said in self._holders(place, list(self.values), self.answers):
                if not self._may_tell(name, place, said):
                    wrong.append(f"{name} in the {place} of {said.asked[:60]}")
        return wrong

    def _holders(self, place: str, names: list[str], answers: list[Said]) -> Iterator[tuple[str, Said]]:
        """Which secrets are in which answers. Only what is somewhere in all is searched for in each half."""
        found = self.found_in(b"\0".join(getattr(said, place) for said in answers), among=names)
        if found and len(answers) > 1:
            middle = len(answers) // 2
            yield from self._holders(place, found, answers[:middle])
            yield from self._holders(place, found, answers[middle:])
        else:
            yield from ((name, said) for name in found for said in answers)

    def _may_tell(self, name: str, place: str, said: Said) -> bool:
        # The session cookie is signed and not encrypted; it holds the access token and the CSRF token.
        if place == "cookies" and re.match("access token|CSRF|session|device", name):
            return True
        return re.search(self.allowed[name], said.asked) is not None


def _opened(cookie: str) -> bytes:
    """A Set-Cookie header and what is in it: Flask's cookie is compressed JSON."""
    value = unquote_plus(cookie.partition("=")[2].partition(";")[0]).strip('"')
    payload = value.lstrip(".").partition(".")[0]
    data = cookie.encode()
    try:
        plain = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        data += b"\n" + (zlib.decompress(plain) if value.startswith(".") else plain)
    except (ValueError, zlib.error):
        pass
    return data
