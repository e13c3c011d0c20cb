"""Proves who somebody is, by the password of their account."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from app.auth.audit import Audit
from app.auth.clock import Clock
from app.auth.config import AuthConfig
from app.auth.errors import InvalidCredentials, NotFound, TooBusy, TooManyRequests, WrongPassword
from app.auth.factors.passwords import Passwords
from app.auth.limits import Asker, Guess, Throttle, ask_as, keys_of, known_browser
from app.auth.models import LEGACY_CLIENT, MAX_EMAIL_LENGTH, TOKEN_CLIENT, Client, Principal, User
from app.auth.parsing import parse_email
from app.auth.ports import LoginCandidate, Store
from app.auth.refusals import EmailInvalid

#: The password, as RFC 8176 calls it.
PASSWORD = "pwd"  # noqa: S105 - a name, not a secret


@dataclass(frozen=True, slots=True)
class Proven:
    """Says that somebody has proven who they are. Every session begins with this.

    Args:
        user: the account, as it was when the proof was checked. The proof holds for that `credentials_version`.
        amr: what it was proven with (RFC 8176).
        at: when it was proven.
    """

    user: User
    amr: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class ProvenLogin(Proven):
    """Says that somebody who wants to log in has proven who they are.

    Args:
        candidate: what the account knows of their device.
        guess: the guess that was right. This is not recorded yet: it is written together with the session.
    """

    candidate: LoginCandidate
    guess: Guess


@dataclass(frozen=True, kw_only=True, eq=False)
class Proving:
    """Proves by the password that somebody owns an account. Every method may raise `StoreUnavailable`.

    Args:
        config: what the deployment allows.
        store: keeps the users.
        clock: tells the time.
        passwords: verifies passwords.
        throttle: limits guesses.
        audit: is told of everything.
    """

    config: AuthConfig
    store: Store
    clock: Clock
    passwords: Passwords
    throttle: Throttle
    audit: Audit

    async def by_password(self, email: str, password: str, client: Client) -> ProvenLogin:
        """Proves by the password that somebody is the active user with that email address.

        An unknown email address, a wrong password, a disabled account and an email address that must be confirmed
        but is not all take the same steps and the same time: one look-up, one count, one hash, one audit log line.

        Raises:
            InvalidCredentials: the proof failed; the error is the same for every reason.
            TooManyRequests: there were too many guesses; the error is the same with an account and without one.
            TooBusy: too many hashes are waiting.
        """
        try:
            email_key = parse_email(email)[1]
            ask_as(Asker.of(client, email_key))
            candidate = await self.store.user_to_log_in(email_key, devices=keys_of(client))
        except EmailInvalid:
            email_key, candidate = email[:MAX_EMAIL_LENGTH], None
        user = candidate.user if candidate else None
        own = known_browser(client, candidate)
        guess = await self._guess(email_key, client, own=own, user_id=user.id if user else "")
        asker = Asker.of(client, email_key)
        matches, better = await self._verify(guess, password, user.password_hash if user else None, asker)
        reason = _why_not(user, matches, needs_verified=self.config.require_verified_email)
        if candidate is None or reason:
            await self.audit.record("login_failed", client=client, user_id=user.id if user else "", detail=reason)
            raise self.invalid_credentials()
        user = candidate.user
        if better is not None and await self._upgrade(user, better):
            user = replace(user, password_hash=better)
        return ProvenLogin(user, (PASSWORD,), self.clock.now(), candidate, guess)

    async def _upgrade(self, user: User, better_hash: str) -> bool:
        """Replaces an outdated hash of the password that was just proven, unless it was changed meanwhile."""
        version = user.credentials_version
        return await self.store.upgrade_password_hash(user.id, better_hash, credentials_version=version)

    def invalid_credentials(self) -> InvalidCredentials:
        """Makes the one refusal for every reason. It names one more where email addresses must be confirmed."""
        if not self.config.require_verified_email:
            return InvalidCredentials()
        return InvalidCredentials(
            "The e-mail address or the password is wrong, or the address was not confirmed yet."
        )

    async def confirm_password(self, principal: Principal, password: str, client: Client) -> Proven:
        """Proves that the caller also knows the password of their account.

        Raises:
            WrongPassword, TooManyRequests, TooBusy: they do not know it, or it can't be tried now.
            NotFound: the account is gone.
        """
        user = await self.store.user_by_id(principal.user_id)
        if user is None:
            raise NotFound()
        # A personal access token is not recognised: its holder may make others, and each would have its own tries.
        # Nor is a token of an earlier system, because anyone with that system's key can make more of them.
        has_session = principal.client_id not in (TOKEN_CLIENT, LEGACY_CLIENT)
        own = f"session {principal.session_id}" if has_session else None
        guess = await self._guess(user.email_key, client, own=own, user_id=user.id)
        matches, _ = await self._verify(guess, password, user.password_hash, Asker.of(client, user.email_key))
        if not matches:
            await self.audit.record(
                "wrong_password", client=client, user_id=user.id, session_id=principal.session_id
            )
            raise WrongPassword()
        await guess.was_right()
        return Proven(user, (PASSWORD,), self.clock.now())

    async def _guess(self, email_key: str, client: Client, *, own: str | None, user_id: str) -> Guess:
        try:
            return await self.throttle.guess(email_key, ip=client.ip, recognised_as=own)
        except TooManyRequests as error:
            if error.is_news:
                await self.audit.record("login_blocked", client=client, user_id=user_id)
            raise

    async def _verify(
        self, guess: Guess, password: str, password_hash: str | None, asker: Asker
    ) -> tuple[bool, str | None]:
        try:
            return await self.passwords.verify(password, password_hash, asker=asker)
        except TooBusy:
            await guess.does_not_count()
            raise


def _why_not(user: User | None, matches: bool, *, needs_verified: bool) -> str:
    """Returns why somebody may not log in, for the audit log alone, or an empty string if they may."""
    if user is None:
        return "unknown_address"
    if not matches:
        return "wrong_password"
    if not user.is_active:
        return "disabled"
    return "not_verified" if needs_verified and not user.is_email_verified else ""
