"""What people type for an account, in the form in which it is kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from email_validator import validate_email

from app.auth.models import MAX_EMAIL_LENGTH, MAX_NAME_LENGTH, MAX_ROLE_LENGTH, MAX_ROLES
from app.auth.refusals import EmailInvalid, NameInvalid, RolesInvalid

_ROLE: Final = re.compile(rf"[a-z][a-z0-9_-]{{0,{MAX_ROLE_LENGTH - 1}}}", re.ASCII)


def parse_email(text: str) -> tuple[str, str]:
    """An address as its owner spells it, and its normal form, by which it is unique. Raises `EmailInvalid`."""
    # Before all else: normalising a long run of combining marks takes the square of its length, on the event loop.
    if len(text) > MAX_EMAIL_LENGTH:
        raise EmailInvalid()
    try:
        parsed = validate_email(text.strip(), check_deliverability=False, globally_deliverable=False)
    except ValueError as error:  # EmailNotValidError, and what lone surrogates raise
        raise EmailInvalid() from error
    # Normalised once more at the end: folding can take a text out of its normal form.
    local = _nfkc(_nfkc(parsed.local_part).casefold())
    # A full-width one: the normal form would be no address. And what mail software may read as an encoded word
    # (RFC 2047): decoded, that can hold a line break, and with it headers of a stranger's.
    if "@" in local or "=?" in local:
        raise EmailInvalid()
    domain = (parsed.ascii_domain or parsed.domain).lower()
    return parsed.normalized, f"{local}@{domain}"


def _nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def parse_name(text: str) -> str:
    """A display name. Raises `NameInvalid` if it is too long, or would break a line or a terminal."""
    name = unicodedata.normalize("NFC", text).strip()
    if len(name) > MAX_NAME_LENGTH or any(
        unicodedata.category(char) in _UNPRINTABLE or char in _REORDERING for char in name
    ):
        raise NameInvalid()
    return name


def parse_roles(names: Iterable[str]) -> tuple[str, ...]:
    """Roles, each once and in their order. Raises `RolesInvalid`. Any name will do: a team invents its own."""
    roles = tuple(sorted({name.strip() for name in names}))
    if len(roles) > MAX_ROLES or not all(map(_ROLE.fullmatch, roles)):
        raise RolesInvalid()
    return roles


#: Control characters, surrogates, unassigned code points, line and paragraph separators.
_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})
#: Turn the order of what follows in a list or a log line (Unicode TR36: "trojan source"); no name needs them.
_REORDERING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
