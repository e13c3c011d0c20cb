"""Limits how often anyone may try: guesses at passwords, registrations, mails.

The counters are in the store, so all processes share them. A try is counted before its outcome is known and taken
back if it succeeds, so parallel guesses find no gap.
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

#: Guesses at one account's password, wherever they come from: ten, and then waits of 5 seconds to 5 minutes. This
#: leaves a stranger some 300 guesses a day, and never locks the owner out for long (OWASP ASVS V6.1.1).
GUESSES: Final = Limit(free=10, first_wait=timedelta(seconds=5), longest_wait=5 * _MINUTE, window=_DAY)
#: Guesses from a browser that the account's owner logged in with before, or in one of their sessions.
OWN_GUESSES: Final = Limit(free=5, first_wait=timedelta(seconds=5), longest_wait=5 * _MINUTE, window=_DAY)
#: Wrong guesses from one IP address, at any accounts (credential stuffing).
ADDRESS_GUESSES: Final = Limit(free=200, first_wait=timedelta(seconds=5), longest_wait=_MINUTE, window=_HOUR)
#: Refresh tokens from one IP address that did not count. Nobody guesses one: this slows down a program that keeps
#: trying after a refusal, and does not hold up people who log in from the same office.
TOKENS: Final = Limit(free=200, first_wait=timedelta(seconds=5), longest_wait=_MINUTE, window=_HOUR)
#: New accounts from one IP address. An office in which everybody registers at the same time gets in.
REGISTRATIONS: Final = Limit(free=150, first_wait=_MINUTE, longest_wait=10 * _MINUTE, window=_HOUR)
#: Mails that strangers can cause: of one kind to one email address, and of any kind from one IP address.
MAILS: Final = Limit(free=5, first_wait=2 * _MINUTE, longest_wait=15 * _MINUTE, window=_HOUR)
ADDRESS_MAILS: Final = Limit(free=100, first_wait=_MINUTE, longest_wait=10 * _MINUTE, window=_HOUR)
#: Mails of one kind that tell an email address what happened to its account. If email addresses need not be
#: confirmed, a stranger may have made that account, and can log in, change the password, delete the account and
#: make it again all day long.
NOTICES: Final = Limit(free=10, first_wait=5 * _MINUTE, longest_wait=_HOUR, window=_DAY)
#: How often the audit log records the same lockout, however many tries it refuses.
NEWS: Final = Limit(free=1, first_wait=5 * _MINUTE, longest_wait=5 * _MINUTE, window=_DAY)


@dataclass(frozen=True, slots=True)
class Guess:
    """A guess that was let through. It counts as wrong unless the caller says otherwise.

    Args:
        store: keeps the counters.
        counted: the counters on which it was counted.
        wiped: the counters that a right password resets: those of the account.
    """

    store: Store
    counted: tuple[str, ...] = ()
    wiped: tuple[str, ...] = ()

    @property
    def taken_back(self) -> tuple[str, ...]:
        """The counters that forget this guess if it was right."""
        return tuple(key for key in self.counted if key not in self.wiped)

    async def was_right(self) -> None:
        """Tells the counters that the password was right. For a login, its `LoginRecord` does so instead."""
        if self.wiped:
            await self.store.forget_hits(*self.wiped)
        if self.taken_back:
            await self.store.take_back_hits(*self.taken_back)

    async def does_not_count(self) -> None:
        """Takes the guess back, as nothing was guessed: it was refused, or the server was too busy to check it."""
        if self.counted:
            await self.store.take_back_hits(*self.counted)


class Throttle:
    """Counts tries, and refuses them with `TooManyRequests`. Every method may raise `StoreUnavailable`.

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
        """Counts a guess at an account's password, and lets it through.

        Args:
            email_key: the account's email address in its normal form. There need not be such an account.
            ip: the IP address that the guess comes from.
            recognised_as: which of the owner's devices or sessions this is; None for a stranger. A recognised
                one still has a few tries while strangers keep the account blocked, or an IP address that they
                share with it.

        Raises:
            TooManyRequests: the guess was not let through; `is_news` says whether the audit log should record it.
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
        """Counts a guess on each bucket, or with `may_pass` on those that are not blocked, and returns these."""
        now = self._clock.now()
        blocked = await self._store.hit_all(buckets, now=now)
        while blocked is not None and may_pass:
            # The guess gets past the blocked bucket, but the others still have to count it.
            buckets = [bucket for bucket in buckets if bucket.key != blocked.key]
            blocked = await self._store.hit_all(buckets, now=now)
        if blocked is not None:
            # The audit log hears of it once in a while, not for each guess of a flood.
            is_news = await self._fits(Bucket(_key("news", blocked.key), NEWS))
            raise _too_many(blocked.until, now, is_news=is_news)
        return buckets

    async def registration(self, ip: str) -> None:
        """Counts an attempt to make an account."""
        await self._by_address(REGISTRATIONS, "registration", ip)

    async def mail(self, kind: LetterKind, email_key: str, ip: str) -> None:
        """Counts a mail to an email address that a stranger may have asked for.

        Each kind is counted separately. A stranger who asks for mails that are never sent, for example because the
        email address is confirmed already, must not keep its owner from asking for a new password.
        """
        await self._by_address(ADDRESS_MAILS, "mails", ip)
        if self._is_on:
            await self._count(Bucket(_key("mail", f"{kind} {email_key}"), MAILS))

    async def may_tell(self, kind: LetterKind, email_key: str) -> bool:
        """Returns whether one more mail of that kind may tell this email address of its account; counts it if so.

        If it may not, nothing is refused but the mail: the owner has had many like it.
        """
        bucket = Bucket(_key("notice", f"{kind} {email_key}"), NOTICES)
        return not self._is_on or await self._fits(bucket)

    async def token(self, ip: str) -> None:
        """Counts a refresh token that was refused."""
        await self._by_address(TOKENS, "tokens", ip)

    def counters_of(self, email_key: str) -> tuple[str, ...]:
        """Returns the counters to reset when the owner proves who they are in another way: by a mailed link."""
        return (_key("account", email_key),) if self._is_on else ()

    async def _by_address(self, limit: Limit, subject: str, ip: str) -> None:
        if self._is_on and ip:
            await self._count(Bucket(_key(subject, network(ip)), limit))

    async def _fits(self, bucket: Bucket) -> bool:
        """Returns whether one more hit is within the limit, and counts it if so."""
        return await self._store.hit(bucket, now=self._clock.now()) is None

    async def _count(self, bucket: Bucket) -> None:
        now = self._clock.now()
        blocked_until = await self._store.hit(bucket, now=now)
        if blocked_until is not None:
            raise _too_many(blocked_until, now)


def _too_many(until: datetime, now: datetime, *, is_news: bool = False) -> TooManyRequests:
    return TooManyRequests(max(1, -(-(until - now) // timedelta(seconds=1))), is_news=is_news)


def _key(subject: str, name: str) -> str:
    """Returns a bucket's key, which is hashed so that it shows neither an email address nor an IP address."""
    return f"{subject}:{hashlib.sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()}"
