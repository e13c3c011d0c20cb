"""Looks up, creates and names accounts."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from app.auth.audit import Audit
from app.auth.clock import Clock
from app.auth.errors import NotFound
from app.auth.extending import Signal, SignalKind, Signals
from app.auth.factors import Passwords
from app.auth.limits import Asker
from app.auth.models import Client, User
from app.auth.parsing import parse_email, parse_name, parse_roles
from app.auth.ports import Store
from app.auth.refusals import EmailInvalid


@dataclass(frozen=True, kw_only=True, eq=False)
class Accounts:
    """Looks up, creates and names accounts. Every method may raise `StoreUnavailable`.

    Args:
        store: keeps the users.
        clock: tells the time.
        passwords: hashes passwords.
        signals: tells the team's code.
        audit: is told of everything.
    """

    store: Store
    clock: Clock
    passwords: Passwords
    signals: Signals
    audit: Audit

    # looking up

    async def get(self, user_id: str) -> User:
        """Returns the user. Raises `NotFound`."""
        user = await self.store.user_by_id(user_id)
        if user is None:
            raise NotFound()
        return user

    async def find(self, email: str) -> User:
        """Returns the user with that email address, in any spelling. Raises `NotFound`."""
        try:
            user = await self.store.user_by_email(parse_email(email)[1])
        except EmailInvalid:
            user = None
        if user is None:
            raise NotFound()
        return user

    # making and naming

    async def create(
        self,
        email: str,
        password: str,
        *,
        client: Client,
        name: str = "",
        roles: Sequence[str] = (),
        is_email_verified: bool = False,
    ) -> User:
        """Creates an account on behalf of the site's operator.

        Raises:
            EmailInvalid, NameInvalid, RolesInvalid, PasswordUnacceptable: what was given is not acceptable.
            EmailTaken: another account has this email address, in some spelling.
            TooBusy: too many hashes are waiting.
        """
        user = await self.draft(
            email, password, client=client, name=name, roles=roles, is_email_verified=is_email_verified
        )
        await self.store.add_user(user)
        await self.audit.record("registered", client=client, user_id=user.id)
        await self.signals.send(Signal(SignalKind.REGISTERED, user.id, user.created_at, client, user=user))
        return user

    async def draft(
        self,
        email: str,
        password: str,
        *,
        client: Client,
        name: str,
        roles: Sequence[str] = (),
        is_email_verified: bool = False,
    ) -> User:
        """Makes an account without storing it. Raises what `create` raises, except `EmailTaken`."""
        address, email_key = parse_email(email)
        name = parse_name(name)
        return User(
            id=uuid.uuid4().hex,
            email=address,
            email_key=email_key,
            name=name,
            roles=parse_roles(roles),
            password_hash=await self.passwords.hash(
                password, asker=Asker.of(client, email_key), context=(address, name)
            ),
            is_email_verified=is_email_verified,
            created_at=self.clock.now(),
        )

    async def rename(self, user_id: str, name: str) -> User:
        """Sets the display name. Raises `NameInvalid` or `NotFound`."""
        user = await self.store.set_name(user_id, parse_name(name))
        if user is None:
            raise NotFound()
        return user
