"""Personal access tokens: long-lived bearer tokens for scripts, kept as hashes and looked up on every use."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from app.auth.audit import Audit
from app.auth.clock import BEGINNING, Clock
from app.auth.errors import AccountDisabled, NotAuthenticated, NotFound, SessionRevoked, TokenExpired, TokenInvalid
from app.auth.extending import KeptClaims
from app.auth.memory import keep
from app.auth.models import (
    DEFAULT_TOKEN_DAYS,
    MAX_NAME_LENGTH,
    MAX_TOKEN_DAYS,
    MAX_TOKENS,
    READ,
    SCOPE,
    TOKEN_CLIENT,
    Client,
    PersonalToken,
    Principal,
    TokenOfUser,
)
from app.auth.parsing import parse_name
from app.auth.ports import Store
from app.auth.refusals import InputRefused, NameInvalid

#: What a personal access token begins with. It is recognised by this here, and by scanners for leaked secrets.
PREFIX: Final = "duet_pat_"
#: `last_used_at` is written no more often than this.
TOUCH_EVERY: Final = timedelta(minutes=1)
# Matched against the whole text before the store is asked. 43 characters of base64url hold 32 bytes.
_FORM: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)


@dataclass(frozen=True, kw_only=True, eq=False)
class PersonalTokens:
    """Makes, lists, removes and verifies personal access tokens. Every method may raise `StoreUnavailable`.

    Args:
        store: keeps the hashes.
        clock: tells the time.
        audit: is told of every token made and removed.
        extra_claims: what the extensions add.
    """

    store: Store
    clock: Clock
    audit: Audit
    extra_claims: KeptClaims
    _touched: dict[str, datetime] = field(init=False, default_factory=dict)
    _touching: set[asyncio.Task[None]] = field(init=False, default_factory=set)

    # managing

    async def create(
        self,
        principal: Principal,
        name: str,
        client: Client,
        *,
        expires_in_days: int = DEFAULT_TOKEN_DAYS,
        read_only: bool = False,
    ) -> tuple[PersonalToken, str]:
        """Makes a token for the caller. Also returns its text, which is stored nowhere and never shown again.

        Args:
            principal: whose it will be.
            name: what its owner calls it.
            client: where the request comes from.
            expires_in_days: how long it lives, in days.
            read_only: whether it is refused for everything but reading.

        Raises:
            TokenNameInvalid, TokenLifetimeInvalid, TooManyTokens: such a token can't be made.
            SessionRevoked: the session ended a moment ago.
        """
        now = self.clock.now()
        text = PREFIX + secrets.token_urlsafe(32)
        token = PersonalToken(
            id=secrets.token_hex(8),
            user_id=principal.user_id,
            name=_parse_name(name),
            token_hash=_hash(text),
            created_at=now,
            expires_at=now + _lifetime(expires_in_days),
            read_only=read_only,
        )
        if not await self.store.add_token(token, limit=MAX_TOKENS):
            raise TooManyTokens()
        # A password reset ends the sessions and then removes the tokens. If this token is made at that moment,
        # maybe in another process that has not heard of the reset yet, either the reset or this check removes it.
        found = await self.store.session_with_user(principal.session_id)
        # Nor may a forged token borrow somebody else's session.
        if found is None or found.user.id != principal.user_id or not found.is_live(now):
            await self.store.remove_token(principal.user_id, token.id)
            raise SessionRevoked()
        await self._record("personal_token_created", token.id, client, principal=principal)
        return token, text

    async def of(self, principal: Principal) -> list[PersonalToken]:
        """Returns the caller's tokens, including expired ones, the newest first."""
        return await self.store.tokens_of(principal.user_id)

    async def remove(self, principal: Principal, token_id: str, client: Client) -> None:
        """Ends one of the caller's tokens at once. Raises `NotFound` if they have none with this id."""
        if not await self.store.remove_token(principal.user_id, token_id):
            raise NotFound()
        await self._record("personal_token_removed", token_id, client, principal=principal)

    async def revoke(self, token: str, client: Client) -> bool:
        """Ends the token, whoever shows it (RFC 7009 section 2.1). Returns whether there was one."""
        found = await self._find(token)
        if found is None or not await self.store.remove_token(found.user.id, found.token.id):
            return False
        await self.audit.record(
            "personal_token_removed",
            client=client,
            user_id=found.user.id,
            session_id=_session_id(found.token),
            detail=found.token.id,
        )
        return True

    async def _record(self, event: str, token_id: str, client: Client, *, principal: Principal) -> None:
        # Recorded with the id and never the name: people put things into names that they should not.
        await self.audit.record(
            event, client=client, user_id=principal.user_id, session_id=principal.session_id, detail=token_id
        )

    # verifying

    async def authenticate(self, token: str) -> Principal:
        """Returns the token's owner, with the roles that they have now.

        The store is asked each time, so that what was removed, disabled or taken away does not count a moment
        longer in any process.

        Raises:
            TokenInvalid: there is no such token, or no longer.
            PersonalTokenExpired: it has expired.
            AccountDisabled: its owner's account is disabled.
        """
        found = await self._find(token)
        if found is None:
            raise TokenInvalid()
        known, user = found
        if not user.is_active:
            raise AccountDisabled()
        now = self.clock.now()
        if now >= known.expires_at:
            raise PersonalTokenExpired()
        self._touch(known, now)
        return Principal(
            user_id=user.id,
            session_id=_session_id(known),
            client_id=TOKEN_CLIENT,
            roles=frozenset(user.roles),
            scope=READ if known.read_only else SCOPE,
            auth_time=BEGINNING,  # before every login: it proves no password, so it is never fresh
            amr=("pat",),
            rights_version=user.rights_version,
            token_id=known.id,
            issued_at=known.created_at,
            expires_at=known.expires_at,
            claims=await self.extra_claims.of(user),
        )

    async def _find(self, token: str) -> TokenOfUser | None:
        if _FORM.fullmatch(token) is None:
            return None
        return await self.store.token_with_user(_hash(token))

    def _touch(self, token: PersonalToken, now: datetime) -> None:
        """Records the use outside the request, whose answer and success do not depend on it."""
        latest = max(filter(None, (token.last_used_at, self._touched.get(token.id))), default=None)
        if latest is not None and abs(now - latest) < TOUCH_EVERY:
            return
        keep(self._touched, token.id, now)
        task = asyncio.create_task(self._write_use(token.id, now))
        self._touching.add(task)  # the loop alone does not keep the task alive
        task.add_done_callback(self._touching.discard)

    async def _write_use(self, token_id: str, at: datetime) -> None:
        with suppress(Exception):  # the store logs its own outage
            await self.store.touch_token(token_id, at=at)


