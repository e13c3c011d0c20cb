"""The life of the keys that sign access tokens: made, published, rotated, retired, forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import anyio
import structlog

from app.auth.audit import Audit
from app.auth.clock import LEEWAY, Clock, to_the_second
from app.auth.config import AuthConfig
from app.auth.errors import AuthError, StoreUnavailable
from app.auth.keys.book import KeyEntry, SigningBook
from app.auth.keys.chains import MIN_LEAD, KnownKey, ends_at, in_order, successor_signs_from
from app.auth.keys.keys import HMAC, KeyRing
from app.auth.keys.pairs import make_pair
from app.auth.models import Client, SigningKey
from app.auth.ports import Store

POLL_SECONDS: Final = 1.0
#: Where a shared secret signs, nothing changes but by a restart.
SLOW_POLL_SECONDS: Final = 60.0
#: For how long a successor is published that nobody asked for. Others may keep the key set for so long.
LONGEST_LEAD: Final = timedelta(hours=1)
#: The same where an operator asks. Others keep the key set for as long as it says (10 s), and some libraries don't
#: look again for 30 s, not even for a `kid` that they don't know: PyJWT's PyJWKClient by default.
USUAL_LEAD: Final = timedelta(seconds=40)
_TRIES: Final = 10

log = structlog.get_logger(__name__)


class KeyRefused(AuthError):
    """Nothing can be done with the keys that way; the message says why, and what to do."""

    code = "key_refused"


class Signing(SigningBook):
    """The keys of access tokens, and what becomes of them. Every method may raise `StoreUnavailable`.

    Args:
        config: the algorithm, the lifetimes, and how long a key signs.
        store: keeps the key pairs.
        clock: tells the time.
        keys: the secrets.
        audit: is told what an operator did.
    """

    def __init__(self, config: AuthConfig, *, store: Store, clock: Clock, keys: KeyRing, audit: Audit) -> None:
        super().__init__(store, clock, keys, algorithm=config.algorithm, lifetime=config.access_lifetime)
        self._keep = config.absolute_lifetime
        self._rotate_after = config.rotate_after
        self._audit = audit
        self._sealed_again: set[str] = set()

    # in a server

    async def start(self) -> None:
        """Reads the keys, and makes the first one where there is none.

        For a server alone, after its neighbours were found to have its secrets: keys of another one are retired.
        """
        await self.poll()
        await self.tend()

    async def run(self, may_tend: Callable[[], bool] = lambda: True) -> None:
        """Polls until cancelled, and does what is due; a store that is away is tried again.

        Args:
            may_tend: whether this process may change keys now. Not while it has other secrets than its neighbours.
        """
        while True:
            try:
                await self.poll()
                if may_tend():
                    await self.tend()
            except StoreUnavailable:
                pass  # the store tells of its outage itself; what is known still holds
            except Exception:
                log.exception("signing_keys_failed")
            is_slow = self._algorithm == HMAC and self._read_at is not None
            await anyio.sleep(SLOW_POLL_SECONDS if is_slow else POLL_SECONDS)

    async def tend(self) -> None:
        """Does what is due: a first key, the next one, an end. Of several processes one gets its way."""
        now = self._clock.now()
        places = [(chain, at) for chain in self._chains.values() for at in range(len(chain))]
        changes = [await self._tend_key(chain, at, now) for chain, at in places]
        if self._algorithm != HMAC:
            changes.append(await self._add_what_is_due(now))
        if any(changes):
            await self.poll()

    async def _add_what_is_due(self, now: datetime) -> bool:
        if not any(_may_go_on(known, now) for known in self._chain):
            # A retired one goes on signing here for a leeway: time for all to know the next one before it signs.
            lead = timedelta() if self._signer() is None else MIN_LEAD
            return await self._add(now, lead) is not None
        if self._rotate_after is None:
            return False
        lead = max(MIN_LEAD, min(LONGEST_LEAD, self._rotate_after / 2))
        last = [known.row for known in self._chain if known.takes_over][-1]
        is_due = last.signs_from <= now and now >= last.signs_from + self._rotate_after - lead
        return is_due and await self._add(now, lead) is not None

    async def _tend_key(self, chain: list[KnownKey], at: int, now: datetime) -> bool:
        """What is due for a key that is there; whether anything was."""
        known = chain[at]
        row = known.row
        if row.retired_at is None and not (known.is_ours and row.algorithm == self._algorithm):
            # Of another secret: nothing else would end it. Of another algorithm: the operator chose so.
            if not known.is_ours:
                log.warning("signing_key_lost", kid=row.id, hint="it was made under another SECRET_KEY")
            return await self._store.retire_signing_key(row.id, at=now)
        if self._is_forgettable(chain, at, now):
            return await self._store.remove_signing_key(row.id)
        if not known.is_ours:
            return False
        private = None if self._has_signed_last(chain, at, now) else known.private
        if private is known.private:
            # Once each: while containers change their secret one by one, the newest is not the same for all.
            if self._safe.is_newest(row.sealed) or row.id in self._sealed_again:
                return False
            self._sealed_again.add(row.id)
        sealed = self._safe.seal(private, row.id, row.algorithm)
        return await self._store.set_sealed(row.id, sealed, expected=row.sealed)

    def _is_forgettable(self, chain: list[KnownKey], at: int, now: datetime) -> bool:
        """Whether no session lives any more that could hold a token of it. The last of a chain stays: it is what
        the next one follows."""
        is_last = at == len(chain) - 1 and chain[at].row.algorithm == self._algorithm
        ends = [chain[at].row.retired_at, ends_at(chain, at, self._lifetime)]
        over = min((instant for instant in ends if instant is not None), default=now)
        return at == 0 and not is_last and now >= over + LEEWAY + self._lifetime + self._keep

    def _has_signed_last(self, chain: list[KnownKey], at: int, now: datetime) -> bool:
        """Whether no process signs with it any more, however its clock goes."""
        over = successor_signs_from(chain, at)
        if over is None and chain[at].row.algorithm != self._algorithm:
            over = chain[at].row.retired_at
        return over is not None and now >= over + 2 * LEEWAY

    async def _add(self, now: datetime, lead: timedelta) -> KeyEntry | None:
        """A new key at the end of the chain; None if somebody else has put one there meanwhile."""
        pair = await anyio.to_thread.run_sync(make_pair, self._algorithm)
        sealed = self._safe.seal(pair.private, pair.kid, self._algorithm)
        # Of the rows and not of what could be read of them: one that is damaged has its place all the same.
        before = [row.id for row in in_order(self._rows) if row.algorithm == self._algorithm]
        previous = before[-1] if before else ""
        row = SigningKey(pair.kid, self._algorithm, pair.public, sealed, now, now + lead, previous)
        if not await self._store.add_signing_key(row):
            return None
        log.info("signing_key_made", kid=row.id, algorithm=row.algorithm, signs_from=row.signs_from.isoformat())
        return await self._entry_of(row.id)

    # for an operator

    async def list(self) -> list[KeyEntry]:
        """All keys, the oldest first."""
        await self.poll()
        return self.entries()

    async def rotate(self, client: Client, *, lead: timedelta = USUAL_LEAD) -> KeyEntry:
        """The key that will sign next: a new one, or one that is published and signs as soon as that.

        Args:
            client: who wants it.
            lead: for how long it is published before it signs; at least `MIN_LEAD`.

        Raises:
            KeyRefused: a shared secret signs, or the secret at hand is not the one of the keys.
        """
        added = await self._rotate(max(lead, MIN_LEAD))
        await self._audit.record("signing_key_rotated", client=client, detail=added.kid)
        return added

    async def _rotate(self, lead: timedelta, *, instead_of: str = "") -> KeyEntry:
        """As `rotate`; never the key `instead_of`, whose successor is wanted."""
        for _ in range(_TRIES):
            await self._check_secret()
            now = self._clock.now()
            last = self._chain[-1] if self._chain else None
            # By the written instant too: a process that has just begun, as a command does, saw every key just now.
            if (
                last is not None
                and last.row.id != instead_of
                and last.takes_over
                and last.starts_at > now
                and now < last.row.signs_from <= now + lead
            ):
                return await self._entry_of(last.row.id)
            added = await self._add(now, lead)
            if added is not None:
                return added
        raise KeyRefused("others rotate all the time: try again")

    async def retire(self, kid: str, client: Client) -> tuple[KeyEntry, KeyEntry | None]:
        """Ends a key, because it may be known to others: nothing that it signed is believed any more.

        If it signs, or will, a successor is made and signs five seconds from now; with that the key ends.

        Returns:
            The key and, if there had to be one, its successor.

        Raises:
            KeyRefused: there is no such key, it has ended already, or as for `rotate`.
        """
        await self._check_secret()
        known = {entry.kid: entry for entry in self.entries()}.get(kid)
        if known is None:
            raise KeyRefused("there is no key of that name: `duet keys list` shows them")
        at, successor = self._clock.now(), None
        row = next(row for row in self._rows if row.id == kid)
        if row.retired_at is not None:
            raise KeyRefused(f"it is retired already, as of {to_the_second(row.retired_at)}")
        if self._may_sign(kid, at):
            successor = await self._rotate(MIN_LEAD, instead_of=kid)
            assert successor.signs_from is not None
            at = successor.signs_from
        await self._store.retire_signing_key(kid, at=at)
        await self._audit.record("signing_key_retired", client=client, detail=kid)
        return await self._entry_of(kid), successor

    def _may_sign(self, kid: str, now: datetime) -> bool:
        """Whether some process signs with it, or will."""
        for at, known in enumerate(self._chain):
            if known.row.id == kid:
                over = successor_signs_from(self._chain, at)
                return known.is_ours and (over is None or now < over + LEEWAY)
        return False

    async def _check_secret(self) -> None:
        """Raises `KeyRefused` where a server with these settings could not use what is done here."""
        if self._algorithm == HMAC:
            raise KeyRefused(
                "with JWT_ALGORITHM=HS256 the key follows from SECRET_KEY: to change it, move the old one to"
                " SECRET_KEY_FALLBACKS, set a new one and restart; after a theft, leave the old one out"
            )
        await self.poll()
        if any(not known.is_ours and known.row.retired_at is None for known in self._chain):
            raise KeyRefused("SECRET_KEY is not the one that the keys were made under: set the site's own")

    async def _entry_of(self, kid: str) -> KeyEntry:
        await self.poll()
        return next(entry for entry in self.entries() if entry.kid == kid)


def _may_go_on(known: KnownKey, now: datetime) -> bool:
    """Whether it signs, or will, and nobody has retired it by now."""
    return (
        known.is_ours
        and known.private is not None
        and (known.row.retired_at is None or known.row.retired_at > now)
    )
