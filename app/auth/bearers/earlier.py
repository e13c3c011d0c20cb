"""Accepts, on the API and until a set day, tokens that a team's earlier code issued.

That code used flask-jwt-extended or python-jose.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

import structlog

from app.auth.bearers.earlier_keys import verifying_key
from app.auth.clock import BEGINNING, LAST_SECOND, LEEWAY, Clock
from app.auth.config import EarlierConfig
from app.auth.errors import AccountDisabled, NotAuthenticated, PasswordChanged, TokenExpired, TokenInvalid
from app.auth.extending import KeptClaims
from app.auth.models import ADMIN, LEGACY_CLIENT, SCOPE, Principal, User
from app.auth.parsing import parse_email
from app.auth.ports import Store
from app.auth.refusals import EmailInvalid
from app.auth.tokens import jws

#: How far ahead a token may end. A token that lives longer was meant to live for ever.
LONGEST: Final = timedelta(days=30)

# Exactly these: `jwk`, `jku`, `x5u`, `x5c`, `crit` and `b64` are refused like the rest (RFC 8725 section 3.1).
_HEADER: Final = frozenset({"alg", "typ", "kid"})
# Both libraries write this type. Duet's own (`at+jwt`) never gets here.
_TYPE: Final = "jwt"
_MAX_ID_LENGTH: Final = 128

log = structlog.get_logger(__name__)


class EarlierTokenExpired(NotAuthenticated):
    """The token itself has expired. Nothing renews it here."""

    code = "token_expired"
    message = TokenExpired.message


class EarlierTokensEnded(NotAuthenticated):
    """The token is from the earlier system, and the last day on which such tokens count is over."""

    code = "earlier_token_ended"
    message = "Tokens of the earlier system are no longer taken. Please log in again."


@dataclass
class Counts:
    """How many tokens there were since the start, by what became of them."""

    accepted: int = 0
    #: Genuine but not accepted. The log has the reason for each.
    refused: int = 0
    #: Genuine, but shown after the last day.
    expired: int = 0
    #: Neither Duet's own nor signed with the earlier system's key: garbage, forgeries, or the settings have the
    #: wrong key.
    unknown: int = 0


class _Refused(Exception):
    """A genuine token is not accepted. Holds the reason for the log, and the error that its sender gets."""

    def __init__(self, reason: str, error: NotAuthenticated | None = None) -> None:
        self.reason = reason
        self.error = error or TokenInvalid()
        super().__init__(reason)


class EarlierTokens:
    """Verifies tokens of the earlier system. Nothing that they say about rights is believed.

    Args:
        config: how they are recognised; None if there was no earlier system.
        store: is asked for the user at every use.
        clock: tells the time.
        extra_claims: what the extensions add.
    """

    def __init__(
        self, config: EarlierConfig | None, *, store: Store, clock: Clock, extra_claims: KeptClaims
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._extra_claims = extra_claims
        self.counts = Counts()
        if config is not None:
            self._key = verifying_key(config.key, config.algorithm)
            self._end = datetime.combine(config.until, time(), UTC) + timedelta(days=1)

    async def authenticate(self, token: str) -> Principal:
        """Returns the token's owner, with the rights that they have now: the store is asked each time.

        Call this last, for a token that is not one of Duet's own.

        Raises:
            TokenInvalid: it is not a token of the earlier system, or names nobody who is known here.
            EarlierTokenExpired: it has expired.
            EarlierTokensEnded: it was shown after the last day.
            AccountDisabled: its owner's account is disabled.
            PasswordChanged: its owner has chosen a new password since they came here.
            StoreUnavailable: the store can't be asked now.
        """
        if self._config is None:
            raise TokenInvalid()
        claims = self._genuine(token, self._config)
        now = self._clock.now()
        if now >= self._end:
            self.counts.expired += 1
            raise EarlierTokensEnded()
        try:
            issued_at, expires_at = self._check(claims, self._config, now)
            user = await self._user_of(claims.get(self._config.user_claim))
        except _Refused as refused:
            self.counts.refused += 1
            log.info("earlier_token_refused", reason=refused.reason)
            raise refused.error from None
        self.counts.accepted += 1
        # The token's own `jti` is anything that code wrote, and would get into the log.
        name = hashlib.sha256(token.encode()).hexdigest()[:32]
        return Principal(
            user_id=user.id,
            session_id=f"{LEGACY_CLIENT}:{name}",
            client_id=LEGACY_CLIENT,
            # Anyone who still has the earlier key must not have access to the administration.
            roles=frozenset(user.roles) - {ADMIN},
            scope=SCOPE,
            auth_time=BEGINNING,  # before every login: no password was proven to Duet, so it is never fresh
            amr=(LEGACY_CLIENT,),
            rights_version=user.rights_version,
            token_id=name,
            issued_at=issued_at,
            expires_at=min(expires_at, self._end),
            claims=await self._extra_claims.of(user),
        )

    def _genuine(self, token: str, config: EarlierConfig) -> Mapping[str, Any]:
        """Returns the token's claims, if it is signed with the earlier system's key and its one algorithm."""
        header = jws.header_of(token)
        try:
            kind = header.get("typ", _TYPE)
            if not header.keys() <= _HEADER or header.get("alg") != config.algorithm:
                raise TokenInvalid()
            if not isinstance(kind, str) or kind.lower() != _TYPE:
                raise TokenInvalid()
            return jws.verified(token, self._key, config.algorithm)
        except TokenInvalid:
            self.counts.unknown += 1
            raise

    def _check(self, claims: Mapping[str, Any], config: EarlierConfig, now: datetime) -> tuple[datetime, datetime]:
        """Returns when the token was issued and when it ends, if it is meant for this site and for now."""
        # flask-jwt-extended signs refresh tokens with the same key.
        if claims.get("type", "access") != "access":
            raise _Refused("type")
        if config.issuer and claims.get("iss") != config.issuer:
            raise _Refused("issuer")
        if not _is_for(claims.get("aud"), config.audience):
            raise _Refused("audience")
        expires_at = _instant(claims, "exp")
        if expires_at is None:
            raise _Refused("exp missing")
        if now >= expires_at:
            raise _Refused("expired", EarlierTokenExpired())
        if expires_at - now > LONGEST:
            raise _Refused("exp too far ahead")
        issued_at, not_before = _instant(claims, "iat"), _instant(claims, "nbf")
        if max(issued_at or now, not_before or now) > now + LEEWAY:
            raise _Refused("not valid yet")
        return issued_at or now, expires_at

    async def _user_of(self, value: object) -> User:
        """Returns the account that the claim names, by its id or else by its email address, as it is now."""
        text = str(value) if type(value) is int else value
        if not isinstance(text, str) or not text:
            raise _Refused("user claim missing")
        user = await self._store.user_by_id(text) if len(text) <= _MAX_ID_LENGTH else None
        if user is None:
            user = await self._by_address(text)
        if not user.is_active:
            raise _Refused("account disabled", AccountDisabled())
        if user.password_changed_at is not None:
            # Even a new token is refused: that system may not know of the change and still take the old password.
            raise _Refused("password changed", PasswordChanged())
        return user

    async def _by_address(self, text: str) -> User:
        try:
            _, email_key = parse_email(text)
        except EmailInvalid:
            raise _Refused("user unknown") from None
        user = await self._store.user_by_email(email_key)
        if user is None:
            raise _Refused("user unknown")
        # Otherwise a stranger who registered with the email address would pass for its owner and get their data.
        if not user.is_email_verified:
            raise _Refused("email address not confirmed")
        return user


def _is_for(audience: object, expected: str) -> bool:
    """Returns whether the `aud` claim contains `expected`.

    If none is expected, a token with any audience is for somebody else (RFC 7519 section 4.1.3).
    """
    if not expected:
        return audience is None
    return expected in audience if isinstance(audience, list) else audience == expected


def _instant(claims: Mapping[str, Any], name: str) -> datetime | None:
    """Returns the claim, a NumericDate that may have a fraction (RFC 7519 section 2), or None if it is missing."""
    value = claims.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= LAST_SECOND:
        raise _Refused(f"{name} malformed")
    return datetime.fromtimestamp(value, UTC)
