"""Makes, publishes, rotates, retires and forgets the keys that sign access tokens."""

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
#: How often to poll if a shared secret signs, because then nothing changes without a restart.
SLOW_POLL_SECONDS: Final = 60.0
#: For how long a successor that nobody asked for is published at most. Others may keep the key set for that long.
LONGEST_LEAD: Final = timedelta(hours=1)
#: For how long a successor that an operator asked for is published. Others keep the key set for as long as it says
#: (10 s), and some libraries, such as PyJWT's PyJWKClient by default, don't look again for 30 s, not even for a
#: `kid` that they don't know.
USUAL_LEAD: Final = timedelta(seconds=40)
_TRIES: Final = 10

log = structlog.get_logger(__name__)


class KeyRefused(AuthError):
    """The keys can't be changed that way. The message says why, and what to do."""

    code = "key_refused"


class Signing:
    """Manages the keys of access tokens. Every method may raise `StoreUnavailable`.

    Args:
        config: the algorithm, the lifetimes, and how long a key signs.
        store: keeps the key pairs.
        clock: tells the time.
        keys: the secrets.
        audit: is told what an operator did.

    Attributes:
        book: knows the keys; what signs and verifies asks it.
    """

    def __init__(self, config: AuthConfig, *, store: Store, clock: Clock, keys: KeyRing, audit: Audit) -> None:
        self.book = SigningBook(store, clock, keys, algorithm=config.algorithm, lifetime=config.access_lifetime)
        self._store = store
        self._clock = clock
        self._keep = config.absolute_lifetime
        self._rotate_after = config.rotate_after
        self._audit = audit
        self._sealed_again: set[str] = set()

    # in a server

    async def start(self) -> None:
        """Reads the keys, and makes the first one if there is none.

        Only a server may call this, after it found that its neighbours have the same secrets, because keys under
        another secret are retired.
        """
        await self.book.poll()
        await self.tend()

    async def run(self, may_tend: Callable[[], bool] = lambda: True) -> None:
        """Polls until cancelled, and does what is due. Tries again if the store is unavailable.

        Args:
            may_tend: tells whether this process may change keys now: not while its neighbours have other secrets.
        """
        while True:
            try:
                await self.book.poll()
                if may_tend():
                    await self.tend()
            except StoreUnavailable:
                pass  # the store logs its outage itself, and what is known still holds
            except Exception:
                log.exception("signing_keys_failed")
            is_slow = self.book.algorithm == HMAC and self.book.was_read
            await anyio.sleep(SLOW_POLL_SECONDS if is_slow else POLL_SECONDS)

    async def tend(self) -> None:
        """Does what is due: makes the first or the next key, or ends one. Of several processes, one succeeds."""
        now = self._clock.now()
        places = [(chain, at) for chain in self.book.chains.values() for at in range(len(chain))]
        changes = [await self._tend_key(chain, at, now) for chain, at in places]
        if self.book.algorithm != HMAC:
            changes.append(await self._add_what_is_due(now))
        if any(changes):
            await self.book.poll()

    async def _add_what_is_due(self, now: datetime) -> bool:
        if not any(_may_go_on(known, now) for known in self.book.chain):
            # A retired key goes on signing here for a leeway, which lets all know the next one before it signs.
            lead = MIN_LEAD if self.book.has_signer else timedelta()
            return await self._add(now, lead) is not None
        if self._rotate_after is None:
            return False
        lead = max(MIN_LEAD, min(LONGEST_LEAD, self._rotate_after / 2))
        last = [known.row for known in self.book.chain if known.takes_over][-1]
        is_due = last.signs_from <= now and now >= last.signs_from + self._rotate_after - lead
        return is_due and await self._add(now, lead) is not None

    async def _tend_key(self, chain: list[KnownKey], at: int, now: datetime) -> bool:
        """Does what is due for an existing key. Returns whether anything was."""
        known = chain[at]
        row = known.row
        if row.retired_at is None and not (known.is_ours and row.algorithm == self.book.algorithm):
            # Nothing else would end a key of another secret. A key of another algorithm ends because the operator
            # chose so.
            if not known.is_ours:
                log.warning("signing_key_lost", kid=row.id, hint="it was made under another SECRET_KEY")
            return await self._store.retire_signing_key(row.id, at=now)
        if self._is_forgettable(chain, at, now):
            return await self._store.remove_signing_key(row.id)
        if not known.is_ours:
            return False
        private = None if self._has_signed_last(chain, at, now) else known.private
        if private is known.private:
            # Each key once: while containers change their secret one by one, the newest is not the same for all.
            if self.book.safe.is_newest(row.sealed) or row.id in self._sealed_again:
                return False
            self._sealed_again.add(row.id)
        sealed = self.book.safe.seal(private, row.id, row.algorithm)
        return await self._store.set_sealed(row.id, sealed, expected=row.sealed)

    def _is_forgettable(self, chain: list[KnownKey], at: int, now: datetime) -> bool:
        """Returns whether no session that could hold a token of it is alive any more.

        The last key of a chain stays, because the next one follows it.
        """
        is_last = at == len(chain) - 1 and chain[at].row.algorithm == self.book.algorithm
        ends = [chain[at].row.retired_at, ends_at(chain, at, self.book.lifetime)]
        over = min((instant for instant in ends if instant is not None), default=now)
        return at == 0 and not is_last and now >= over + LEEWAY + self.book.lifetime + self._keep

    def _has_signed_last(self, chain: list[KnownKey], at: int, now: datetime) -> bool:
        """Returns whether no process signs with it any more, whatever its clock says."""
        over = successor_signs_from(chain, at)
        if over is None and chain[at].row.algorithm != self.book.algorithm:
            over = chain[at].row.retired_at
        return over is not None and now >= over + 2 * LEEWAY

    async def _add(self, now: datetime, lead: timedelta) -> KeyEntry | None:
        """Adds a new key at the end of the chain. Returns None if somebody else has added one meanwhile."""
        pair = await anyio.to_thread.run_sync(make_pair, self.book.algorithm)
        sealed = self.book.safe.seal(pair.private, pair.kid, self.book.algorithm)
        # This goes by the rows, not by the keys that could be read: a damaged one still has its place.
        before = [row.id for row in in_order(self.book.rows) if row.algorithm == self.book.algorithm]
        previous = before[-1] if before else ""
        row = SigningKey(pair.kid, self.book.algorithm, pair.public, sealed, now, now + lead, previous)
        if not await self._store.add_signing_key(row):
            return None
        log.info("signing_key_made", kid=row.id, algorithm=row.algorithm, signs_from=row.signs_from.isoformat())
        return await self._entry_of(row.id)

    # for an operator

    async def list(self) -> list[KeyEntry]:
        """Returns all keys, the oldest first."""
        await self.book.poll()
        return self.book.entries()

    async def rotate(self, client: Client, *, lead: timedelta = USUAL_LEAD) -> KeyEntry:
        """Returns the key that will sign next: a new one, or one that is published already and signs no later.

        Args:
            client: where the request comes from.
            lead: for how long a new key is published before it signs; at least `MIN_LEAD`.

        Raises:
            KeyRefused: a shared secret signs, or the keys were made under another secret.
        """
        added = await self._rotate(max(lead, MIN_LEAD))
        await self._audit.record("signing_key_rotated", client=client, detail=added.kid)
        return added

    async def _rotate(self, lead: timedelta, *, instead_of: str = "") -> KeyEntry:
        """Does what `rotate` does, but never returns the key `instead_of`, whose successor is wanted."""
        for _ in range(_TRIES):
            await self._check_secret()
            now = self._clock.now()
            last = self.book.chain[-1] if self.book.chain else None
            # The written instant counts too: a process that just began, such as a command, saw every key just now.
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
        """Ends a key that others may know, so that nothing that it signed is trusted any more.

        If it signs, or will, a successor is made that signs five seconds from now. At that moment the key ends.

        Returns:
            The key and, if there had to be one, its successor.

        Raises:
            KeyRefused: there is no such key, it has ended already, or for the reasons that `rotate` gives.
        """
        await self._check_secret()
        known = {entry.kid: entry for entry in self.book.entries()}.get(kid)
        if known is None:
            raise KeyRefused("there is no key of that name: `duet keys list` shows them")
        at, successor = self._clock.now(), None
        row = next(row for row in self.book.rows if row.id == kid)
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
        """Returns whether any process signs with it, or will."""
        for at, known in enumerate(self.book.chain):
            if known.row.id == kid:
                over = successor_signs_from(self.book.chain, at)
                return known.is_ours and (over is None or now < over + LEEWAY)
        return False

    async def _check_secret(self) -> None:
        """Raises `KeyRefused` if a server with these settings could not use what is done here."""
        if self.book.algorithm == HMAC:
            raise KeyRefused(
                "with JWT_ALGORITHM=HS256 the key follows from SECRET_KEY: to change it, move the old one to"
                " SECRET_KEY_FALLBACKS, set a new one and restart; after a theft, leave the old one out"
            )
        await self.book.poll()
        if any(not known.is_ours and known.row.retired_at is None for known in self.book.chain):
            raise KeyRefused("SECRET_KEY is not the one that the keys were made under: set the site's own")

    async def _entry_of(self, kid: str) -> KeyEntry:
        await self.book.poll()
        return next(entry for entry in self.book.entries() if entry.kid == kid)


def _may_go_on(known: KnownKey, now: datetime) -> bool:
    """Returns whether it signs, or will, and nobody has retired it by now."""
    return (
        known.is_ours
        and known.private is not None
        and (known.row.retired_at is None or known.row.retired_at > now)
    )
