"""A mixed load of pages and API: people who register, read, refresh, log in and log out until they are stopped."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import httpx
import jwt

from tests.faults.outcome import Outcome
from tests.faults.people import Person

#: The pause between two requests of one person, in seconds.
THINKING = 0.02
#: How many ended sessions are tried again and again.
REMEMBERED = 50


class Load:
    """What people ask, and what they were promised.

    Args:
        urls: where they ask.
        outcome: where a promise that was not kept is noted.
        may_fail: whether a 503 with `Retry-After` is an answer, for a while.
        each: how many people do the same thing.
        settle: how long an ended session may still count, in seconds, since a proxy may lead to a process that did
            not end it.
    """

    def __init__(
        self, urls: list[str], outcome: Outcome, *, may_fail: bool = True, each: int = 2, settle: float = 0
    ) -> None:
        self.urls = urls
        self.outcome = outcome
        self.may_fail = may_fail
        self.each = each
        self.settle = settle
        self.answers: Counter[int] = Counter()
        self.times: list[float] = []
        self.registered: list[str] = []
        self._ended: deque[tuple[float, str, str]] = deque(maxlen=REMEMBERED)
        self._stopping = asyncio.Event()
        self._failing_since: dict[str, float] = {}
        self._people: list[Person] = []

    async def during(self, work: Coroutine[Any, Any, None]) -> Outcome:
        """Runs the load while `work` is done; afterwards everybody who registered must be there."""
        kinds = (self._registers, self._refreshes, self._reads, self._browses, self._leaves)
        try:
            async with asyncio.TaskGroup() as group:
                for kind in kinds:
                    for number in range(self.each):
                        group.create_task(self._repeat(kind, f"{kind.__name__}{number}"))
                await work
                self._stopping.set()
            await self._check()
        finally:
            for person in self._people:
                await person.__aexit__()
        self.outcome.figures["answers"] = ", ".join(
            f"{count:,} x {code}" for code, count in sorted(self.answers.items())
        )
        return self.outcome

    async def _repeat(self, kind: Callable[[str], Awaitable[Callable[[], Awaitable[None]]]], who: str) -> None:
        step = await kind(who)
        while not self._stopping.is_set():
            await step()
            await asyncio.sleep(THINKING)

    async def _person(self) -> Person:
        person = Person(*self.urls)
        self._people.append(person)
        return await person.join()

    async def _judge(self, who: str, answer: httpx.Response | None, *expected: int, path: str = "") -> bool:
        """Notes a loss unless the answer is what was expected. A 503 is allowed for a while."""
        code = 0 if answer is None else answer.status_code
        self.answers[code] += 1
        if answer is not None:
            self.times.append(answer.elapsed.total_seconds())
        if code in expected:
            if (since := self._failing_since.pop(who, None)) is not None:
                self.outcome.note("longest outage", time.monotonic() - since, "s")
            return True
        if code == 503 and self.may_fail and answer is not None:
            self._failing_since.setdefault(who, time.monotonic())
            self.outcome.expect("retry-after" in answer.headers, f"{who}: 503 without Retry-After")
            self.outcome.note("longest wait for a 503", answer.elapsed.total_seconds(), "s")
        else:
            text = "" if answer is None else answer.text[:200]
            self.outcome.losses.append(f"{who}: {code} {text} {path}")
        return False

    async def _registers(self, who: str) -> Callable[[], Awaitable[None]]:
        async def step() -> None:
            async with Person(*self.urls) as person:
                answer = await person.register()
                if await self._judge(who, answer, 201):
                    self.registered.append(person.email)

        return step

    async def _refreshes(self, who: str) -> Callable[[], Awaitable[None]]:
        person = await self._person()

        async def step() -> None:
            answer = await person.refresh()
            if await self._judge(who, answer, 200) and answer is not None:
                person.keep(answer)

        return step

    async def _reads(self, who: str) -> Callable[[], Awaitable[None]]:
        person = await self._person()

        async def step() -> None:
            answer = await person.me()
            if answer is not None and answer.status_code == 401 and time.time() > _expiry(person.access_token) - 5:
                answer = await person.refresh()
                if answer is not None and answer.status_code == 200:
                    person.keep(answer)
            await self._judge(who, answer, 200)

        return step

    async def _browses(self, who: str) -> Callable[[], Awaitable[None]]:
        person = await self._person()
        await person.sign_in()

        async def step() -> None:
            await self._judge(who, await person.page("/account"), 200)

        return step

    async def _leaves(self, who: str) -> Callable[[], Awaitable[None]]:
        person = await self._person()

        async def step() -> None:
            answer = await person.token()
            if not await self._judge(who, answer, 200) or answer is None:
                return
            person.keep(answer)
            url = self.urls[0]
            answer = await person.call("POST", "/api/auth/revoke", data={"token": person.refresh_token}, url=url)
            if await self._judge(who, answer, 200):
                self._ended.append((time.monotonic() + self.settle, url, person.access_token))
            heard_of = [each for each in self._ended if each[0] <= time.monotonic()]
            for _, url, token in heard_of[:: max(1, len(heard_of) // 3)]:
                answer = await person.me(token, url=url)
                await self._judge(who, answer, 401, path="with a token whose session was ended")

        return step

    async def _check(self) -> None:
        for email in self.registered:
            async with Person(*self.urls, email=email) as person:
                answer = await person.token()
                self.outcome.expect(answer is not None and answer.status_code == 200, f"{email} is gone: {answer}")


def _expiry(token: str) -> float:
    return float(jwt.decode(token, options={"verify_signature": False})["exp"])
