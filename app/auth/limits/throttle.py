"""How often one may try: guesses at passwords, registrations, mails. The counters are in the store, for all.

A try is counted before its outcome is known and taken back if it succeeds, so parallel guesses find no gap.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from app.auth.clock import Clock
from app.auth.errors import TooManyRequests
from app.auth.limits.networks import network
from app.auth.models import Bucket, LetterKind
from app.auth.ports import Store

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)

#: Guesses at one account's password, wherever they come from: ten, then waits of 5 seconds to 5 minutes, which
#: leaves a stranger some 300 guesses a day, and its owner never locked out for long (OWASP ASVS V6.1.1).
GUESSES: Final = Bucket("", free=10, first_wait=timedelta(seconds=5), longest_wait=5 * _MINUTE, window=_DAY)
#: Guesses from a browser that its owner logged in with before, or in a session of theirs.
OWN_GUESSES: Final = Bucket("", free=5, first_wait=timedelta(seconds=5), longest_wait=5 * _MINUTE, window=_DAY)
#: Wrong guesses from one network address, at whatever accounts (credential stuffing).
ADDRESS_GUESSES: Final = Bucket("", free=200, first_wait=timedelta(seconds=5), longest_wait=_MINUTE, window=_HOUR)
#: Refresh tokens from one network address that were no good. Nobody guesses one: this slows a program down that
#: does not take no for an answer, and holds up no person who logs in from the same office.
TOKENS: Final = Bucket("", free=200, first_wait=timedelta(seconds=5), longest_wait=_MINUTE, window=_HOUR)
#: New accounts from one network address: an office that starts together gets in.
REGISTRATIONS: Final = Bucket("", free=150, first_wait=_MINUTE, longest_wait=10 * _MINUTE, window=_HOUR)
#: Mails that strangers can cause: of one kind to one address, and from one network address.
MAILS: Final = Bucket("", free=5, first_wait=2 * _MINUTE, longest_wait=15 * _MINUTE, window=_HOUR)
ADDRESS_MAILS: Final = Bucket("", free=100, first_wait=_MINUTE, longest_wait=10 * _MINUTE, window=_HOUR)
#: Mails of one kind that tell an address what happened to its account. Where addresses need no proof, a stranger
#: may have made that account, and log in, change the password, delete it and make it again all day long.
NOTICES: Final = Bucket("", free=10, first_wait=5 * _MINUTE, longest_wait=_HOUR, window=_DAY)
#: How often the audit log tells of one and the same lockout, however many tries it refuses.
NEWS: Final = Bucket("", free=1, first_wait=5 * _MINUTE, longest_wait=5 * _MINUTE, window=_DAY)


@dataclass(slots=True)
class Guess:
    """A guess that was let through. Not told otherwise, it counts as wrong."""

    _store: Store
    #: The counters that it was counted on, and of these what a right guess wipes out.
    _counted: list[str] = field(default_factory=list)
    _wiped: list[str] = field(default_factory=list)

    @property
    def wiped(self) -> tuple[str, ...]:
        """The counters that a right password lets begin anew: the account's."""
        return tuple(self._wiped)

    @property
    def taken_back(self) -> tuple[str, ...]:
        """Those that forget a right one."""
        return tuple(key for key in self._counted if key not in self._wiped)

    async def was_right(self) -> None:
        """The password was right. A login writes that together with its session."""
        if self._wiped:
            await self._store.forget_hits(*self._wiped)
        if self.taken_back:
            await self._store.take_back_hits(*self.taken_back)

    async def does_not_count(self) -> None:
        """Nothing was guessed: it was refused, or the server was too busy to look."""
        if self._counted:
            await self._store.take_back_hits(*self._counted)


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

    async def guess(self, email_key: str, *, ip: str, own: str | None) -> Guess:
        """Lets a guess at an account's password through.

        Args:
            email_key: the account's address in its normal form; whether there is such an account does not matter.
            ip: where the guess comes from.
            own: which of the owner's devices or sessions this is; None for a stranger. Such a one has a few tries
                of its own while strangers keep the account, or an address that they share with it, blocked.
        """
        guess = Guess(self._store)
        if not self._is_on:
            return guess
        account = _key("account", email_key)
        guess._wiped.append(account)
        may_pass = False
        if own is not None:
            device = _key("own", f"{email_key} {own}")
            guess._wiped.append(device)
            may_pass = await self._fits(OWN_GUESSES, device, guess)
        limits = [replace(ADDRESS_GUESSES, key=_key("address", network(ip)))] if ip else []
        limits.append(replace(GUESSES, key=account))
        now = self._clock.now()
        blocked = await self._store.hit_all(limits, now=now)
        while blocked is not None and may_pass:
            # It passes one that is blocked, and the other ones miss no guess of it.
            limits = [limit for limit in limits if limit.key != blocked.key]
            blocked = await self._store.hit_all(limits, now=now)
        if blocked is not None:
            error = _too_many(blocked.until, now)
            # Once in a while, not for each of a flood.
            error.is_news = await self._fits(NEWS, _key("news", blocked.key))
            raise error
        guess._counted += [limit.key for limit in limits]
        return guess

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
            await self._count(MAILS, _key("mail", f"{kind} {email_key}"))

    async def may_tell(self, kind: LetterKind, email_key: str) -> bool:
        """Whether one more mail of that kind may tell this address of its account; counts it if so.

        Nothing is refused for want of it: its owner has had many like it.
        """
        return not self._is_on or await self._fits(NOTICES, _key("notice", f"{kind} {email_key}"))

    async def token(self, ip: str) -> None:
        """Counts a refresh token that was no good."""
        await self._by_address(TOKENS, "tokens", ip)

    def counters_of(self, email_key: str) -> tuple[str, ...]:
        """What begins anew where the owner has proven to be the owner in another way: by a mailed link."""
        return (_key("account", email_key),) if self._is_on else ()

    async def _by_address(self, limit: Bucket, subject: str, ip: str) -> None:
        if self._is_on and ip:
            await self._count(limit, _key(subject, network(ip)))

    async def _fits(self, limit: Bucket, key: str, guess: Guess | None = None) -> bool:
        """Whether one more is within `limit`; counts it if so."""
        try:
            await self._count(limit, key, guess)
        except TooManyRequests:
            return False
        return True

    async def _count(self, limit: Bucket, key: str, guess: Guess | None = None) -> None:
        now = self._clock.now()
        blocked_until = await self._store.hit(replace(limit, key=key), now=now)
        if blocked_until is not None:
            raise _too_many(blocked_until, now)
        if guess is not None:
            guess._counted.append(key)


def _too_many(until: datetime, now: datetime) -> TooManyRequests:
    return TooManyRequests(max(1, -(-(until - now) // timedelta(seconds=1))))


def _key(subject: str, name: str) -> str:
    """A bucket's key: no address of a person or a machine is to be read in it."""
    return f"{subject}:{hashlib.sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()}"
