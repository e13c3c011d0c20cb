"""Clients send half of something, read nothing, or go away, and those who behave are served meanwhile."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

from tests.faults.outcome import Outcome
from tests.faults.people import Person, at_once
from tests.faults.site import Site

HALF_BODIES = STALLED_READERS = 10
HALF_HEADS = 200
VANISHING = 0.05
#: How long a page may take meanwhile, and how long afterwards everything must be released, in seconds.
SLOWEST, LET_GO_WITHIN = 1.0, 30.0


async def stalled(site: Site, *, seconds: float) -> Outcome:
    """Keeps that many bad clients going for so long, and then looks at what is left of them."""
    outcome = Outcome()
    times: list[float] = []
    async with await Person(site.url).join() as person:
        await person.sign_in()
        await at_once(*[person.page("/desk/slow") for _ in range(20)])  # until all threads are there that stay
        await _look(person, times, outcome, until=time.monotonic() + 2)
        before = site.threads(), site.descriptors()
        times.clear()
        ends = time.monotonic() + seconds
        cookie = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
        with ExitStack() as clients:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.to_thread(_behave_badly, site.url, cookie, ends, outcome, clients))
                group.create_task(_look(person, times, outcome, until=ends))
            await _settle(site, before, outcome)  # without their help: they still hold on
    times.sort()
    worst = times[int(len(times) * 0.99)]
    outcome.note("page p99", worst, "s")
    outcome.expect(worst < SLOWEST, f"the p99 of a page is {worst:.2f} s")
    return outcome


async def _look(person: Person, times: list[float], outcome: Outcome, *, until: float) -> None:
    while time.monotonic() < until:
        begun = time.monotonic()
        answer = await person.page("/desk")
        outcome.expect(answer is not None and answer.status_code == 200, f"page: {answer}")
        times.append(time.monotonic() - begun)
        await asyncio.sleep(0.05)


async def _settle(site: Site, before: tuple[int, int], outcome: Outcome) -> None:
    begun = time.monotonic()
    while True:
        threads, descriptors = site.threads(), site.descriptors()
        took = time.monotonic() - begun
        # Well-behaved clients open and close a few connections meanwhile.
        if descriptors <= before[1] + 3 or took > LET_GO_WITHIN:
            break
        await asyncio.sleep(0.2)
    outcome.note("let go after", took, "s")
    outcome.expect(took <= LET_GO_WITHIN, f"descriptors: {before[1]} before, {descriptors} after")
    outcome.figures["threads"] = f"{before[0]} before and {threads} after"
    outcome.expect(threads <= before[0] + 2, f"threads: {before[0]} before, {threads} after")


def _behave_badly(url: str, cookie: str, ends: float, outcome: Outcome, stack: ExitStack) -> None:
    """A client that is refused or cut off is replaced by another one."""
    where = (urlsplit(url).hostname, urlsplit(url).port)
    head = f"Host: {urlsplit(url).netloc}\r\nCookie: {cookie}\r\n".encode()
    half_body = b"POST /login HTTP/1.1\r\n" + head + b"Content-Length: 5000\r\n\r\nemail="
    reader = b"GET /desk/large HTTP/1.1\r\n" + head + b"\r\n"
    half_head = b"GET /desk HTTP/1.1\r\n" + head
    whole = b"GET /desk/slow HTTP/1.1\r\n" + head + b"\r\n"
    wanted = [half_body] * HALF_BODIES + [reader] * STALLED_READERS + [half_head] * HALF_HEADS
    clients: list[socket.socket | None] = [None] * len(wanted)
    while time.monotonic() < ends:
        for number, said in enumerate(wanted):
            client = clients[number]
            if client is None or _is_cut_off(client, reads=said is not reader):
                if client is not None:
                    client.close()
                clients[number] = stack.enter_context(_say(where, said))
                outcome.rounds += 1
        for _ in range(2):  # these vanish: some 5 % of the requests under way
            if random.random() < VANISHING * 10:
                _say(where, whole).close()
                outcome.rounds += 1
        time.sleep(0.1)


def _say(where: object, what: bytes) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(5)
    client.connect(where)  # type: ignore[arg-type]
    client.sendall(what)
    client.setblocking(False)
    return client


def _is_cut_off(client: socket.socket, *, reads: bool) -> bool:
    if not reads:  # only the socket's state shows it
        return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
    with suppress(BlockingIOError):
        try:
            return client.recv(65536) == b""
        except OSError as error:
            if not isinstance(error, BlockingIOError):
                return True
    return False
