"""Describes where a request comes from, and who sends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from. `id` is `WEB_CLIENT` or `API_CLIENT`.

    `devices` are the ids in the browser's device cookie: they prove an earlier login here, and nothing more.
    """

    id: str
    ip: str = ""
    user_agent: str = ""
    devices: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, client_id: str, *, ip: str, user_agent: str, devices: tuple[str, ...] = ()) -> Client:
        """Makes a client. Cuts its user agent, and removes what would break a line of a log or a list."""
        return cls(client_id, ip, "".join(char for char in user_agent if char.isprintable())[:256], devices)


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated caller of this request, as the verified access token describes them."""

    user_id: str
    session_id: str
    client_id: str
    roles: frozenset[str]
    scope: str
    auth_time: datetime
    amr: tuple[str, ...]
    rights_version: int
    token_id: str
    issued_at: datetime
    expires_at: datetime
    #: What the team's extensions added to the token.
    claims: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def has_role(self, role: str) -> bool:
        """Whether the caller's access token carries `role`."""
        return role in self.roles
