"""The private names of Flask-WTF that Duet uses, and why.

Flask-WTF makes the CSRF token of a page. The page's scripts show it to the API, where there is no Flask, and so no
Flask-WTF to verify it. There the signature is verified by the same means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import Flask, session
from flask_wtf.csrf import generate_csrf, validate_csrf
from itsdangerous import BadData, URLSafeTimedSerializer
from wtforms import ValidationError

from app.packages import PrivateNames

NAMES: Final = PrivateNames("flask-wtf")

#: How Flask-WTF says that a form has no token at all.
MISSING: Final = "The CSRF token is missing."
#: The key under which Flask-WTF keeps the session's half of the token.
CSRF_FIELD: Final = "csrf_token"
_SALT: Final = "wtf-csrf-token"


def secrets_of(keys: Sequence[bytes]) -> list[bytes]:
    """Returns `keys`, of which the first signs and all verify, in Flask-WTF's order. It only documents one key."""
    return list(reversed(keys))  # itsdangerous signs with the last


def csrf_reader(keys: Sequence[bytes]) -> URLSafeTimedSerializer:
    """Returns what reads tokens that Flask-WTF signs with the first of `keys`, or has signed with another one."""
    return URLSafeTimedSerializer(secrets_of(keys), salt=_SALT)


def check() -> None:
    """Makes a token as a page does, and reads it as the API does. Raises `PackageUnfit` if that fails."""
    keys = [b"of today", b"of yesterday"]
    app = Flask(__name__, static_folder=None)
    app.config.update(SECRET_KEY=keys[0], WTF_CSRF_SECRET_KEY=secrets_of(keys))
    with app.test_request_context():
        try:
            validate_csrf(None)
        except ValidationError as error:
            if str(error) != MISSING:
                raise NAMES.gone("validate_csrf", MISSING) from error
        token, own_half = generate_csrf(), session.get(CSRF_FIELD)
    if own_half is None:
        raise NAMES.gone("generate_csrf", f"{CSRF_FIELD} in the session")
    try:
        read = csrf_reader(keys[:1]).loads(token)
    except BadData:
        read = None
    if read != own_half:
        raise NAMES.gone("generate_csrf", f"signature by the salt {_SALT}")
