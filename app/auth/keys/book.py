"""Keeps the keys of access tokens in memory, so that signing and verifying do not need the database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from app.auth.clock import BEGINNING, Clock
from app.auth.errors import StoreUnavailable
from app.auth.keys.chains import MIN_LEAD, KeyState, KnownKey, ends_at, in_order, retired_at, starts_at, state_of
from app.auth.keys.keys import HMAC, DerivedKeys, KeyRing, Purpose, TokenKey
from app.auth.keys.pairs import PrivateKey, PublicKey, Safe, load_public
from app.auth.models import SigningKey
from app.auth.ports import Store

# The length of a thumbprint (RFC 7638), which is the name of a key pair. Derived keys have shorter names.
_KID_LENGTH: Final = 43

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key as an operator sees it. `verifies_until` is None as long as nothing ends it."""

    kid: str
    algorithm: str
    state: KeyState
    signs_from: datetime | None = None
    verifies_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Opened:
    """What is in a stored key. It is worked out once, and again when the sealed half changes."""

    sealed: str
    jwk: dict[str, Any]
    public: PublicKey
    private: PrivateKey | None = field(repr=False)
    is_ours: bool


class SigningBook:
    """Knows every key: those derived from the secrets, and the pairs that the store keeps.

    Args:
        store: keeps the key pairs.
        clock: tells the time.
        keys: the secrets under which pairs are sealed, and from which HMAC keys are derived.
        algorithm: the one that signs, and whose tokens count.
        lifetime: how long an access token lives.

    Attributes:
        safe: seals and opens the private halves.
        rows: the stored keys as of the last poll, those that could not be read included.
        chains: those that could be read, by their algorithm.
    """

    def __init__(self, store: Store, clock: Clock, keys: KeyRing, *, algorithm: str, lifetime: timedelta) -> None:
        self._store = store
        self._clock = clock
        self.algorithm = algorithm
        self.lifetime = lifetime
        self.safe = Safe(keys.keys(Purpose.SIGNING_KEYS))
        self._derived = DerivedKeys(keys.keys(Purpose.ACCESS_TOKEN), are_current=algorithm == HMAC)
        self._opened: dict[str, _Opened | None] = {}
        self._seen: dict[str, datetime] = {}
        self.rows: list[SigningKey] = []
        self.chains: dict[str, list[KnownKey]] = {}
        self._pairs: dict[str, TokenKey] = {}
        self._read_at: datetime | None = None

    @property
    def was_read(self) -> bool:
        """Whether the store was read since the start."""
        return self._read_at is not None

    @property
    def has_signer(self) -> bool:
        """Whether a key pair signs now."""
        return self._signer() is not None

    @property
    def is_ready(self) -> bool:
        """Whether tokens can be signed and judged."""
        return self.algorithm == HMAC or self._signer() is not None

    # for access tokens

    def signer(self) -> TokenKey:
        """Returns the key that signs now. Raises `StoreUnavailable` if there is none yet."""
        signer = self._derived.signer() if self.algorithm == HMAC else self._signer()
        if signer is None:
            raise StoreUnavailable()
        return signer

    def find(self, kid: str) -> TokenKey | None:
        """Returns the key of that name, whether or not it still counts; None if there is none.

        Raises:
            StoreUnavailable: there is none, but the store was not read for a while, so the key may be new.
        """
        key = self._derived.find(kid) or self._pairs.get(kid)
        if key is None and len(kid) == _KID_LENGTH and self._is_behind():
            raise StoreUnavailable()
        return key

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """Returns the public keys that verify tokens, as a JWK set (RFC 7517 section 5).

        Keys that will sign are among them, early enough for others to know them by then. There are none if a
        shared secret signs. Raises `StoreUnavailable` if the store was not read since the start.
        """
        if self.algorithm == HMAC:
            return {"keys": []}
        if self._read_at is None:
            raise StoreUnavailable()
        now = self._clock.now()
        current = {kid for kid, key in self._pairs.items() if key.counts(now)}
        return {"keys": [dict(known.jwk) for known in self.chain if known.row.id in current]}

    def entries(self) -> list[KeyEntry]:
        """Returns all keys as of the last poll: the derived ones if they sign, else the pairs, oldest first."""
        if self.algorithm == HMAC:
            signer, *others = self._derived.all()
            derived = [KeyEntry(signer.kid, HMAC, KeyState.SIGNING)]
            return derived + [KeyEntry(key.kid, HMAC, KeyState.VERIFYING) for key in others]
        now = self._clock.now()
        return [self._entry(chain, at, now) for chain in self.chains.values() for at in range(len(chain))]

    def _entry(self, chain: Sequence[KnownKey], at: int, now: datetime) -> KeyEntry:
        row, ends = chain[at].row, ends_at(chain, at, self.lifetime)
        until = min((instant for instant in (row.retired_at, ends) if instant is not None), default=None)
        return KeyEntry(row.id, row.algorithm, state_of(chain, at, now, self.lifetime), row.signs_from, until)

    # from the store

    async def poll(self) -> None:
        """Reads the key pairs. Raises `StoreUnavailable`, and keeps what is known then."""
        rows = await self._store.signing_keys()
        now = self._clock.now()
        self._seen = {row.id: self._seen.get(row.id, now) for row in rows}
        self._opened = {row.id: self._open(row) for row in rows}
        chains: dict[str, list[KnownKey]] = {}
        for row in in_order(rows):
            known = self._known(row)
            if known is not None:
                chains.setdefault(row.algorithm, []).append(known)
        self.rows, self.chains, self._read_at = rows, chains, now
        self._pairs = {key.kid: key for chain in chains.values() for key in self._token_keys(chain)}

    @property
    def chain(self) -> list[KnownKey]:
        """The keys of the algorithm that signs, in the order in which they follow each other."""
        return self.chains.get(self.algorithm, [])

    def _signer(self) -> TokenKey | None:
        now = self._clock.now()
        able = [self._pairs[known.row.id] for known in self.chain if known.private is not None and known.is_ours]
        able = [key for key in able if not key.is_retired(now)]
        started = [key for key in able if key.signs_from <= now]
        # If none has started, a clock stepped back. The oldest one is known to everybody.
        return started[-1] if started else able[0] if able else None

    def _is_behind(self) -> bool:
        """Returns whether a key that this process does not know may have begun to sign."""
        if self._read_at is None:
            return True
        return self.algorithm != HMAC and self._clock.now() - self._read_at > MIN_LEAD

    def _known(self, row: SigningKey) -> KnownKey | None:
        opened = self._opened[row.id]
        if opened is None:
            return None
        starts = starts_at(row, self._seen[row.id])
        return KnownKey(row, opened.jwk, opened.public, opened.private, opened.is_ours, starts)

    def _open(self, row: SigningKey) -> _Opened | None:
        """Returns the halves of a stored key; None if the public one is damaged, which is logged once."""
        before = self._opened.get(row.id)
        if row.id in self._opened and (before is None or before.sealed == row.sealed):
            return before
        try:
            jwk = json.loads(row.public)
            public = load_public(jwk, row.id, row.algorithm)
        except ValueError:
            log.error("signing_key_damaged", kid=row.id)
            return None
        try:
            return _Opened(row.sealed, jwk, public, self.safe.open(row.sealed, row.id, row.algorithm), True)
        except ValueError:
            return _Opened(row.sealed, jwk, public, None, False)

    def _token_keys(self, chain: Sequence[KnownKey]) -> Iterable[TokenKey]:
        """Yields the keys that may have signed something that counts, or that counted once."""
        for at, known in enumerate(chain):
            if not known.is_ours:
                continue
            is_current = known.row.algorithm == self.algorithm
            yield TokenKey(
                known.row.id,
                known.row.algorithm,
                known.public,
                known.private,
                signs_from=known.starts_at,
                retired_at=retired_at(chain, at),
                ends_at=ends_at(chain, at, self.lifetime) if is_current else BEGINNING,
            )
