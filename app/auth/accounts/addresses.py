"""Email addresses: confirmed by a mailed link, and replaced once the new one is confirmed."""

from __future__ import annotations

from dataclasses import dataclass

from app.auth.audit import Audit
from app.auth.errors import LinkInvalid, WrongPassword
from app.auth.factors import Proving
from app.auth.letters import Letters, Links
from app.auth.limits import Throttle
from app.auth.models import Client, LetterKind, Link, LinkPurpose, Principal, User
from app.auth.parsing import parse_email
from app.auth.ports import Store

_BOTH = (LinkPurpose.VERIFY_EMAIL, LinkPurpose.CHANGE_EMAIL)


@dataclass(frozen=True, kw_only=True, eq=False)
class Addresses:
    """Proves that an email address belongs to the account's owner. Every method may raise `StoreUnavailable`.

    Args:
        store: keeps the users.
        proving: checks passwords.
        links: makes and checks the mailed links.
        letters: has mails sent.
        throttle: limits mails.
        audit: is told of everything.
    """

    store: Store
    proving: Proving
    links: Links
    letters: Letters
    throttle: Throttle
    audit: Audit

    async def resend(self, email: str, client: Client) -> None:
        """Mails a new link if there is an account with that email address which is not confirmed yet.

        It behaves the same for every email address. Raises `EmailInvalid` or `TooManyRequests`.
        """
        _, email_key = parse_email(email)
        await self.throttle.mail(LetterKind.VERIFY_EMAIL, email_key, client.ip)
        await self.letters.post(LetterKind.VERIFY_EMAIL, email_key)

    async def peek(self, token: str) -> Link:
        """Returns a mailed link without using it; following it confirms its `email`. Raises `LinkInvalid`."""
        return await self.links.peek(token, *_BOTH)

    async def verify(self, token: str, client: Client) -> User:
        """Follows a mailed link: the email address is confirmed, and if it is a new one, it replaces the old one.

        Raises:
            LinkInvalid: it was used, is too old, or the account has another email address by now.
            EmailTaken: somebody else has the new email address by now.
        """
        link = await self.links.take(token, *_BOTH)
        if link.purpose == LinkPurpose.CHANGE_EMAIL:
            return await self._change(link, client)
        user = await self.store.set_email_verified(link.user_id, email_key=parse_email(link.email)[1])
        if user is None:
            raise LinkInvalid()
        await self.audit.record("email_verified", client=client, user_id=user.id)
        return user

    async def _change(self, link: Link, client: Client) -> User:
        before = await self.store.user_by_id(link.user_id)
        if before is None or not before.is_active:
            raise LinkInvalid()
        address, email_key = parse_email(link.email)
        user = await self.store.set_email(before.id, address, email_key, expected_key=before.email_key)
        if user is None:
            raise LinkInvalid()
        # Links that were mailed to the old email address no longer open anything.
        await self.store.remove_links(user.id, [*_BOTH, LinkPurpose.RESET_PASSWORD])
        await self.letters.post(LetterKind.EMAIL_CHANGED, before.email, user_id=user.id, new_email=user.email)
        await self.audit.record("email_changed", client=client, user_id=user.id)
        return user

    async def _link_to(self, address: str, user: User) -> Link:
        """Makes the link that moves the account of `user`, whose password was just proven, to `address`.

        Unlike others, this link is made now and not with the mail: a new password voids it while the mail still
        waits, so that nobody who knew the old password gets the account after all. It voids the previous link,
        which may have been for a mistyped email address. Raises `WrongPassword` if the password was replaced
        meanwhile.
        """
        await self.store.remove_links(user.id, [LinkPurpose.CHANGE_EMAIL])
        link = await self.links.make(LinkPurpose.CHANGE_EMAIL, user_id=user.id, email=address)
        # Replacing the password removes links. Either that finds this link, or the new password shows here.
        now = await self.store.user_by_id(user.id)
        if now is None or now.credentials_version != user.credentials_version:
            await self.store.remove_links(user.id, [LinkPurpose.CHANGE_EMAIL])
            raise WrongPassword()
        return link

    async def request_change(self, principal: Principal, password: str, email: str, client: Client) -> None:
        """Mails a link to the new email address and a notice to the old one. Following the link makes the change.

        If another account has the new email address, the answer is the same, and that account's owner gets a mail.

        Raises:
            WrongPassword: it is not the password.
            EmailInvalid, TooManyRequests, TooBusy: as usual.
        """
        address, email_key = parse_email(email)
        user = (await self.proving.confirm_password(principal, password, client)).user
        await self.throttle.mail(LetterKind.CHANGE_EMAIL, email_key, client.ip)
        link = await self._link_to(address, user)
        other = await self.store.user_by_email(email_key)
        if other is None or other.id == user.id:
            await self.letters.post(LetterKind.CHANGE_EMAIL, address, user_id=user.id, link_id=link.id)
        else:
            await self.letters.post(LetterKind.ADDRESS_IN_USE, email_key, user_id=other.id)
        await self.letters.post(LetterKind.EMAIL_CHANGE_REQUESTED, user.email, user_id=user.id, new_email=address)
        await self.audit.record(
            "email_change_requested", client=client, user_id=user.id, session_id=principal.session_id
        )
