"""`kill -9` while people register, change and reset their passwords, and refresh their tokens."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from app.auth.config import AuthConfig
from app.auth.models import LinkPurpose
from app.auth.service import build_auth
from app.store import open_store
from tests.faults.outcome import Outcome
from tests.faults.people import PAUSE, Person, crowd, new_password
from tests.faults.site import Site
from tests.kit.duet import SECRET

KINDS = ("registrations", "changes", "resets", "refreshes")
#: How many of each kind are under way at once.
PEOPLE = 4
#: The longest time until the process is ready again, in seconds.
READY_WITHIN = 5.0


class Killing:
    """One run: what was acknowledged, and what nobody knows.

    Args:
        site: where it happens.
        kills: how often the process is killed.
        each: how many of each kind have to be acknowledged.
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
        """Whether there are kills to come, or too few of that kind so far."""
        return self.outcome.rounds < self.kills or self.done[kind] < self.each

    async def run(self) -> Outcome:
        """Runs all of it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(crowd(PEOPLE, self.register))
            group.create_task(crowd(PEOPLE, self.change))
            group.create_task(crowd(PEOPLE, self.reset))
            group.create_task(crowd(PEOPLE, self.refresh))
            group.create_task(self.kill())
        await self.check()
        self.outcome.figures["acknowledged"] = ", ".join(f"{count:,} {kind}" for kind, count in self.done.items())
        return self.outcome

    async def kill(self) -> None:
        """Kills at any moment, again and again."""
        for _ in range(self.kills):
            # No faster than the work goes: each kill is meant to interrupt it.
            goal = self.each * (self.outcome.rounds + random.random()) / self.kills
            while min(self.done[kind] for kind in KINDS) < goal:
                await asyncio.sleep(0.01)
            await asyncio.sleep(random.random() / 10)
            self.site.kill()
            seconds = await asyncio.to_thread(self.site.start)
            self.outcome.limit("ready", seconds, READY_WITHIN)
            self.outcome.rounds += 1

    async def register(self, _: int) -> None:
        """Registers one account after the other."""
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
        """Changes the password of one account, again and again."""
        async with await Person(self.site.url, email=f"changes{number}@example.com").join() as person:
            while self.goes_on("changes"):
                new = new_password()
                answer = await person.change_password(new)
                if answer is not None and answer.status_code == 204:
                    self.done["changes"] += 1
                    person.password = new
                elif answer is None or answer.status_code in (503, 401):  # 401: changed, but nobody was told
                    await asyncio.sleep(PAUSE)
                    await self.settle(person, new)
                else:
                    self.outcome.losses.append(f"change: {answer.status_code} {answer.text}")
                await person.log_in()

    async def reset(self, number: int) -> None:
        """Resets the password of one account, again and again, each time by its own link, as a mail would hold
        it."""
        async with (
            await Person(self.site.url, email=f"resets{number}@example.com").join() as person,
            ResetLinks(self.site, person) as links,
        ):
            count = 0
            while self.goes_on("resets"):
                new = new_password()
                token = await links.make()
                answer = await person.call(
                    "POST", "/api/auth/reset-password", json={"token": token, "password": new}
                )
                is_known = answer is not None and answer.status_code == 204
                if is_known:
                    self.done["resets"] += 1
                elif answer is not None and answer.status_code != 503:
                    self.outcome.losses.append(f"reset: {answer.status_code} {answer.text}")
                await self.settle_reset(person, new, token, is_known=is_known)
                count += person.password == new
                await person.log_in()
            await self.check_rows(person, count)

    async def settle_reset(self, person: Person, new: str, token: str, *, is_known: bool) -> None:
        """Checks that a reset happened whole or not at all: where the new password works, no session of the old
        one does, and the link is used up."""
        refreshed = await person.until_answered("GET", "/api/users/me", headers=person.bearer())
        before = person.password
        await self.settle(person, new)
        is_done = person.password == new
        self.outcome.expect(is_done or not is_known, f"{person.email}: a reset that was acknowledged is lost")
        self.outcome.expect(
            (refreshed.status_code == 401) == is_done,
            f"{person.email}: access {refreshed.status_code}, new {is_done}",
        )
        if is_done:
            form = {"grant_type": "refresh_token", "refresh_token": person.refresh_token}
            answer = await person.until_answered("POST", "/api/auth/token", data=form)
            self.outcome.expect(answer.status_code == 400, f"{person.email}: the old session is refreshed")
            again = {"token": token, "password": before}
            answer = await person.until_answered("POST", "/api/auth/reset-password", json=again)
            self.outcome.expect(answer.status_code == 400, f"{person.email}: the link works twice")

    async def check_rows(self, person: Person, count: int) -> None:
        """The audit log has one line for each reset."""
        rows = 0
        cursor: str | None = ""
        while cursor is not None:
            query = {"cursor": cursor, "limit": 100} if cursor else {"limit": 100}
            answer = await person.until_answered(
                "GET", "/api/users/me/audit", params=query, headers=person.bearer()
            )
            rows += [row["event"] for row in answer.json()["items"]].count("password_reset")
            cursor = answer.json()["next_cursor"]
        self.outcome.expect(rows == count, f"{person.email}: {count} resets, {rows} rows")

    async def settle(self, person: Person, new: str) -> None:
        """Either the old or the new password works, and the other one does not."""
        works = []
        for password in (person.password, new):
            form = {"grant_type": "password", "username": person.email, "password": password}
            answer = await person.until_answered("POST", "/api/auth/token", data=form)
            works.append(answer.status_code == 200)
        self.outcome.expect(works.count(True) == 1, f"{person.email}: old and new password {works}")
        person.password = new if works[1] else person.password

    async def refresh(self, number: int) -> None:
        """Refreshes the token of one session, again and again, and repeats each refresh until there is an
        answer."""
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
        """Those who registered can log in; those who do not know can log in or register."""
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


class ResetLinks:
    """Makes the links of reset mails, as the process that sends them does.

    Args:
        site: whose secret and database they are of.
        person: whom they are for.
    """

    def __init__(self, site: Site, person: Person) -> None:
        self._person = person
        self._store = open_store(site.settings["DATABASE_URL"])
        self._links = build_auth(
            AuthConfig(issuer=site.settings["PUBLIC_URL"]), secrets=[SECRET], store=self._store
        ).links

    async def __aenter__(self) -> ResetLinks:
        await self._store.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._store.close()

    async def make(self) -> str:
        """The token of a new link."""
        user = await self._store.user_by_email(self._person.email)
        assert user is not None
        link = await self._links.make(LinkPurpose.RESET_PASSWORD, user_id=user.id, email=user.email)
        return self._links.token(link)


async def killed(site: Site, *, kills: int, each: int) -> Outcome:
    """Kills the first process of `site` again and again."""
    return await Killing(site, kills=kills, each=each).run()


def is_intact(path: Path) -> bool:
    """Whether SQLite finds its file intact."""
    with closing(sqlite3.connect(path)) as database:
        return bool(database.execute("PRAGMA integrity_check").fetchall() == [("ok",)])
