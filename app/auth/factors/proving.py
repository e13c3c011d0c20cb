"""Who somebody is, proven by the password of their account."""

from __future__ import annotations

import dataclasses

from app.auth.audit import Audit
from app.auth.config import AuthConfig
from app.auth.errors import InvalidCredentials, NotFound, TooBusy, TooManyRequests, WrongPassword
from app.auth.factors.passwords import Passwords
from app.auth.limits import Asker, Guess, Throttle, keys_of, known_browser
from app.auth.models import LEGACY_CLIENT, TOKEN_CLIENT, Client, Principal, User
from app.auth.parsing import MAX_EMAIL_LENGTH, parse_email
from app.auth.ports import Found, Store
from app.auth.refusals import EmailInvalid


class Proving:
    """Proves that somebody is whose account it is, by its password. Every method may raise `StoreUnavailable`.

    Args:
        config: what the deployment allows.
        store: keeps the users.
        passwords: verifies.
        throttle: limits guesses.
        audit: is told of everything.
    """

    def __init__(
        self, config: AuthConfig, *, store: Store, passwords: Passwords, throttle: Throttle, audit: Audit
    ) -> None:
        self._config = config
        self._store = store
        self._passwords = passwords
        self._throttle = throttle
        self._audit = audit

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
        user = await self._store.user_by_id(principal.user_id)
        if user is None:
            raise NotFound()
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
