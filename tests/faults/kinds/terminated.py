"""SIGTERM under load: requests under way are answered, and people who were logged in still are."""

from __future__ import annotations

import asyncio
import contextlib
import time

from tests.faults.outcome import Outcome
from tests.faults.people import Person
from tests.faults.site import Site

#: How long the process may take to end, in seconds.
ENDS_WITHIN = 10.0
PEOPLE = 8
PATHS = ("/desk", "/desk/slow", "/account", "/api/desk", "/api/users/me")


async def terminated(site: Site, *, ends: int) -> Outcome:
    """Ends the process, and starts it again.

    In flight is what was sent before the signal. Some people have a connection for each request, some keep theirs.
    """
    outcome = Outcome()
    people = [await Person(site.url).join() for _ in range(PEOPLE)]
    for person in people:
        await person.sign_in()
    for _ in range(ends):
        ending = asyncio.Event()
        tasks = [asyncio.create_task(_ask(site, person, number, ending)) for number, person in enumerate(people)]
        await asyncio.sleep(0.5)
        began = time.monotonic()
        ending.set()
        code, took = await asyncio.to_thread(site.end)
        outcome.limit("ended after", took, ENDS_WITHIN)
        outcome.expect(code == 0, f"exit code {code}")
        for asked, answer in [each for task in tasks for each in await task]:
            if asked < began:
                outcome.expect(answer == 200, f"a request {began - asked:.3f} s before the signal: {answer}")
        await asyncio.to_thread(site.start)
        for person in people:
            answers = [await person.page("/desk"), await person.me()]
            for one in answers:
                outcome.expect(one is not None and one.status_code == 200, f"not signed in any more: {one}")
        outcome.rounds += 1
    for person in people:
        await person.__aexit__()
    return outcome


async def _ask(site: Site, person: Person, number: int, ending: asyncio.Event) -> list[tuple[float, int]]:
    """When each request began, and its status; 0 if there was none."""
    asked: list[tuple[float, int]] = []
    while not ending.is_set():
        path = PATHS[len(asked) % len(PATHS)]
        headers = person.bearer() if path.startswith("/api") else {}
        if number % 2:
            headers["Connection"] = "close"
        begun = time.monotonic()
        answer = await person.call("GET", path, headers=headers)
        asked.append((begun, 0 if answer is None else answer.status_code))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), 0.005)
    return asked
