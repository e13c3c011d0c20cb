"""How large a request's body may be, and how many fields a form may have, before anything is made of it.

Duet's own calls and forms are small, and so are their limits. A team's have the setting's limit, or that of their
marker. The edge asks for it before it reads a body, and a form's fields are counted before they are taken apart.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from app.auth.policy import BODY_MARK, PolicyError, carried

#: The largest body of Duet's own calls and forms, in bytes. The longest password fits in several times.
OWN_BYTES: Final = 64 * 1024
#: The most fields of Duet's own forms.
OWN_FIELDS: Final = 500
#: The most fields of a team's forms, unless their marker says otherwise: as many as Flask and Starlette allow.
USUAL_FIELDS: Final = 1000

TOO_MANY_FIELDS: Final = "The form has too many fields."

#: A percent sign that begins no escape.
_BARE_PERCENT: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """What one endpoint takes.

    Args:
        max_bytes: the largest body, in bytes.
        max_fields: the most fields of a form.
    """

    max_bytes: int
    max_fields: int = USUAL_FIELDS

    def __str__(self) -> str:
        return f"max_body_bytes({self.max_bytes})"


class TooManyFields(Exception):
    """A form has more fields than its endpoint takes."""


def max_body_bytes(number: int, *, max_fields: int = USUAL_FIELDS) -> Callable[[Endpoint], Endpoint]:
    """Gives a page or a route another limit than `MAX_BODY_BYTES`, be it a larger or a smaller one.

    Args:
        number: the largest body that it takes, in bytes. A larger one is a 413.
        max_fields: the most fields of a form, files included.

    Raises:
        PolicyError: a number is no whole number, or is negative; or what is marked can't carry a marker.
    """
    if any(type(each) is not int or each < 0 for each in (number, max_fields)):
        raise PolicyError(f"max_body_bytes({number!r}, max_fields={max_fields!r}): a limit is a whole number")
    limit = BodyLimit(number, max_fields)

    def mark(endpoint: Endpoint) -> Endpoint:
        try:
            setattr(endpoint, BODY_MARK, limit)
        except (AttributeError, TypeError):  # a bound method, a builtin
            raise PolicyError(f"{endpoint!r}: it can't carry the marker '{limit}'") from None
        return endpoint

    return mark


def marked_limit(endpoint: Any, *, name: str) -> BodyLimit | None:
    """Returns the limit that the marker gave `endpoint`, or None if it has no marker.

    Raises:
        PolicyError: the marker does not reach the endpoint; the message begins with `name`.
    """
    limit: BodyLimit | None = carried(endpoint, BODY_MARK, name=name)
    return limit


def own_limit(max_body_bytes: int) -> BodyLimit:
    """Returns what Duet's own endpoints take where the setting allows `max_body_bytes`."""
    return BodyLimit(min(OWN_BYTES, max_body_bytes), OWN_FIELDS)


def read_fields(body: bytes, *, max_fields: float) -> list[tuple[str, str]]:
    """Reads a form in `application/x-www-form-urlencoded`, in which only `&` separates fields.

    What is not UTF-8 becomes U+FFFD. Both halves read forms by this function, so that a password that is not UTF-8
    is the same on both.

    Raises:
        TooManyFields: it has more than `max_fields`. They are counted before they are taken apart.
    """
    body = body.strip(b"&")
    if body.count(b"&") >= max_fields:
        raise TooManyFields
    pairs = (field.partition(b"=") for field in body.split(b"&") if field)
    return [(_unescaped(name), _unescaped(value)) for name, _, value in pairs]


def _unescaped(text: bytes) -> str:
    """Returns a name or value without its escapes.

    `urllib` goes through them in Python, which takes 1.3 seconds for the worst megabyte. Here they become those of
    quoted-printable, which only have another sign and whose decoder is written in C: a tenth of that at worst.
    """
    if b"%" in text:
        text = text.replace(b"%%", b"%25%").replace(b"%%", b"%25%")  # most of the next line's work, at the worst
        text = _BARE_PERCENT.sub(b"%25", text).replace(b"=", b"%3D").replace(b"%", b"=")
        text = binascii.a2b_qp(text.replace(b"+", b" "))
    else:
        text = text.replace(b"+", b" ")
    return text.decode("utf-8", "replace")
