"""The callers in schemathesis' run with a login. Schemathesis itself loads this module, in its own process.

Everything is called with an admin's token, except what would end that token or that account: those calls get an
account of their own each, made over the API as anybody would.
"""

from __future__ import annotations

import gc
import itertools
import os
from typing import Any, Final

import httpx
import schemathesis

#: What ends the caller's session, account or token.
DESTROYING: Final = frozenset(
    {
        "DELETE /users/me",
        "DELETE /users/me/sessions",
        "DELETE /users/me/sessions/{session_id}",
        "POST /users/me/password",
        "POST /users/me/email",
    }
)
PASSWORD: Final = os.environ["DUET_PASSWORD"]
_api: Final = httpx.Client(base_url=os.environ["DUET_URL"])
_numbers: Final = itertools.count()
# The process ends within seconds, and collecting garbage until then takes a tenth of them.
gc.disable()


def _token(email: str) -> str:
    form = {"grant_type": "password", "username": email, "password": PASSWORD}
    token: str = _api.post("/api/auth/token", data=form).raise_for_status().json()["access_token"]
    return token


def _token_of_somebody_new() -> str:
    email = f"st{next(_numbers)}@example.com"
    _api.post("/api/users", json={"email": email, "password": PASSWORD}).raise_for_status()
    return _token(email)


def _counts(token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    return bool(token) and _api.get("/api/users/me", headers=headers).status_code == 200


@schemathesis.auth(refresh_interval=None)
class Login:
    """Gives each call its bearer token."""

    def __init__(self) -> None:
        self._admin = ""
        self._may_be_out = True

    def get(self, case: schemathesis.Case[Any], context: schemathesis.AuthContext) -> str:
        """The admin's token, or a new account's."""
        if case.operation.label in DESTROYING:
            return _token_of_somebody_new()
        # An admin can end their own sessions, too, though not by reading.
        if self._may_be_out and not _counts(self._admin):
            self._admin = _token(os.environ["DUET_ADMIN"])
        self._may_be_out = case.method != "GET"
        return self._admin

    def set(self, case: schemathesis.Case[Any], data: str, context: schemathesis.AuthContext) -> None:
        """Puts the token into the header."""
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Puts the right password where one is asked for as a proof, so that the call gets past that check."""
    if context.operation is not None and context.operation.label in DESTROYING and isinstance(body, dict):
        for field in ("password", "current_password"):
            if isinstance(body.get(field), str):
                body = {**body, field: PASSWORD}
    return body
