"""Auth over a real store, with a clock that tests set."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.auth.config import AuthConfig
from app.auth.letters import Message
from app.auth.models import API_CLIENT, WEB_CLIENT, Client, LetterKind, Principal, User
from app.auth.ports import Store
from app.auth.service import Auth, build_auth
from app.store import open_store
from tests.kit.duet import PASSWORD, SECRET
from tests.kit.stores import made

ISSUER = "https://duet.example.com"
API = Client(API_CLIENT, ip="192.0.2.7", user_agent="tests/1.0")
WEB = Client(WEB_CLIENT, ip="192.0.2.8", user_agent="Mozilla/5.0")
OTHER_PASSWORD = "staple horse correct"


class FakeClock:
    """A clock that stands still until it is stepped."""

    def __init__(self) -> None:
        # The day of the test: MongoDB's own clock removes what ran out long ago.
        self.instant = datetime.now(UTC).replace(microsecond=0)

    def now(self) -> datetime:
        """The instant to which it was set."""
        return self.instant

    def step(self, **by: float) -> None:
        """Move forward, or back, by a `timedelta` of these arguments."""
        self.instant += timedelta(**by)


@dataclass(frozen=True)
class House:
    """Auth with its store and clock."""

    auth: Auth
    store: Store
    clock: FakeClock

    async def make_user(self, email: str = "ada@example.com", **given: Any) -> User:
        """An account whose password is `PASSWORD`."""
        return await self.auth.accounts.create(email, PASSWORD, client=API, **given)

    async def stored(self, user_id: str) -> User:
        """The user as the store has it."""
        user = await self.store.user_by_id(user_id)
        assert user is not None
        return user

    async def mails(self) -> list[Message]:
        """Take the letters from the queue and return what they say, oldest first."""
        found = []
        now = self.clock.now()
        while (letter := await self.store.claim_letter(now=now, until=now + timedelta(days=1))) is not None:
            message = await self.auth.letters.resolve(letter)
            await self.store.remove_letter(letter.id)
            found += [message] if message is not None else []
        return found

    async def mailed_token(self, kind: LetterKind, to: str = "ada@example.com") -> str:
        """Empty the queue and return the token of the link in the newest mail of a kind."""
        return [mail for mail in await self.mails() if (mail.kind, mail.to) == (kind, to)][-1].link.rpartition(
            "/"
        )[2]

    async def events(self) -> list[str]:
        """The event names of the audit log, newest first."""
        return [event.event for event in (await self.store.audit_events(limit=1000)).items]


def config(**given: Any) -> AuthConfig:
    """The default figures, with cheap hashes."""
    return AuthConfig(**{"issuer": ISSUER, "bcrypt_rounds": 4, "hash_threads": 2, "rate_limits": False, **given})


@contextlib.asynccontextmanager
async def house_on(
    database_url: str, *, clock: FakeClock | None = None, secrets: Iterable[str] = (SECRET,), **given: Any
) -> AsyncIterator[House]:
    """Auth over the store at `database_url`, as one process has it; `given` goes to its configuration."""
    clock = clock or FakeClock()
    store = open_store(made(database_url))
    auth = build_auth(config(**given), secrets=tuple(secrets), store=store, clock=clock)
    try:
        await store.open()
        await auth.revocations.poll()
        await auth.signing.start()
        yield House(auth, store, clock)
    finally:
        auth.passwords.close()
        await store.close()


class CountingStore:
    """A real store that counts its calls by name; `after` may hold something to be done after a call."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.calls: list[str] = []
        self.after: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)
        if name in ("endings", "measurements"):  # neither is awaited
            return method

        async def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            result = await method(*args, **kwargs)
            if name in self.after:
                await self.after.pop(name)()
            return result

        return counted


@contextlib.asynccontextmanager
async def counting(house: House, **given: Any) -> AsyncIterator[tuple[Auth, CountingStore]]:
    """Another process on the house's store, which counts its calls; `given` goes to its configuration."""
    store = CountingStore(house.store)
    as_store: Any = store
    auth = build_auth(config(**given), secrets=(SECRET,), store=as_store, clock=house.clock)
    await auth.revocations.poll()
    try:
        yield auth, store
    finally:
        auth.passwords.close()


def of(pair_or_principal: Any) -> Principal:
    """The principal of a token pair."""
    principal: Principal = getattr(pair_or_principal, "principal", pair_or_principal)
    return principal
