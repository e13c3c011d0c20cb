"""`kill -9` while people register, change their passwords and refresh their tokens."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from tests.faults.outcome import Outcome
from tests.faults.people import PAUSE, Person, crowd
from tests.faults.site import Site
from tests.kit.duet import PASSWORD

#: How many of each kind are under way at once.
PEOPLE = 4


class Killing:
    """One run: what was acknowledged, and what is not known.

    Args:
        site: where it happens.
        kills: how often the process is killed.
        each: how many registrations, changes and refreshes have to be acknowledged.
    """

    def __init__(self, site: Site, *, kills: int, each: int) -> None:
        self.site = site
        self.kills = kills
        self.each = each
        self.done: Counter[str] = Counter()
        self.outcome = Outcome()
        self.registered: list[str] = []
        self.unknown: list[str] = []

    def goes_on(self, kind: str) -> bool:
        """Whether there are kills to come, or not enough of that kind."""
        return self.outcome.rounds < self.kills or self.done[kind] < self.each

    async def run(self) -> Outcome:
        """All of it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(crowd(PEOPLE, self.register))
            group.create_task(crowd(PEOPLE, self.change))
            group.create_task(crowd(PEOPLE, self.refresh))
            group.create_task(self.kill())
        await self.check()
        self.outcome.figures["acknowledged"] = ", ".join(f"{count:,} {kind}" for kind, count in self.done.items())
        return self.outcome

    async def kill(self) -> None:
        """At any moment, again and again."""
        for _ in range(self.kills):
            # Not faster than the work goes: each kill is to fall into it.
            goal = self.each * (self.outcome.rounds + random.random()) / self.kills
            while min(self.done[kind] for kind in ("registrations", "changes", "refreshes")) < goal:
                await asyncio.sleep(0.01)
            await asyncio.sleep(random.random() / 10)
            self.site.kill()
            seconds = await asyncio.to_thread(self.site.start)
            self.outcome.note("ready", seconds, "s")
            self.outcome.expect(seconds < 5, f"ready only after {seconds:.1f} s")
            self.outcome.rounds += 1

    async def register(self, _: int) -> None:
        """One account after the other."""
        while self.goes_on("registrations"):
            async with Person(self.site.url) as person:
                answer = await person.register()
            if answer is not None and answer.status_code == 201:
                self.done["registrations"] += 1
                self.registered.append(person.email)
            else:
                self.outcome.expect(answer is None or answer.status_code == 503, f"registration: {answer}")
                self.unknown.append(person.email)
                await asyncio.sleep(PAUSE)

    async def change(self, number: int) -> None:
        """One password after the other, of one account."""
        async with await Person(self.site.url, email=f"changes{number}@example.com").join() as person:
            while self.goes_on("changes"):
                new = f"{PASSWORD} {number} {self.done['changes']} {random.random()}"
                answer = await person.change_password(new)
                if answer is not None and answer.status_code == 204:
                    self.done["changes"] += 1
                    person.password = new
                elif answer is None or answer.status_code in (503, 401):  # 401: it was changed, and that not told
                    await asyncio.sleep(PAUSE)
                    await self.settle(person, new)
                else:
                    self.outcome.losses.append(f"change: {answer.status_code} {answer.text}")
                await person.log_in()

    async def settle(self, person: Person, new: str) -> None:
        """Of the old and the new password one works, and the other one does not."""
        works = []
        for password in (person.password, new):
            form = {"grant_type": "password", "username": person.email, "password": password}
            answer = await person.until_answered("POST", "/api/auth/token", data=form)
            works.append(answer.status_code == 200)
        self.outcome.expect(works.count(True) == 1, f"{person.email}: old and new password {works}")
        person.password = new if works[1] else person.password

    async def refresh(self, number: int) -> None:
        """One token after the other, of one session; repeated until there is an answer."""
        async with await Person(self.site.url, email=f"refreshes{number}@example.com").join() as person:
            while self.goes_on("refreshes"):
                form = {"grant_type": "refresh_token", "refresh_token": person.refresh_token}
                answer = await person.until_answered("POST", "/api/auth/token", data=form)
                if answer.status_code != 200:
                    self.outcome.losses.append(f"refresh: {answer.status_code} {answer.text}")
                    await person.log_in()
                    continue
                person.keep(answer)
                self.done["refreshes"] += 1

    async def check(self) -> None:
        """Who registered can log in; who does not know whether they did can log in, or register."""
        for email in self.registered:
            async with Person(self.site.url, email=email) as person:
                answer = await person.token()
                self.outcome.expect(answer is not None and answer.status_code == 200, f"{email} is gone")
        for email in self.unknown:
            async with Person(self.site.url, email=email) as person:
                answer = await person.token()
                if answer is not None and answer.status_code == 400:
                    answer = await person.register()
                is_whole = answer is not None and answer.status_code in (200, 201)
                self.outcome.expect(is_whole, f"{email} is half made: {answer}")


async def killed(site: Site, *, kills: int, each: int) -> Outcome:
    """Kills the first process of `site` again and again."""
    return await Killing(site, kills=kills, each=each).run()


def is_intact(path: Path) -> bool:
    """What SQLite says of its file."""
    with closing(sqlite3.connect(path)) as database:
        return bool(database.execute("PRAGMA integrity_check").fetchall() == [("ok",)])
