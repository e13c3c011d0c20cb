"""Accounts: made, looked up, named, and proven to be one's own by the password."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from typing import Final

from email_validator import validate_email

from app.auth.audit import Audit
from app.auth.config import AuthConfig
from app.auth.devices import keys_of, known_browser
from app.auth.errors import InvalidCredentials, NotFound, TooBusy, TooManyRequests, WrongPassword
from app.auth.models import LEGACY_CLIENT, TOKEN_CLIENT, Client, Principal, User
from app.auth.opening import Found
from app.auth.passwords import Passwords
from app.auth.ports import Clock, Store
from app.auth.refusals import EmailInvalid, NameInvalid, RolesInvalid
from app.auth.signals import Signal, SignalKind, Signals
from app.auth.throttle import Guess, Throttle
from app.auth.turns import Asker

MAX_NAME_LENGTH: Final = 100
#: In characters, as typed: more than any address has (RFC 5321 section 4.5.3.1).
MAX_EMAIL_LENGTH: Final = 320
MAX_ROLES: Final = 20
_ROLE: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)


class Accounts:
    """Looks accounts up, makes them, and checks passwords. Every method may raise `StoreUnavailable`.

    Args:
        config: what the deployment allows.
        store: keeps the users.
        clock: tells the time.
        passwords: hashes and verifies.
        throttle: limits guesses.
        signals: tells the team's code.
        audit: is told of everything.
    """

    def __init__(
        self,
        config: AuthConfig,
        *,
        store: Store,
        clock: Clock,
        passwords: Passwords,
        throttle: Throttle,
        signals: Signals,
        audit: Audit,
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._throttle = throttle
        self._signals = signals
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
            user = await self._store.user_by_email(parse_email(email)[1])
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
        """A new account, for whoever runs the site.

        Raises:
            EmailInvalid, NameInvalid, RolesInvalid, PasswordUnacceptable: what was given is not acceptable.
            EmailTaken: another account has this address, in some spelling.
            TooBusy: too many hashes are waiting.
        """
        user = await self.draft(
            email, password, client=client, name=name, roles=roles, is_email_verified=is_email_verified
        )
        await self._store.add_user(user)
        await self._audit.record("registered", client=client, user_id=user.id)
        await self._signals.send(Signal(SignalKind.REGISTERED, user.id, user.created_at, client, user=user))
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
        """An account that is not stored yet. Raises what `create` raises, but for `EmailTaken`."""
        address, email_key = parse_email(email)
        name = parse_name(name)
        return User(
            id=uuid.uuid4().hex,
            email=address,
            email_key=email_key,
            name=name,
            roles=parse_roles(roles),
            password_hash=await self._passwords.hash(
                password, asker=Asker.of(client, email_key), context=(address, name)
            ),
            is_email_verified=is_email_verified,
            created_at=self._clock.now(),
        )

    async def rename(self, user_id: str, name: str) -> User:
        """Sets the display name. Raises `NameInvalid` or `NotFound`."""
        user = await self._store.set_name(user_id, parse_name(name))
        if user is None:
            raise NotFound()
        return user

    # proving who one is

    async def authenticate(self, email: str, password: str, client: Client) -> tuple[Found, Guess]:
        """The active user with that address and password, and the guess, of which nobody was told yet that it was
        right: a login writes that together with its session.

        An unknown address, a wrong password, a disabled account and one whose address is not verified where it
        must be take the same steps and the same time: one look-up, one count, one hash, one line in the audit log.

        Raises:
            InvalidCredentials: for every reason alike.
            TooManyRequests: of an address with an account and of one without alike.
            TooBusy: too many hashes are waiting.
        """
        try:
            email_key = parse_email(email)[1]
            found = await self._store.user_to_log_in(email_key, devices=keys_of(client))
        except EmailInvalid:
            email_key, found = email[:MAX_EMAIL_LENGTH], None
        user = found.user if found else None
        own = known_browser(client, found)
        guess = await self._guess(email_key, client, own=own, user_id=user.id if user else "")
        asker = Asker.of(client, email_key)
        matches, better = await self._verify(guess, password, user.password_hash if user else None, asker)
        reason = _why_not(user, matches, needs_verified=self._config.require_verified_email)
        if found is None or reason:
            await self._audit.record("login_failed", client=client, user_id=user.id if user else "", detail=reason)
            raise self.invalid_credentials()
        if better is not None:
            upgraded = await self._upgrade(guess, found.user, password, better, asker)
            found = dataclasses.replace(found, user=upgraded)
        return found, guess

    def invalid_credentials(self) -> InvalidCredentials:
        """The one refusal, for every reason alike; one more is named where addresses have to be verified."""
        if not self._config.require_verified_email:
            return InvalidCredentials()
        return InvalidCredentials(
            "The e-mail address or the password is wrong, or the address was not confirmed yet."
        )

    async def confirm_password(self, principal: Principal, password: str, client: Client) -> User:
        """The caller's account, if that is the password.

        Raises:
            WrongPassword, TooManyRequests, TooBusy: it is not, or can't be tried now.
            NotFound: the account is gone.
        """
        user = await self.get(principal.user_id)
        # Not of a personal token: who holds one may make others, and each would have tries of its own. Nor of one
        # of an earlier system, for whoever has its key.
        has_session = principal.client_id not in (TOKEN_CLIENT, LEGACY_CLIENT)
        own = f"session {principal.session_id}" if has_session else None
        guess = await self._guess(user.email_key, client, own=own, user_id=user.id)
        matches, _ = await self._verify(guess, password, user.password_hash, Asker.of(client, user.email_key))
        if not matches:
            await self._audit.record(
                "wrong_password", client=client, user_id=user.id, session_id=principal.session_id
            )
            raise WrongPassword()
        await guess.was_right()
        return user

    async def _guess(self, email_key: str, client: Client, *, own: str | None, user_id: str) -> Guess:
        try:
            return await self._throttle.guess(email_key, ip=client.ip, own=own)
        except TooManyRequests as error:
            if error.is_news:
                await self._audit.record("login_blocked", client=client, user_id=user_id)
            raise

    async def _verify(
        self, guess: Guess, password: str, password_hash: str | None, asker: Asker
    ) -> tuple[bool, str | None]:
        try:
            return await self._passwords.verify(password, password_hash, asker=asker)
        except TooBusy:
            await guess.does_not_count()
            raise

    async def _upgrade(self, guess: Guess, user: User, password: str, better_hash: str, asker: Asker) -> User:
        """Replaces an outdated hash of the password that was just proven."""
        if await self._store.set_password_hash(user.id, better_hash, expected=user.password_hash):
            return dataclasses.replace(user, password_hash=better_hash)
        # Another login was faster, or the password was changed: the one that was proven may be the old one. Where
        # it is, the user stays as read before, and `add_session` refuses that hash.
        current = await self._store.user_by_id(user.id)
        if current is None:
            return user
        matches, _ = await self._verify(guess, password, current.password_hash, asker)
        return current if matches else user


def _why_not(user: User | None, matches: bool, *, needs_verified: bool) -> str:
    """Why somebody may not log in, for the audit log alone; empty if they may."""
    if user is None:
        return "unknown_address"
    if not matches:
        return "wrong_password"
    if not user.is_active:
        return "disabled"
    return "not_verified" if needs_verified and not user.is_email_verified else ""


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
    # A full-width one: the normal form would be no address. And what mail software may read as an encoded word
    # (RFC 2047): decoded, that can hold a line break, and with it headers of a stranger's.
    if "@" in local or "=?" in local:
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


def parse_roles(names: Iterable[str]) -> tuple[str, ...]:
    """Roles, each once and in their order. Raises `RolesInvalid`. Any name will do: a team invents its own."""
    roles = tuple(sorted({name.strip() for name in names}))
    if len(roles) > MAX_ROLES or not all(map(_ROLE.fullmatch, roles)):
        raise RolesInvalid()
    return roles


#: Control characters, surrogates, unassigned code points, line and paragraph separators.
_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})
#: Turn the order of what follows in a list or a log line (Unicode TR36: "trojan source"); no name needs them.
_REORDERING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
