"""The machine's clock is set while processes run (with libfaketime; no other program of the machine notices)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.outcome import Outcome
from tests.faults.people import Person, status_of
from tests.faults.site import Site

_LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib64/faketime/libfaketimeMT.so.1")
#: Seconds, one after the other: within the leeway, beyond it, and back again.
STEPS = (30, 0, 300, 0, 3600, 0, -3600, 0)
ROUND = 4000


def missing() -> str:
    """What keeps this machine from setting a process's clock; an empty text if nothing does."""
    return "" if _library() else "needs faketime: sudo apt-get install faketime"


def _library() -> str:
    found = [str(path) for pattern in _LIBRARIES for path in Path("/").glob(pattern.lstrip("/"))]
    return found[0] if found else ""


class MachineClocks:
    """The clock that each process of a site sees: a given number of seconds ahead of the real one."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def variables(self, number: int) -> dict[str, str]:
        """The variables that make the process see its clock."""
        self.set(number, 0)
        return {
            "LD_PRELOAD": _library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file(number)),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, number: int, seconds: float) -> None:
        """Sets the clock that many seconds ahead from now on."""
        self._file(number).write_text(f"{seconds:+}\n")

    def _file(self, number: int) -> Path:
        return self._site.folder / f"clock{number}"


@contextmanager
def clocked(folder: Path, url: str, processes: int) -> Iterator[tuple[Site, MachineClocks]]:
    """A site whose clocks can be set."""
    site = Site(folder, url, processes=processes)
    clocks = MachineClocks(site)
    try:
        for number in range(processes):
            site.start(number, **clocks.variables(number))
        yield site, clocks
    finally:
        site.__exit__(None, None, None)


async def clock_steps(site: Site, clocks: MachineClocks, *, rounds: int) -> Outcome:
    """Sets the clock of one process while people are logged in. Nobody is logged out, and nothing lives again."""
    outcome = Outcome()
    async with await Person(site.url).join() as person:
        await person.sign_in()
        ended: list[tuple[str, str]] = []
        for number in range(rounds):
            for seconds in STEPS:
                ended.append(await _end_one(site, person.email))
                # Each round goes further ahead: the process's clock has not come back from the one before.
                clocks.set(0, seconds + number * ROUND)
                before = person.access_token
                await _goes_on(person, outcome, seconds, site.url)
                if seconds == 3600:
                    ended.append((before, ""))  # it has expired
                await _stays_ended(ended[-20:], person, outcome, seconds)
            outcome.rounds += 1
    return outcome


async def _end_one(site: Site, email: str) -> tuple[str, str]:
    """The tokens of a session that is over."""
    async with await Person(site.url, email=email).log_in() as other:
        answer = await other.call("POST", "/api/auth/revoke", data={"token": other.refresh_token})
        assert status_of(answer) == 200
        return other.access_token, other.refresh_token


async def _goes_on(person: Person, outcome: Outcome, seconds: float, url: str) -> None:
    """Checks that the page is shown without another login, and that a program's token counts or is refreshed."""
    page = await person.page("/desk", url=url)
    outcome.expect(page is not None and page.status_code == 200, f"{seconds:+} s: the page is a {page}")
    answer = await person.me(url=url)
    if answer is not None and answer.status_code == 401:
        outcome.expect(abs(seconds) > 60, f"{seconds:+} s: a token does not count within the leeway")
        answer = await person.refresh(url=url)
        outcome.expect(answer is not None and answer.status_code == 200, f"{seconds:+} s: refresh {answer}")
        if answer is not None and answer.status_code == 200:
            answer = await person.keep(answer).me(url=url)
    outcome.expect(answer is not None and answer.status_code == 200, f"{seconds:+} s: the API says {answer}")


async def _stays_ended(ended: list[tuple[str, str]], person: Person, outcome: Outcome, seconds: float) -> None:
    for access, refresh in ended:
        answer = await person.me(access)
        outcome.expect(answer is not None and answer.status_code == 401, f"{seconds:+} s: a token lives again")
        if refresh:
            answer = await person.refresh(refresh)
            outcome.expect(
                answer is not None and answer.status_code == 400, f"{seconds:+} s: a session lives again"
            )


async def clocks_differ(site: Site, clocks: MachineClocks, *, rounds: int) -> Outcome:
    """Restarts one of two processes with another clock, while people go to both in turn."""
    outcome = Outcome()
    async with await Person(site.url).join() as person:
        await person.sign_in()
        for _ in range(rounds):
            for seconds in (30, 300, -3600):
                site.end(1)
                clocks.set(1, seconds)
                await asyncio.to_thread(_start, site, clocks, seconds)
                # This token is the first one's: what the other one issued before has yet another clock.
                answer = await person.refresh(url=site.url)
                if answer is not None and answer.status_code == 200:
                    person.keep(answer)
                for url in (*site.urls, *site.urls):
                    await _goes_on(person, outcome, seconds, url)
                token = await _end_one(site, person.email)
                time.sleep(2)
                await _stays_ended([token], Person(site.urls[1], email=person.email), outcome, seconds)
            outcome.rounds += 1
    return outcome


def _start(site: Site, clocks: MachineClocks, seconds: float) -> None:
    variables = clocks.variables(1)
    clocks.set(1, seconds)
    site.start(1, **variables)
