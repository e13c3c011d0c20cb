"""Accounts: made, named, given passwords and roles, disabled and deleted."""

from __future__ import annotations

import dataclasses
import unicodedata
import uuid
from collections.abc import Sequence
from typing import Final

from email_validator import validate_email

from app.auth.audit import Audit
from app.auth.config import AuthConfig
from app.auth.errors import (
    AccountDeleted,
    AccountDisabled,
    InvalidCredentials,
    NotFound,
    PasswordChanged,
    RegistrationClosed,
    WrongPassword,
)
from app.auth.models import Client, Principal, User
from app.auth.passwords import Passwords
from app.auth.ports import Clock, Store
from app.auth.refusals import EmailInvalid, NameInvalid
from app.auth.revocations import Revocations

MAX_NAME_LENGTH: Final = 100
#: In characters, as typed: more than any address has (RFC 5321 section 4.5.3.1).
MAX_EMAIL_LENGTH: Final = 320


class Accounts:
    """Everything about users but their logins. Every method may raise `StoreUnavailable`.

    Args:
        config: what the deployment allows.
        store: keeps the users.
        clock: tells the time.
        passwords: hashes and verifies.
        revocations: is told whose sessions ended and whose rights changed.
        audit: is told of everything.
    """

    def __init__(
        self,
        config: AuthConfig,
        *,
        store: Store,
        clock: Clock,
        passwords: Passwords,
        revocations: Revocations,
        audit: Audit,
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._revocations = revocations
        self._audit = audit

    # looking up

    async def get(self, user_id: str) -> User:
        """The user. Raises `NotFound`."""
        user = await self._store.user_by_id(user_id)
        if user is None:
            raise NotFound()
        return user

    async def find(self, email: str) -> User:
        """The user with that address, in any spelling. Raises `NotFound`."""
        try:
            _, email_key = parse_email(email)
        except EmailInvalid:
            raise NotFound() from None
        user = await self._store.user_by_email(email_key)
        if user is None:
            raise NotFound()
        return user

    async def page(self, *, after: str = "", limit: int = 100) -> list[User]:
        """Users in the order of their addresses, from the one after `after` on."""
        return await self._store.list_users(after=after, limit=limit)

    # making

    @property
    def is_registration_open(self) -> bool:
        """Whether people may make their own accounts."""
        return self._config.registration == "open"

    async def register(self, email: str, password: str, name: str, client: Client) -> User:
        """A new account that its owner makes. Raises `RegistrationClosed`, or what `create` raises."""
        if not self.is_registration_open:
            raise RegistrationClosed()
        return await self.create(email, password, name=name, client=client)

    async def create(
        self, email: str, password: str, *, client: Client, name: str = "", roles: Sequence[str] = ()
    ) -> User:
        """A new account.

        Raises:
            EmailInvalid, NameInvalid, PasswordUnacceptable: what was given is not acceptable.
            EmailTaken: another account has this address, in some spelling.
            TooBusy: too many hashes are waiting.
        """
        address, email_key = parse_email(email)
        user = User(
            id=uuid.uuid4().hex,
            email=address,
            email_key=email_key,
            name=parse_name(name),
            password_hash=await self._passwords.hash(password),
            roles=tuple(sorted(set(roles))),
            created_at=self._clock.now(),
        )
        await self._store.add_user(user)
        await self._audit.record("registered", client=client, user_id=user.id)
        return user

    # proving who one is

    async def authenticate(self, email: str, password: str, client: Client) -> User:
        """The active user with that address and password.

        An unknown address, a wrong password and a disabled account take the same steps and the same time: one
        look-up, one hash, one line in the audit log.

        Raises:
            InvalidCredentials: for every reason alike.
            TooBusy: too many hashes are waiting.
        """
        try:
            user = await self._store.user_by_email(parse_email(email)[1])
        except EmailInvalid:
            user = None
        matches, better = await self._passwords.verify(password, user.password_hash if user else None)
        if user is None or not matches or not user.is_active:
            reason = "unknown_address" if user is None else "disabled" if matches else "wrong_password"
            await self._audit.record("login_failed", client=client, user_id=user.id if user else "", detail=reason)
            raise InvalidCredentials()
        return user if better is None else await self._upgrade(user, password, better)

    async def confirm_password(self, user_id: str, password: str, client: Client) -> User:
        """The user, if that is the password. Raises `WrongPassword`, `NotFound` or `TooBusy`."""
        user = await self.get(user_id)
        matches, _ = await self._passwords.verify(password, user.password_hash)
        if not matches:
            await self._audit.record("wrong_password", client=client, user_id=user_id)
            raise WrongPassword()
        return user

    async def _upgrade(self, user: User, password: str, better_hash: str) -> User:
        """Replaces an outdated hash of the password that was just proven."""
        if await self._store.set_password_hash(user.id, better_hash, expected=user.password_hash):
            return dataclasses.replace(user, password_hash=better_hash)
        # Another login was faster, or the password was changed: the one that was proven may be the old one. Where
        # it is, the user stays as read before, and `add_session` refuses that hash.
        current = await self._store.user_by_id(user.id)
        if current is None:
            return user
        matches, _ = await self._passwords.verify(password, current.password_hash)
        return current if matches else user

    # changing

    async def rename(self, user_id: str, name: str) -> User:
        """Sets the display name. Raises `NameInvalid` or `NotFound`."""
        user = await self._store.set_name(user_id, parse_name(name))
        if user is None:
            raise NotFound()
        return user

    async def change_password(self, principal: Principal, current: str, new: str, client: Client) -> None:
        """Replaces the caller's password and ends their other sessions.

        Raises:
            WrongPassword: `current` is not the password.
            PasswordUnacceptable: `new` does not meet the rules.
            TooBusy: too many hashes are waiting.
        """
        self._passwords.check(new, field="new_password")
        user = await self.confirm_password(principal.user_id, current, client)
        if not await self._replace_password(user, new, keep=principal.session_id, client=client):
            raise WrongPassword()

    async def set_password(self, user_id: str, new: str, client: Client) -> None:
        """Replaces a user's password, for whoever runs the site, and ends all of the user's sessions.

        Raises:
            NotFound: there is no such user.
            PasswordUnacceptable: `new` does not meet the rules.
        """
        # Again where the user changed it, or a login upgraded its hash, in between: this one has the last word.
        while not await self._replace_password(await self.get(user_id), new, keep=None, client=client):
            pass

    async def _replace_password(self, user: User, new: str, *, keep: str | None, client: Client) -> bool:
        """Whether the password was still the one of `user`, and so was replaced."""
        new_hash = await self._passwords.hash(new)
        # The hash first, then the sessions: a login with the old password that slips in between is ended too.
        if not await self._store.set_password_hash(user.id, new_hash, expected=user.password_hash):
            return False
        await self._end_sessions(user.id, PasswordChanged.code, keep=keep)
        await self._audit.record(PasswordChanged.code, client=client, user_id=user.id)
        return True

    async def set_active(self, user_id: str, is_active: bool, client: Client) -> User:
        """Enables an account, or disables it, which ends its sessions. Raises `NotFound`."""
        user = await self._set_rights(user_id, is_active=is_active)
        if not is_active:
            await self._end_sessions(user_id, AccountDisabled.code)
        await self._audit.record(
            "account_enabled" if is_active else AccountDisabled.code, client=client, user_id=user_id
        )
        return user

    async def set_roles(self, user_id: str, roles: Sequence[str], client: Client) -> User:
        """Replaces a user's roles; older access tokens no longer count. Raises `NotFound`."""
        user = await self._set_rights(user_id, roles=tuple(sorted(set(roles))))
        await self._audit.record("roles_changed", client=client, user_id=user_id, detail=",".join(user.roles))
        return user

    async def _set_rights(
        self, user_id: str, *, roles: Sequence[str] | None = None, is_active: bool | None = None
    ) -> User:
        now = self._clock.now()
        user = await self._store.set_rights(user_id, at=now, roles=roles, is_active=is_active)
        if user is None:
            raise NotFound()
        self._revocations.add_rights(user_id, user.rights_version, at=now)
        return user

    async def delete_own(self, principal: Principal, password: str, client: Client) -> None:
        """Deletes the caller's account for good. Raises `WrongPassword` or `TooBusy`."""
        await self.confirm_password(principal.user_id, password, client)
        await self.delete(principal.user_id, client)

    async def delete(self, user_id: str, client: Client) -> None:
        """Deletes an account for good and ends its sessions. Raises `NotFound`."""
        await self._end_sessions(user_id, AccountDeleted.code)
        if not await self._store.delete_user(user_id, at=self._clock.now()):
            raise NotFound()
        # Whoever logged in between the two is on the list of the store's; the next poll would be late.
        await self._revocations.poll()
        await self._audit.record(AccountDeleted.code, client=client, user_id=user_id)

    async def _end_sessions(self, user_id: str, reason: str, *, keep: str | None = None) -> None:
        now = self._clock.now()
        ended = await self._store.revoke_user_sessions(user_id, at=now, reason=reason, keep=keep)
        self._revocations.add_sessions(ended, at=now, reason=reason)


def parse_email(text: str) -> tuple[str, str]:
    """An address as its owner spells it, and its normal form, by which it is unique. Raises `EmailInvalid`."""
    # Before all else: normalising a long run of combining marks takes the square of its length, on the event loop.
    if len(text) > MAX_EMAIL_LENGTH:
        raise EmailInvalid()
    try:
        parsed = validate_email(text.strip(), check_deliverability=False, globally_deliverable=False)
    except ValueError as error:  # EmailNotValidError, and what lone surrogates raise
        raise EmailInvalid() from error
    # Normalised once more at the end: folding can take a text out of its normal form.
    local = _nfkc(_nfkc(parsed.local_part).casefold())
    if "@" in local:  # a full-width one: the normal form would be no address
        raise EmailInvalid()
    domain = (parsed.ascii_domain or parsed.domain).lower()
    return parsed.normalized, f"{local}@{domain}"


def _nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def parse_name(text: str) -> str:
    """A display name. Raises `NameInvalid` if it is too long, or would break a line or a terminal."""
    name = unicodedata.normalize("NFC", text).strip()
    if len(name) > MAX_NAME_LENGTH or any(
        unicodedata.category(char) in _UNPRINTABLE or char in _REORDERING for char in name
    ):
        raise NameInvalid()
    return name


#: Control characters, surrogates, unassigned code points, line and paragraph separators.
_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})
#: Turn the order of what follows in a list or a log line (Unicode TR36: "trojan source"); no name needs them.
_REORDERING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
