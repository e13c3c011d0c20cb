"""Access tokens: JWTs as in RFC 9068, issued and verified without the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from app.auth.clock import LAST_SECOND, LEEWAY, Clock
from app.auth.errors import KeyRetired, TokenExpired, TokenFromFuture, TokenInvalid
from app.auth.extending import FrozenClaims, is_reserved
from app.auth.keys import TokenKeys
from app.auth.memory import keep
from app.auth.models import Principal, Session, User
from app.auth.tokens import jws
from app.auth.tokens.ids import Ids

TYPE: Final = "at+jwt"

# Exactly these: `jwk`, `jku`, `x5u`, `x5c`, `crit` and `b64` are refused like the rest (RFC 8725 section 3.1).
_HEADER: Final = frozenset({"alg", "typ", "kid"})
_CLAIMS: Final[dict[str, type]] = {
    "iss": str,
    "sub": str,
    "aud": str,
    "exp": int,
    "iat": int,
    "jti": str,
    "sid": str,
    "client_id": str,
    "auth_time": int,
    "amr": list,
    "scope": str,
    "rights_version": int,
}
#: These may be missing: an account without roles has no `roles`, as RFC 9068 section 2.2.3.1 takes them from SCIM,
#: where an empty list and none are the same, and as its validators ask. Duet itself issues no `nbf`.
_OPTIONAL: Final[dict[str, type]] = {"roles": list, "nbf": int}
#: What a token says, the name of its key, and when it begins to count.
_Decoded: TypeAlias = tuple[Principal, str, datetime]
_NOT_EMPTY: Final = ("sub", "jti", "sid", "client_id")


class AccessTokens:
    """Issues and verifies access tokens.

    Args:
        keys: one of them signs; when verifying, the header's `kid` picks one. Keys come and go, so they are looked
            up on every use, even for a token that is remembered.
        issuer: both `iss` and `aud`, because the tokens are for this deployment and for nobody else.
        lifetime: how long a new token lives, and the longest life that is accepted.
        clock: tells the time.
        cache_size: how many verified tokens are remembered. Their signatures are not checked again. Their expiry
            and key are checked on every use, and the caller checks on every use whether they were revoked.
    """

    def __init__(
        self, keys: TokenKeys, *, issuer: str, lifetime: timedelta, clock: Clock, cache_size: int = 4096
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._lifetime = lifetime
        self._clock = clock
        self._cache: dict[str, _Decoded] = {}
        self._cache_size = cache_size
        self._ids = Ids(12)

    def issue(self, user: User, session: Session, extra: Mapping[str, Any] | None = None) -> tuple[str, Principal]:
        """Issues an access token for `user` in `session`, which the token never outlives.

        Args:
            user: whom the token is for.
            session: the login that it belongs to.
            extra: more claims, as plain JSON. Duet's own claims take precedence.

        Raises:
            StoreUnavailable: no signing key is known yet.
        """
        key = self._keys.signer()
        now = self._clock.now().replace(microsecond=0)
        last = min(now + self._lifetime, session.idle_expires_at, session.expires_at)
        claims: dict[str, Any] = {
            **(extra or {}),
            "iss": self._issuer,
            "sub": user.id,
            "aud": self._issuer,
            "exp": max(int(last.timestamp()), int(now.timestamp()) + 1),
            "iat": int(now.timestamp()),
            "jti": self._ids.next(),
            "sid": session.id,
            "client_id": session.client_id,
            "auth_time": int(session.auth_time.timestamp()),
            "amr": list(session.amr),
            "roles": list(user.roles),
            "scope": session.scope,
            "rights_version": user.rights_version,
        }
        if not claims["roles"]:
            del claims["roles"]
        token = jws.signed(claims, key.signing, key.algorithm, {"typ": TYPE, "kid": key.kid})
        return token, _principal(claims)

    def verify(self, token: str) -> Principal:
        """Returns the principal that `token` was issued to.

        Raises:
            TokenInvalid: it is not an access token of this deployment.
            TokenExpired: it has expired, or it lives longer than the policy now allows.
            TokenFromFuture: it was issued, or begins to count, further in the future than the leeway allows.
            KeyRetired: its key no longer counts, or is for another algorithm than the configured one.
            StoreUnavailable: the keys are not known yet.
        """
        known = self._cache.get(token)
        if known is None:
            known = self._decode(token)
            keep(self._cache, token, known, most=self._cache_size)
        principal, kid, not_before = known
        key = self._keys.find(kid)
        if key is None:  # it was forgotten meanwhile, long after everything that it signed had expired
            raise TokenInvalid()
        now = self._clock.now()
        if not key.counts(now):  # checked first: the key may be stolen, and then nothing in the token is true
            raise KeyRetired(principal)
        if now >= principal.expires_at or principal.expires_at - principal.issued_at > self._longest:
            raise TokenExpired(principal)
        if max(principal.issued_at, not_before) > now + LEEWAY:  # RFC 7519 section 4.1.5
            raise TokenFromFuture(principal)
        return principal

    @property
    def _longest(self) -> timedelta:
        return max(self._lifetime, timedelta(seconds=1))

    def _decode(self, token: str) -> _Decoded:
        """Checks everything about the token that does not depend on the time."""
        header = jws.header_of(token)
        kid = header.get("kid")
        if header.keys() != _HEADER or header["typ"] != TYPE or not isinstance(kid, str):
            raise TokenInvalid()
        key = self._keys.find(kid)
        # The key's own algorithm decides, never the header: otherwise a public key would serve as an HMAC secret.
        if key is None or header["alg"] != key.algorithm:
            raise TokenInvalid()
        claims = jws.verified(token, key.verifying, key.algorithm)
        self._check(claims)
        return _principal(claims), kid, _instant(claims.get("nbf", 0))

    def _check(self, claims: dict[str, Any]) -> None:
        """Checks that every claim is present unless it is optional, has its type and says what ours say.

        A bool, which is an int in Python, is refused. Raises `TokenInvalid`.
        """
        for name, kind in _CLAIMS.items():
            if type(claims.get(name)) is not kind:
                raise TokenInvalid()
        for name, kind in _OPTIONAL.items():
            if name in claims and type(claims[name]) is not kind:
                raise TokenInvalid()
        if not all(claims[name] for name in _NOT_EMPTY):
            raise TokenInvalid()
        if claims["iss"] != self._issuer or claims["aud"] != self._issuer:
            raise TokenInvalid()
        if not all(isinstance(text, str) for text in (*claims["amr"], *claims.get("roles", []))):
            raise TokenInvalid()
        if not all(0 <= claims.get(name, 0) <= LAST_SECOND for name in ("exp", "iat", "auth_time", "nbf")):
            raise TokenInvalid()


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _principal(claims: dict[str, Any]) -> Principal:
    return Principal(
        user_id=claims["sub"],
        session_id=claims["sid"],
        client_id=claims["client_id"],
        roles=frozenset(claims.get("roles", [])),
        scope=claims["scope"],
        auth_time=_instant(claims["auth_time"]),
        amr=tuple(claims["amr"]),
        rights_version=claims["rights_version"],
        token_id=claims["jti"],
        issued_at=_instant(claims["iat"]),
        expires_at=_instant(claims["exp"]),
        claims=FrozenClaims({name: value for name, value in claims.items() if not is_reserved(name)}),
    )
