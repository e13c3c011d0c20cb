"""Tells callers who may know it what a token is and whether it counts (RFC 7662)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.auth.bearers.kinds import is_personal
from app.auth.bearers.personal import PersonalTokens
from app.auth.clock import Clock
from app.auth.errors import InvalidGrant, NotAuthenticated, RightsChanged, TokenInvalid
from app.auth.models import ADMIN, Principal, Session, User
from app.auth.ports import Store
from app.auth.sessions import Refreshing, Sessions

#: The whole answer for a token that does not count, and for one that is none of the caller's business.
INACTIVE: Final[Mapping[str, Any]] = {"active": False}
#: RFC 6749 section 7.1.
_BEARER: Final = "Bearer"
#: The type of a token that opens nothing by itself (RFC 8693 section 2.2.1). A refresh token can be active too,
#: and nobody may mistake it for an access token.
_NOT_A_BEARER: Final = "N_A"


@dataclass(frozen=True, kw_only=True, eq=False)
class Introspection:
    """Looks at tokens without ending any: looking at a refresh token that was used before does not count as reuse.

    The store is asked each time, so that what ended in another process a moment ago does not count here either.
    The use of a personal access token is recorded, as everywhere else.

    Args:
        issuer: the `iss` and `aud` of every token.
        store: knows the sessions and their users.
        clock: tells the time.
        sessions: verifies access tokens.
        refreshing: verifies refresh tokens.
        personal_tokens: verifies personal access tokens.
    """

    issuer: str
    store: Store
    clock: Clock
    sessions: Sessions
    refreshing: Refreshing
    personal_tokens: PersonalTokens

    async def look_at(self, token: str, caller: Principal) -> Mapping[str, Any]:
        """Returns the members of RFC 7662's answer, and the claims of extensions.

        Args:
            token: an access token, a refresh token, a personal access token, or any other text.
            caller: who asks. They may look at their own tokens, and an admin may look at all.

        Returns:
            The members. `INACTIVE` if the token does not count or is somebody else's; the answer does not say
            which of the two, or whose it is.

        Raises:
            StoreUnavailable: the store can't be asked now.
        """
        try:
            user, members = await self._members(token)
        except (NotAuthenticated, InvalidGrant):
            return INACTIVE
        if user.id != caller.user_id and not caller.has_role(ADMIN):
            return INACTIVE
        common = {"active": True, "iss": self.issuer, "aud": self.issuer, "sub": user.id, "username": user.email}
        return {**members, **common}

    async def _members(self, token: str) -> tuple[User, dict[str, Any]]:
        """Returns whose token it is and what it says. Raises `NotAuthenticated` or `InvalidGrant`."""
        if is_personal(token):
            principal = await self.personal_tokens.authenticate(token)
            user = await self.store.user_by_id(principal.user_id)
            if user is None:  # the account was deleted since
                raise TokenInvalid()
            return user, _of_bearer(principal)
        try:
            principal = self.sessions.authenticate(token)
        except TokenInvalid:
            found = await self.refreshing.holder(token)
            return found.user, _of_refresh(found.session)
        user = await self._user_of(principal)
        login = {"sid": principal.session_id, "auth_time": _seconds(principal.auth_time)}
        return user, {**_of_bearer(principal), **login}

    async def _user_of(self, principal: Principal) -> User:
        """Returns the user of an access token, if the store agrees that it counts. Raises `NotAuthenticated`."""
        found = await self.store.session_with_user(principal.session_id)
        if found is None or not found.is_live(self.clock.now()):
            raise TokenInvalid()
        if principal.rights_version < found.user.rights_version:
            raise RightsChanged(principal)
        return found.user


def _of_bearer(principal: Principal) -> dict[str, Any]:
    return {
        **principal.claims,
        "token_type": _BEARER,
        "client_id": principal.client_id,
        "scope": principal.scope,
        "exp": _seconds(principal.expires_at),
        "iat": _seconds(principal.issued_at),
        "jti": principal.token_id,
        "roles": sorted(principal.roles),
        "amr": list(principal.amr),
    }


def _of_refresh(session: Session) -> dict[str, Any]:
    return {
        "token_type": _NOT_A_BEARER,
        "client_id": session.client_id,
        "scope": session.scope,
        "exp": _seconds(min(session.idle_expires_at, session.expires_at)),
        "iat": _seconds(session.rotated_at or session.created_at),
        "sid": session.id,
        "auth_time": _seconds(session.auth_time),
    }


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
