"""Creates accounts: by registration, by an invitation, and the very first one by the setup link."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from app.auth.accounts.accounts import Accounts
from app.auth.audit import Audit
from app.auth.clock import Clock
from app.auth.config import AuthConfig
from app.auth.errors import LinkInvalid, RegistrationClosed
from app.auth.extending import Signal, SignalKind, Signals
from app.auth.letters import Letters, Links
from app.auth.limits import Throttle
from app.auth.models import ADMIN, Client, LetterKind, Link, LinkPurpose, User
from app.auth.parsing import parse_email, parse_name
from app.auth.ports import Store
from app.auth.refusals import EmailInvalid, EmailTaken


@dataclass(frozen=True, kw_only=True, eq=False)
class Registration:
    """Lets people in. Every method may raise `StoreUnavailable`.

    Args:
        config: tells who may register.
        store: keeps users and links.
        clock: tells the time.
        accounts: drafts the accounts.
        links: makes and checks invitations and the setup link.
        letters: has mails sent.
        throttle: limits registrations.
        signals: tells the team's code.
        audit: is told of everything.
    """

    config: AuthConfig
    store: Store
    clock: Clock
    accounts: Accounts
    links: Links
    letters: Letters
    throttle: Throttle
    signals: Signals
    audit: Audit
    _telling: set[asyncio.Task[None]] = field(init=False, default_factory=set)

    @property
    def is_open(self) -> bool:
        """Whether people may create accounts by themselves."""
        return self.config.registration == "open"

    async def register(
        self, email: str, password: str, name: str, client: Client, *, invite: str | None = None
    ) -> User | None:
        """Registers a new account.

        Args:
            email, password, name: as typed.
            client: where the request comes from.
            invite: the token of an invitation; needed if registration is not open.

        Returns:
            The account. None if email addresses must be confirmed and no mailed invitation proves this one: then
            the answer for a taken email address is the same as for a free one, and its owner gets a mail (OWASP
            ASVS V6.3.8).

        Raises:
            RegistrationClosed: an invitation is needed, or would not help.
            LinkInvalid: the invitation is not valid.
            EmailTaken, EmailInvalid, NameInvalid, PasswordUnacceptable: what was given is not acceptable.
            TooManyRequests, TooBusy: it can't be done now.
        """
        link = await self._admit(invite)
        _, email_key = parse_email(email)
        parse_name(name)
        if link is not None and link.email and parse_email(link.email)[1] != email_key:
            raise EmailInvalid("This invite is for another address.")
        await self.throttle.registration(client.ip)
        is_proven = link is not None and bool(link.email)
        is_quiet = self.config.require_verified_email and not is_proven
        roles = link.roles if link else ()
        user = await self.accounts.draft(
            email, password, client=client, name=name, roles=roles, is_email_verified=is_proven
        )
        if is_quiet:
            # Only a quiet registration counts as a mail: any other causes no mail to a taken email address and one
            # to a free one. It is counted after the draft: people who need some tries to find a good password have
            # caused no mail yet. It is not counted with the confirmation mails that strangers ask for: those may
            # go nowhere, and must not keep the owner of the email address from registering.
            await self.throttle.mail(LetterKind.ADDRESS_IN_USE, email_key, client.ip)
        try:
            await self._add(user, client, invite, LinkPurpose.INVITE, is_quiet=is_quiet)
        except EmailTaken:
            if not is_quiet:
                raise
            await self.letters.post(LetterKind.ADDRESS_IN_USE, email_key)
            await self.audit.record("registration_refused", client=client, detail=EmailTaken.code)
            return None
        # A quiet registration was already counted above.
        if not is_proven and (is_quiet or await self.throttle.may_tell(LetterKind.VERIFY_EMAIL, email_key)):
            await self.letters.post(LetterKind.VERIFY_EMAIL, email_key, user_id=user.id)
        return None if is_quiet else user

    async def _admit(self, invite: str | None) -> Link | None:
        if invite is not None:
            return await self.peek_invite(invite)
        if not self.is_open:
            raise self.closed()
        return None

    def closed(self) -> RegistrationClosed:
        """Returns why nobody may register without an invitation, or at all."""
        if self.config.registration == "invite":
            return RegistrationClosed(
                "Accounts here are made by invitation. Open the link in yours, or ask those who run this site."
            )
        return RegistrationClosed()

    async def _add(
        self, user: User, client: Client, token: str | None, purpose: LinkPurpose, *, is_quiet: bool = False
    ) -> None:
        """Stores `user` and uses up the link, if there is one. Of many who use it at once, one gets an account.

        What the link depends on was checked when the form came, and the hash took its time since: the write checks
        it again. If the email address is taken, the link stays, unless that would tell who has an account
        (`is_quiet`). Raises `EmailTaken` or `LinkInvalid`.
        """
        link = None
        if token is None:
            await self.store.add_user(user)
        else:
            link = await self.links.admit(token, purpose, user, spends=is_quiet)
        detail = "" if link is None else link.purpose
        await self.audit.record(
            "registered", client=client, user_id=user.id, detail=detail, actor_id=link.created_by if link else ""
        )
        told = self.signals.send(Signal(SignalKind.REGISTERED, user.id, self.clock.now(), client, user=user))
        if not is_quiet:
            await told
            return
        # Outside the request: how long the team's code takes would tell a free email address from a taken one.
        task = asyncio.create_task(told)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def peek_invite(self, token: str) -> Link:
        """Returns the invitation without using it. Raises `LinkInvalid`, or `RegistrationClosed` if none helps.

        An invitation counts as long as its maker is an admin: a dismissed admin leaves no way back in.
        """
        if self.config.registration == "closed":
            raise RegistrationClosed()
        link = await self.links.peek(token, LinkPurpose.INVITE)
        if link.created_by:
            inviter = await self.store.user_by_id(link.created_by)
            if inviter is None or not inviter.is_active or ADMIN not in inviter.roles:
                raise LinkInvalid()
        return link

    # the first admin

    async def setup_url(self) -> str | None:
        """Returns the address at which the first admin creates their account, or None once there is any account.

        It is the same for every process and every start, as long as it counts.
        """
        if await self.store.has_users():
            return None
        known = await self.store.links_for(LinkPurpose.SETUP, now=self.clock.now())
        return self.links.url(known[-1] if known else await self.links.make(LinkPurpose.SETUP))

    async def peek_setup(self, token: str) -> None:
        """Returns if the setup link counts. Raises `LinkInvalid`."""
        await self.links.peek(token, LinkPurpose.SETUP)
        if await self.store.has_admin():
            raise LinkInvalid()

    async def set_up(self, token: str, email: str, password: str, name: str, client: Client) -> User:
        """Creates the first admin, whose email address is confirmed because the site's operator vouches for it.

        Raises what `peek_setup` and `Accounts.create` raise.
        """
        await self.peek_setup(token)
        user = await self.accounts.draft(
            email, password, client=client, name=name, roles=(ADMIN,), is_email_verified=True
        )
        await self._add(user, client, token, LinkPurpose.SETUP)
        return user
