"""Adds the claims of a team's extensions to the access token: who may add which, and how they are asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from app.auth.clock import Clock
from app.auth.extending.bounded import Bounds, is_async, place_of
from app.auth.memory import keep
from app.auth.models import User
from app.auth.policy import PolicyError

#: How long a function may take. After that it is cancelled, and the claim is left out.
FUNCTION_SECONDS: Final = 2.0
#: For how long `KeptClaims` keeps what the extensions said about a user.
KEEP: Final = timedelta(minutes=1)
#: The size limit of all extra claims, in bytes of JSON: Flask's cookie holds the token and must stay under 4,096.
MAX_BYTES: Final = 1000
#: The longest name of a claim, in characters.
MAX_NAME_LENGTH: Final = 64

ClaimFunction = Callable[[User], Awaitable[Any]]

log = structlog.get_logger(__name__)

#: The names that RFC 7519, 7800, 8693, 9068, 9396, 9470 and OpenID Connect define, those of header parameters, and
#: those that Duet writes itself. A claim that others take for one of these must not come from an extension.
# fmt: off
RESERVED: Final = frozenset({
    "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "client_id", "auth_time", "acr", "amr",
    "azp", "nonce", "at_hash", "c_hash", "s_hash", "scope", "scp", "roles", "groups", "entitlements",
    "permissions", "rights", "rights_version", "cnf", "act", "may_act", "authorization_details",
    "events", "toe", "txn", "sub_jwk", "sub_id", "vot", "vtm", "trust_framework", "typ", "kid", "alg",
    "enc", "crit", "cty", "jku", "jwk", "x5u", "x5c", "x5t", "b64", "zip", "active", "username",
    "token_type", "token_use", "client", "user_id", "session_id",
})
# fmt: on


def is_reserved(name: str) -> bool:
    """Returns whether `name` belongs to Duet or to a standard."""
    return name.casefold() in RESERVED or name.casefold().startswith("duet_")


class FrozenClaims(Mapping[str, Any]):
    """Claims that nobody can change: a verified token is remembered, and shared by all requests that show it.

    Each lookup returns a fresh copy, so that a list in it may be changed without harm.
    """

    __slots__ = ("_texts",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._texts = {name: json.dumps(value) for name, value in values.items()}

    def __getitem__(self, name: str) -> Any:
        return json.loads(self._texts[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._texts)})"


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a claim comes from."""

    owner: str
    function: ClaimFunction


class ExtraClaims:
    """Asks the extensions for their claims. These can only add to Duet's own claims, which win.

    Args:
        seconds: how long one function may take.
    """

    def __init__(self, *, seconds: float = FUNCTION_SECONDS) -> None:
        self._bounds = Bounds(seconds)
        self._sources: dict[str, _Source] = {}

    def add(self, name: str, function: ClaimFunction, *, owner: str) -> None:
        """Puts what `function` returns for a user into their access tokens, as `name`.

        Args:
            name: the name of the claim.
            function: an `async` function of the `User`, which runs on the event loop whenever a token is issued.
            owner: the extension, for messages.

        Raises:
            PolicyError: the name is reserved, taken or malformed, or the function is not `async`.
        """
        if not 0 < len(name) <= MAX_NAME_LENGTH or not name.isprintable():
            raise PolicyError(f"extension {owner}: a claim's name is 1 to {MAX_NAME_LENGTH} printable characters")
        if is_reserved(name):
            raise PolicyError(f"extension {owner}: the claim '{name}' is reserved")
        if name in self._sources:
            raise PolicyError(f"extension {owner}: the claim '{name}' is {self._sources[name].owner}'s already")
        if not is_async(function):
            raise PolicyError(f"extension {owner}: the function of its claim '{name}' must be async")
        self._sources[name] = _Source(owner, function)

    async def of(self, user: User) -> dict[str, Any]:
        """Returns the claims of `user`, as plain JSON. Never fails: what can't be had is logged and left out."""
        if not self._sources:
            return {}
        # All at once, so that a login waits for the slowest and not for the sum.
        found = await asyncio.gather(*(self._ask(name, user) for name in self._sources))
        claims = {name: json.loads(text) for name, text in zip(self._sources, found, strict=True) if text}
        size = len(json.dumps(claims, separators=(",", ":")))  # ASCII, as in the token
        if size > MAX_BYTES:
            owners = ",".join(sorted({source.owner for source in self._sources.values()}))
            log.error("claims_too_large", owner=owners, bytes=size, most=MAX_BYTES)
            return {}
        return claims

    async def _ask(self, name: str, user: User) -> str:
        """Returns the claim as JSON; empty if it can't be had."""
        source = self._sources[name]
        try:
            return _to_json(await self._bounds.run(source.function, user))
        except Exception as error:
            # Only its type and place, because its message could hold an email address or a name.
            log.error(
                "claim_failed", owner=source.owner, claim=name, error=type(error).__name__, place=place_of(error)
            )
            return ""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the extensions said about a user, when, and under which version of the user's rights."""

    at: datetime
    rights_version: int
    claims: FrozenClaims


class KeptClaims:
    """Does the same for callers whose token carries no claims, once a minute for each user, not at each request.

    Args:
        extra_claims: asks the extensions.
        clock: tells the time.
    """

    def __init__(self, extra_claims: ExtraClaims, clock: Clock) -> None:
        self._extra_claims = extra_claims
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    async def of(self, user: User) -> FrozenClaims:
        """Returns the claims of `user`. Asks again at once if the user's rights have changed. Never fails."""
        now = self._clock.now()
        kept = self._kept.get(user.id)
        if kept is not None and kept.rights_version == user.rights_version and abs(now - kept.at) < KEEP:
            return kept.claims
        claims = FrozenClaims(await self._extra_claims.of(user))
        keep(self._kept, user.id, _Kept(now, user.rights_version, claims))
        return claims


def _to_json(value: Any) -> str:
    """Returns a value as JSON.

    Raises `TypeError`, `ValueError` or `RecursionError` if JSON can't hold it: NaN, a set, half a surrogate pair.
    """
    text = json.dumps(value, allow_nan=False)
    json.dumps(value, ensure_ascii=False).encode()  # raises for half a surrogate pair, which has no encoding
    if _depth(value) > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    return text


# Far less than Python's own limit, which depends on where the JSON happens to be read.
_MAX_DEPTH: Final = 16


def _depth(value: Any) -> int:
    if isinstance(value, Mapping):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list | tuple):
        return 1 + max(map(_depth, value), default=0)
    return 0
