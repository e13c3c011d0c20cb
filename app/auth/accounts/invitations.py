"""Invitations: sent by mail or handed over as a link, with roles and an expiry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.auth.audit import Audit
from app.auth.clock import Clock
from app.auth.config import AuthConfig
from app.auth.errors import NotFound, RegistrationClosed
from app.auth.letters import Letters, Links
from app.auth.models import (
    DEFAULT_INVITE_DAYS,
    MAX_INVITE_DAYS,
    Client,
    LetterKind,
    Link,
    LinkPurpose,
    Principal,
)
from app.auth.parsing import parse_email, parse_roles
from app.auth.ports import Store
from app.auth.refusals import EmailTaken, InputRefused


class InviteLifetimeInvalid(InputRefused):
    """The invitation would live too long, or not at all."""

    code = "invite_lifetime_invalid"
    field = "expires_in_days"
    message = f"An invite lives for 1 to {MAX_INVITE_DAYS} days."


@dataclass(frozen=True, kw_only=True, eq=False)
class Invitations:
    """Makes, lists and withdraws invitations. Every method may raise `StoreUnavailable`.

    Args:
        config: tells whether invitations are of use.
        store: keeps the invitations.
        clock: tells the time.
        links: makes the invitations' links.
        letters: has the invitations sent.
        audit: is told of everything.
    """

    config: AuthConfig
    store: Store
    clock: Clock
    links: Links
    letters: Letters
    audit: Audit

    async def invite(
        self,
        by: Principal | None,
        client: Client,
        *,
        email: str | None = None,
        roles: Sequence[str] = (),
        expires_in_days: int = DEFAULT_INVITE_DAYS,
    ) -> Link:
        """Makes an invitation for one account.

        Args:
            by: the admin; None for the command line.
            client: where the request comes from.
            email: the email address of the only person it is for, who gets it by mail. If it is None, the
                invitation is for anyone who is handed the link.
            roles: the roles that the account will have.
            expires_in_days: how long the invitation lives: 1 to `MAX_INVITE_DAYS`.

        Raises:
            RegistrationClosed: REGISTRATION=closed.
            EmailInvalid, RolesInvalid, InviteLifetimeInvalid: what was given is not acceptable.
            EmailTaken: there is an account with that email address.
        """
        if self.config.registration == "closed":
            raise RegistrationClosed("Registration is closed, for the invited too: see REGISTRATION.")
        if not 1 <= expires_in_days <= MAX_INVITE_DAYS:
            raise InviteLifetimeInvalid()
        parsed = parse_roles(roles)
        address = ""
        if email:
            address, email_key = parse_email(email)
            if await self.store.user_by_email(email_key) is not None:
                raise EmailTaken()
        link = await self.links.make(
            LinkPurpose.INVITE,
            lifetime=timedelta(days=expires_in_days),
            email=address,
            roles=parsed,
            created_by=by.user_id if by else "",
        )
        if address:
            await self._mail(link, by)
        await self.audit.record(
            "invited", client=client, actor_id=by.user_id if by else "", detail=",".join(link.roles)
        )
        return link

    async def _mail(self, link: Link, by: Principal | None) -> None:
        inviter = await self.store.user_by_id(by.user_id) if by else None
        await self.letters.post(
            LetterKind.INVITE,
            link.email,
            link_id=link.id,
            expires=link.expires_at.isoformat(),
            roles=",".join(link.roles),
            inviter=(inviter.name or inviter.email) if inviter else "",
        )

    def url(self, link: Link) -> str:
        """Returns the address at which the invited person makes their account."""
        return self.links.url(link)

    async def open(self) -> list[Link]:
        """Returns the unused invitations that still count, the newest first, 200 at most."""
        return await self.store.links_for(LinkPurpose.INVITE, now=self.clock.now())

    async def withdraw(self, link_id: str, client: Client, *, by: Principal | None = None) -> None:
        """Voids an invitation. Raises `NotFound`."""
        now = self.clock.now()
        link = await self.store.link(link_id, now=now)
        if link is None or link.purpose != LinkPurpose.INVITE or not await self.store.take_link(link_id, now=now):
            raise NotFound()
        await self.audit.record("invite_withdrawn", client=client, actor_id=by.user_id if by else "")