def _session_id(token: PersonalToken) -> str:
    """Returns what takes the place of a session's id. No session has a ':' in its id."""
    return f"pat:{token.id}"


def _hash(text: str) -> str:
    """Hashes the text. Plain SHA-256 is enough, because nobody guesses its 256 random bits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _parse_name(text: str) -> str:
    if len(text) > 4 * MAX_NAME_LENGTH:  # before it is normalised, which takes long for long texts
        raise TokenNameInvalid()
    try:
        name = parse_name(text)
    except NameInvalid:
        raise TokenNameInvalid() from None
    if not any(char.isprintable() and not char.isspace() for char in name):
        raise TokenNameInvalid()
    return name


def _lifetime(days: int) -> timedelta:
    if not 1 <= days <= MAX_TOKEN_DAYS:
        raise TokenLifetimeInvalid()
    return timedelta(days=days)


class TokenNameInvalid(InputRefused):
    """The personal access token has no usable name."""

    code = "token_name_invalid"
    field = "name"
    message = f"A token has a name of 1 to {MAX_NAME_LENGTH} characters, without line breaks."


class TokenLifetimeInvalid(InputRefused):
    """The personal access token would live too long, or not at all."""

    code = "token_lifetime_invalid"
    field = "expires_in_days"
    message = f"A token lives for 1 to {MAX_TOKEN_DAYS} days."


class TooManyTokens(InputRefused):
    """The account has as many personal access tokens as it may have."""

    code = "too_many_tokens"
    field = "name"
    message = f"An account has at most {MAX_TOKENS} tokens. Remove one that you no longer need."


class PersonalTokenExpired(NotAuthenticated):
    """The personal access token has expired. Unlike an access token, it can't be renewed."""

    code = "token_expired"
    message = TokenExpired.message
