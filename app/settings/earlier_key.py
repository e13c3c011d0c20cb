"""Checks that the settings for an earlier system's tokens are consistent, and that its key is good enough."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any, Final

from app.auth.bearers import is_hmac, verifying_key
from app.auth.factors import is_guessable
from app.settings.secret_key import MIN_SECRET_BYTES, is_varied, is_well_known

#: A transition has an end: a date further ahead is a typing error, or a back door that stays open.
LONGEST: Final = timedelta(days=366)

_ISO_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def parse_day(value: Any) -> Any:
    """Parses a date such as `2027-01-31`. Raises `ValueError`: pydantic alone would take any number for a date."""
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value.strip() if _ISO_DATE.fullmatch(value.strip()) else "")
    except ValueError:
        raise ValueError("is not a date, such as 2027-01-31") from None


def check_earlier_key(
    key: str,
    algorithm: str,
    until: date | None,
    *,
    others: Mapping[str, str],
    own_secrets: Collection[str],
    today: date,
) -> None:
    """Raises `ValueError`, whose message names the variable, if the key can't or should not be used.

    Args:
        key: `LEGACY_JWT_KEY`, or empty.
        algorithm: `LEGACY_JWT_ALGORITHM`.
        until: `LEGACY_JWT_UNTIL`.
        others: the other settings for the earlier system, by variable. Without a key they would have no effect.
        own_secrets: `SECRET_KEY` and its fallbacks.
        today: today's date in UTC.
    """
    if not key:
        for name in (*(["LEGACY_JWT_UNTIL"] if until else []), *(name for name, value in others.items() if value)):
            raise ValueError(f"{name} is set, and LEGACY_JWT_KEY is not")
        return
    if key in own_secrets:
        raise ValueError("LEGACY_JWT_KEY is SECRET_KEY or one of its fallbacks: give Duet a secret of its own")
    try:
        verifying_key(key, algorithm)
    except ValueError as error:
        raise ValueError(f"LEGACY_JWT_KEY {error}") from None
    if is_hmac(algorithm):
        _check_hmac_secret(key)
    if until is None:
        raise ValueError("LEGACY_JWT_UNTIL is required with LEGACY_JWT_KEY: the last day, such as 2027-01-31")
    if until - today > LONGEST:
        raise ValueError("LEGACY_JWT_UNTIL is more than a year ahead: a transition has an end")


def _check_hmac_secret(key: str) -> None:
    """Raises `ValueError` if the secret can be guessed. It is judged as strictly as Duet's own.

    Anyone who guesses it can make a token for anybody (RFC 7518 section 3.2), and one token is enough to test
    guesses offline.
    """
    if is_well_known(key):
        reason = "is a well-known example"
    elif len(key.encode()) < MIN_SECRET_BYTES:
        reason = f"is shorter than {MIN_SECRET_BYTES} bytes"
    elif not is_varied(key):
        reason = "is made of too few different characters"
    elif is_guessable(key):
        reason = "can be guessed, being made of words, rows or repetitions"
    else:
        return
    raise ValueError(f"LEGACY_JWT_KEY {reason}: anybody could make tokens with it, so they can't be accepted")
