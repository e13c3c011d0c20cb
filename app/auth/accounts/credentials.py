"""Passwords: changed by who knows the old one, reset by who gets the mail, set by who runs the site."""

from __future__ import annotations

from app.auth.accounts.accounts import Accounts
from app.auth.audit import Audit
from app.auth.clock import Clock
from app.auth.errors import LinkInvalid, NotFound, PasswordChanged, WrongPassword
from app.auth.factors import Passwords, Proving
from app.auth.letters import Letters, Links
from app.auth.limits import Asker, Throttle
from app.auth.models import Client, LetterKind, Link, LinkPurpose, Principal, User
from app.auth.parsing import parse_email
from app.auth.ports import Store
from app.auth.sessions import Revocations


class Credentials:
    """Replaces passwords, which ends sessions. Every method may raise `StoreUnavailable`.

    Args:
        store: keeps the users.
        clock: tells the time.
        accounts: looks them up.
        proving: checks passwords.
        passwords: hashes them.
        links: the links of reset mails.
        letters: has mails sent.
        throttle: limits mails.
        revocations: is told whose sessions ended.
        audit: is told of everything.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        accounts: Accounts,
        proving: Proving,
        passwords: Passwords,
        links: Links,
        letters: Letters,
        throttle: Throttle,
        revocations: Revocations,
        audit: Audit,
    ) -> None:
        self._store = store
        self._clock = clock
        self._accounts = accounts
        self._proving = proving
        self._passwords = passwords
        self._links = links
        self._letters = letters
        self._throttle = throttle
        self._revocations = revocations
        self._audit = audit

    async def change_password(self, principal: Principal, current: str, new: str, client: Client) -> None:
        """Replaces the caller's password and ends their other sessions.

        Raises:
            WrongPassword: `current` is not the password.
            PasswordUnacceptable: `new` does not meet the rules.
            TooManyRequests, TooBusy: not now.
        """
        self._passwords.check(new, field="new_password")
        user = await self._proving.confirm_password(principal, current, client)
        new_hash = await self._hash(user, new, client, field="new_password")
        if not await self._replace(user, new_hash, keep=principal.session_id):
            raise WrongPassword()
        await self._audit.record(
            PasswordChanged.code, client=client, user_id=user.id, session_id=principal.session_id
        )

    async def set_password(self, user_id: str, new: str, client: Client) -> None:
        """Replaces a user's password, for whoever runs the site: the sessions and personal tokens of the user end.

        Raises:
            NotFound: there is no such user.
            PasswordUnacceptable: `new` does not meet the rules.
        """
        new_hash = await self._hash(await self._accounts.get(user_id), new, client, field="password")
        # Again where the user changed it, or a login upgraded its hash, in between: this one has the last word.
        while not await self._replace(await self._accounts.get(user_id), new_hash, keep=None):
            pass
        await self._store.remove_tokens(user_id)
        await self._audit.record(PasswordChanged.code, client=client, user_id=user_id, detail="set")

    async def forgot(self, email: str, client: Client) -> None:
        """Mails a link to whoever has an account with that address.

        The same for every address. Raises `EmailInvalid` or `TooManyRequests`.
        """
        _, email_key = parse_email(email)
        await self._throttle.mail(LetterKind.RESET_PASSWORD, email_key, client.ip)
        await self._letters.post(LetterKind.RESET_PASSWORD, email_key)
        await self._audit.record("password_reset_requested", client=client)

    async def peek_reset(self, token: str) -> User:
        """Whose password the link of a reset mail would set, if it counts. Raises `LinkInvalid`."""
        return await self._user_of(await self._links.peek(token, LinkPurpose.RESET_PASSWORD))

    async def reset(self, token: str, new: str, client: Client) -> None:
        """Replaces a forgotten password: by the link of the mail, once.

        Whoever knew the old one is out: every session and every personal access token ends. Nobody is logged in
        by it. The link proves the address as well.

        Raises:
            LinkInvalid: it was used, is too old, or the account is disabled or has another address by now.
            PasswordUnacceptable: `new` does not meet the rules; the link stays unused.
            TooBusy: too many hashes are waiting; the link stays unused.
        """
        self._passwords.check(new)
        user = await self._user_of(await self._links.peek(token, LinkPurpose.RESET_PASSWORD))
        new_hash = await self._hash(user, new, client, field="password")
        await self._links.take(token, LinkPurpose.RESET_PASSWORD)
        if not await self._replace(user, new_hash, keep=None):
            raise LinkInvalid()  # the password was changed a moment ago, by somebody who knew it
        await self._store.remove_tokens(user.id)
        await self._store.set_email_verified(user.id, email_key=user.email_key)
        await self._throttle.forget_account(user.email_key)
        await self._audit.record("password_reset", client=client, user_id=user.id)

    async def _user_of(self, link: Link) -> User:
        try:
            user = await self._accounts.get(link.user_id)
        except NotFound:
            raise LinkInvalid() from None
        if not user.is_active or parse_email(link.email)[1] != user.email_key:
            raise LinkInvalid()
        return user

    async def _hash(self, user: User, new: str, client: Client, *, field: str) -> str:
        asker = Asker.of(client, user.email_key)
        return await self._passwords.hash(new, asker=asker, context=(user.email, user.name), field=field)

    async def _replace(self, user: User, new_hash: str, *, keep: str | None) -> bool:
        """Whether the password was still the one of `user`, and so was replaced."""
        # The hash first, then the sessions: a login with the old password that slips in between is ended too.
        now = self._clock.now()
        if not await self._store.set_password_hash(user.id, new_hash, expected=user.password_hash, changed_at=now):
            return False
        reason = PasswordChanged.code
        ended = await self._store.revoke_user_sessions(user.id, at=now, reason=reason, keep=keep)
        self._revocations.add_sessions(ended, at=now, reason=reason)
        # Whoever knew the old password may have asked for the account to move to an address of theirs.
        await self._store.remove_links(user.id, [LinkPurpose.RESET_PASSWORD, LinkPurpose.CHANGE_EMAIL])
        await self._letters.post(
            LetterKind.PASSWORD_CHANGED, user.email, user_id=user.id, at=now.isoformat(timespec="seconds")
        )
        return True
