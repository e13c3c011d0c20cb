"""How often one may try: guesses at passwords, registrations, mails. The counters are in the store, for all.

A try is counted before its outcome is known and taken back if it succeeds, so parallel guesses find no gap.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.auth.clock import Clock
from app.auth.errors import TooManyRequests
from app.auth.limits.networks import network
from app.auth.models import Bucket, LetterKind, Limit
from app.auth.ports import Store

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)

#: Guesses at one account's password, wherever they come from: ten, then waits of 5 seconds to 5 minutes, which
#: leaves a stranger some 300 guesses a day, and its owner never locked out for long (OWASP ASVS V6.1.1).
GUESSES: Final = Limit(free=10, first_wait=timedelta(seconds=5), longest_wait=5 * _MINUTE, window=_DAY)
#: Guesses from a browser that its owner logged in with before, or in a session of theirs.
OWN_GUESSES: Final = Limit(free=5, first_wait=timedelta(seconds=5), longest_wait=5 * _MINUTE, window=_DAY)
#: Wrong guesses from one network address, at whatever accounts (credential stuffing).
ADDRESS_GUESSES: Final = Limit(free=200, first_wait=timedelta(seconds=5), longest_wait=_MINUTE, window=_HOUR)
#: Refresh tokens from one network address that were no good. Nobody guesses one: this slows a program down that
#: does not take no for an answer, and holds up no person who logs in from the same office.
TOKENS: Final = Limit(free=200, first_wait=timedelta(seconds=5), longest_wait=_MINUTE, window=_HOUR)
#: New accounts from one network address: an office that starts together gets in.
REGISTRATIONS: Final = Limit(free=150, first_wait=_MINUTE, longest_wait=10 * _MINUTE, window=_HOUR)
#: Mails that strangers can cause: of one kind to one address, and from one network address.
MAILS: Final = Limit(free=5, first_wait=2 * _MINUTE, longest_wait=15 * _MINUTE, window=_HOUR)
ADDRESS_MAILS: Final = Limit(free=100, first_wait=_MINUTE, longest_wait=10 * _MINUTE, window=_HOUR)
#: Mails of one kind that tell an address what happened to its account. Where addresses need no proof, a stranger
#: may have made that account, and log in, change the password, delete it and make it again all day long.
NOTICES: Final = Limit(free=10, first_wait=5 * _MINUTE, longest_wait=_HOUR, window=_DAY)
#: How often the audit log tells of one and the same lockout, however many tries it refuses.
NEWS: Final = Limit(free=1, first_wait=5 * _MINUTE, longest_wait=5 * _MINUTE, window=_DAY)


@dataclass(frozen=True, slots=True)
class Guess:
    """A guess that was let through. Not told otherwise, it counts as wrong.

    Args:
        store: keeps the counters.
        counted: the counters that it was counted on.
        wiped: those that a right password lets begin anew: the account's.
    """

    store: Store
    counted: tuple[str, ...] = ()
    wiped: tuple[str, ...] = ()

    @property
    def taken_back(self) -> tuple[str, ...]:
        """The counters that forget a right guess."""
        return tuple(key for key in self.counted if key not in self.wiped)

    async def was_right(self) -> None:
        """The password was right. A login writes that together with its session."""
        if self.wiped:
            await self.store.forget_hits(*self.wiped)
        if self.taken_back:
            await self.store.take_back_hits(*self.taken_back)

    async def does_not_count(self) -> None:
        """Nothing was guessed: it was refused, or the server was too busy to look."""
        if self.counted:
            await self.store.take_back_hits(*self.counted)


class Throttle:
    """Counts tries and refuses them with `TooManyRequests`. Every method may raise `StoreUnavailable`.

    Args:
        store: keeps the counters.
        clock: tells the time.
        is_on: whether anything is limited (RATE_LIMITS).
    """

    def __init__(self, store: Store, clock: Clock, *, is_on: bool) -> None:
        self._store = store
        self._clock = clock
        self._is_on = is_on

    async def guess(self, email_key: str, *, ip: str, recognised_as: str | None) -> Guess:
        """Lets a guess at an account's password through.

        Args:
            email_key: the account's address in its normal form; whether there is such an account does not matter.
            ip: where the guess comes from.
            recognised_as: which of the owner's devices or sessions this is; None for a stranger. It has a few
                tries of its own while strangers keep the account, or an address that they share with it, blocked.

        Raises:
            TooManyRequests: the guess was not let through; `is_news` says whether the audit log is to tell of it.
        """
        if not self._is_on:
            return Guess(self._store)
        account = Bucket(_key("account", email_key), GUESSES)
        shared = [Bucket(_key("address", network(ip)), ADDRESS_GUESSES), account] if ip else [account]
        own_buckets = []
        if recognised_as is not None:
            own_buckets.append(Bucket(_key("own", f"{email_key} {recognised_as}"), OWN_GUESSES))
        passed = [bucket for bucket in own_buckets if await self._fits(bucket)]
        counted = await self._count_shared(shared, may_pass=bool(passed))
        return Guess(
            self._store,
            counted=tuple(bucket.key for bucket in [*passed, *counted]),
            wiped=tuple(bucket.key for bucket in [account, *own_buckets]),
        )

    async def _count_shared(self, buckets: list[Bucket], *, may_pass: bool) -> list[Bucket]:
        """Counts a guess on each, or with `may_pass` on those that are not blocked, and returns which it did."""
        now = self._clock.now()
        blocked = await self._store.hit_all(buckets, now=now)
        while blocked is not None and may_pass:
            # It passes one that is blocked, and the other ones miss no guess of it.
            buckets = [bucket for bucket in buckets if bucket.key != blocked.key]
            blocked = await self._store.hit_all(buckets, now=now)
        if blocked is not None:
            # Once in a while, not for each of a flood.
            is_news = await self._fits(Bucket(_key("news", blocked.key), NEWS))
            raise _too_many(blocked.until, now, is_news=is_news)
        return buckets

    async def registration(self, ip: str) -> None:
        """Counts an attempt to make an account."""
        await self._by_address(REGISTRATIONS, "registration", ip)

    async def mail(self, kind: LetterKind, email_key: str, ip: str) -> None:
        """Counts a mail to an address that a stranger may have asked for.

        Each kind by itself: who asks for mails that are never sent, to an address that is verified say, must not
        keep its owner from asking for a new password.
        """
        await self._by_address(ADDRESS_MAILS, "mails", ip)
        if self._is_on:
            await self._count(Bucket(_key("mail", f"{kind} {email_key}"), MAILS))

    async def may_tell(self, kind: LetterKind, email_key: str) -> bool:
        """Whether one more mail of that kind may tell this address of its account; counts it if so.

        Nothing is refused for want of it: its owner has had many like it.
        """
        bucket = Bucket(_key("notice", f"{kind} {email_key}"), NOTICES)
        return not self._is_on or await self._fits(bucket)

    async def token(self, ip: str) -> None:
        """Counts a refresh token that was no good."""
        await self._by_address(TOKENS, "tokens", ip)

    def counters_of(self, email_key: str) -> tuple[str, ...]:
        """What begins anew where the owner has proven to be the owner in another way: by a mailed link."""
        return (_key("account", email_key),) if self._is_on else ()

    async def _by_address(self, limit: Limit, subject: str, ip: str) -> None:
        if self._is_on and ip:
            await self._count(Bucket(_key(subject, network(ip)), limit))

    async def _fits(self, bucket: Bucket) -> bool:
        """Whether one more is within the limit; counts it if so."""
        return await self._store.hit(bucket, now=self._clock.now()) is None

    async def _count(self, bucket: Bucket) -> None:
        now = self._clock.now()
        blocked_until = await self._store.hit(bucket, now=now)
        if blocked_until is not None:
            raise _too_many(blocked_until, now)


def _too_many(until: datetime, now: datetime, *, is_news: bool = False) -> TooManyRequests:
    return TooManyRequests(max(1, -(-(until - now) // timedelta(seconds=1))), is_news=is_news)


def _key(subject: str, name: str) -> str:
    """A bucket's key: no address of a person or a machine is to be read in it."""
    return f"{subject}:{hashlib.sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()}"
