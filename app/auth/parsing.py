"""Turns what people type for an account into the form in which it is kept."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from email_validator import validate_email

from app.auth.models import MAX_EMAIL_LENGTH, MAX_NAME_LENGTH, MAX_ROLES, is_role
from app.auth.refusals import EmailInvalid, NameInvalid, RolesInvalid


def parse_email(text: str) -> tuple[str, str]:
    """Returns an email address as its owner spells it, and its unique normal form. Raises `EmailInvalid`."""
    # This comes first: the time to normalise a run of combining marks grows with the square of its length, and it
    # is spent on the event loop.
    if len(text) > MAX_EMAIL_LENGTH:
        raise EmailInvalid()
    try:
        parsed = validate_email(text.strip(), check_deliverability=False, globally_deliverable=False)
    except ValueError as error:  # EmailNotValidError, or what a lone surrogate raises
        raise EmailInvalid() from error
    # Normalised again at the end: folding can take a text out of its normal form.
    local = _nfkc(_nfkc(parsed.local_part).casefold())
    # A full-width '@' would make the normal form something that is no email address. And mail software may read
    # '=?' as the start of an encoded word (RFC 2047): decoded, that can hold a line break, and with it headers
    # that a stranger wrote.
    if "@" in local or "=?" in local:
        raise EmailInvalid()
    domain = (parsed.ascii_domain or parsed.domain).lower()
    return parsed.normalized, f"{local}@{domain}"


def _nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def parse_name(text: str) -> str:
    """Returns a display name. Raises `NameInvalid` if it is too long, or would break a line or a terminal."""
    name = unicodedata.normalize("NFC", text).strip()
    if len(name) > MAX_NAME_LENGTH or any(
        unicodedata.category(char) in _UNPRINTABLE or char in _REORDERING for char in name
    ):
        raise NameInvalid()
    return name


def parse_roles(names: Iterable[str]) -> tuple[str, ...]:
    """Returns the roles, sorted, each once. Raises `RolesInvalid`. Any name will do: a team invents its own."""
    given = [name.strip() for name in names]
    roles = tuple(sorted(set(given)))
    if len(given) > MAX_ROLES or not all(map(is_role, roles)):
        raise RolesInvalid()
    return roles


#: Control characters, surrogates, unassigned code points, line and paragraph separators.
_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})
#: Characters that change the order of what follows in a list or a log line (Unicode TR36: "trojan source"). No
#: name needs them.
_REORDERING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
