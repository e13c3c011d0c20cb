"""Replaces passwords: by the owner who knows the old one, by a mailed reset link, or by the site's operator."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.auth.accounts.accounts import Accounts
from app.auth.audit import Audit
from app.auth.clock import Clock
from app.auth.errors import LinkInvalid, NotFound, PasswordChanged, WrongPassword
from app.auth.factors import Passwords, Proving
from app.auth.letters import Letters, Links
from app.auth.limits import Asker, Throttle
from app.auth.models import AuditEvent, Client, LetterKind, Link, LinkPurpose, Principal, User
from app.auth.parsing import parse_email
from app.auth.ports import MailedLink, NewPassword, Store
from app.auth.sessions import Endings, Revocations


@dataclass(frozen=True, kw_only=True, eq=False)
class Credentials:
    """Replaces passwords, which ends sessions. Every method may raise `StoreUnavailable`.

    Args:
        store: keeps the users.
        clock: tells the time.
        accounts: looks up accounts.
        proving: checks passwords.
        passwords: hashes passwords.
        links: checks the links of reset mails.
        letters: has mails sent.
        throttle: limits mails.
        endings: is told whose sessions ended.
        revocations: is told whose older access tokens no longer count.
        audit: is told of everything.
    """

    store: Store
    clock: Clock
    accounts: Accounts
    proving: Proving
    passwords: Passwords
    links: Links
    letters: Letters
    throttle: Throttle
    endings: Endings
    revocations: Revocations
    audit: Audit

    async def change_password(self, principal: Principal, current: str, new: str, client: Client) -> None:
        """Replaces the caller's password and ends their other sessions.

        Raises:
            WrongPassword: `current` is not the password.
            PasswordUnacceptable: `new` does not meet the rules.
            TooManyRequests, TooBusy: it can't be done now.
        """
        self.passwords.check(new, field="new_password")
        user = (await self.proving.confirm_password(principal, current, client)).user
        new_hash = await self._hash(user, new, client, field="new_password")
        event = self.audit.event(
            PasswordChanged.code, client=client, user_id=user.id, session_id=principal.session_id
        )
        if not await self._replace(await self._draft(user, new_hash, event, keep=principal.session_id)):
            raise WrongPassword()

    async def set_password(self, user_id: str, new: str, client: Client) -> None:
        """Replaces a user's password for the site's operator. The user's sessions and personal access tokens end.

        Raises:
            NotFound: there is no such user.
            PasswordUnacceptable: `new` does not meet the rules.
        """
        user = await self.accounts.get(user_id)
        new_hash = await self._hash(user, new, client, field="password")
        event = self.audit.event(PasswordChanged.code, client=client, user_id=user_id, detail="set")
        draft = await self._draft(user, new_hash, event)
        # If the user changed the password in between, it is replaced again: the operator has the last word.
        while not await self._replace(draft):
            user = await self.accounts.get(user_id)
            draft = replace(draft, credentials_version=user.credentials_version, at=self.clock.now())

    async def forgot(self, email: str, client: Client) -> None:
        """Mails a reset link if there is an account with that email address.

        It behaves the same for every email address. Raises `EmailInvalid` or `TooManyRequests`.
        """
        _, email_key = parse_email(email)
        await self.throttle.mail(LetterKind.RESET_PASSWORD, email_key, client.ip)
        await self.letters.post(LetterKind.RESET_PASSWORD, email_key)
        await self.audit.record("password_reset_requested", client=client)

    async def peek_reset(self, token: str) -> User:
        """Returns the user whose password the link of a reset mail would set. Raises `LinkInvalid`."""
        return await self._user_of(await self.links.peek(token, LinkPurpose.RESET_PASSWORD))

    async def reset(self, token: str, new: str, client: Client) -> None:
        """Replaces a forgotten password by the link of the mail, which works once.

        Anyone who knew the old password is out: every session and every personal access token ends. Nobody is
        logged in by the reset. The link also confirms the email address. All of it is one step of the store.

        Raises:
            LinkInvalid: the link was used or is too old, the account is disabled or has another email address by
                now, or the password was changed a moment ago by somebody who knew it.
            PasswordUnacceptable: `new` does not meet the rules; the link stays unused.
            TooBusy: too many hashes are waiting; the link stays unused.
        """
        self.passwords.check(new)
        link = await self.links.peek(token, LinkPurpose.RESET_PASSWORD)
        user = await self._user_of(link)
        new_hash = await self._hash(user, new, client, field="password")
        event = self.audit.event("password_reset", client=client, user_id=user.id)
        draft = replace(
            await self._draft(user, new_hash, event),
            link=MailedLink(link.id, user.email_key),
            wiped=self.throttle.counters_of(user.email_key),
        )
        if not await self._replace(draft):
            raise LinkInvalid()

    async def _user_of(self, link: Link) -> User:
        try:
            user = await self.accounts.get(link.user_id)
        except NotFound:
            raise LinkInvalid() from None
        if not user.is_active or parse_email(link.email)[1] != user.email_key:
            raise LinkInvalid()
        return user

    async def _hash(self, user: User, new: str, client: Client, *, field: str) -> str:
        asker = Asker.of(client, user.email_key)
        return await self.passwords.hash(new, asker=asker, context=(user.email, user.name), field=field)

    async def _draft(
        self, user: User, new_hash: str, event: AuditEvent, *, keep: str | None = None
    ) -> NewPassword:
        """Returns what to write for a new password, if the credentials of `user` are unchanged by then."""
        now = self.clock.now()
        letter = await self.letters.draft(
            LetterKind.PASSWORD_CHANGED, user.email, user_id=user.id, at=now.isoformat(timespec="seconds")
        )
        return NewPassword(
            user.id,
            new_hash,
            credentials_version=user.credentials_version,
            at=now,
            reason=PasswordChanged.code,
            event=event,
            letter=letter,
            keep=keep,
            limit=self.audit.limit_of(event),
        )

    async def _replace(self, new: NewPassword) -> bool:
        """Replaces the password. Returns False if the credentials were no longer as they were read."""
        replaced = await self.store.replace_password(new)
        if replaced is None:
            return False
        self.endings.note(replaced.ended, at=new.at, reason=new.reason)
        if new.keep is None:
            self.revocations.add_rights(new.user_id, replaced.user.rights_version, at=new.at)
        self.audit.tell(new.event)
        self.letters.wake()
        return True
