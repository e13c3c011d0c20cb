"""The database does not answer, breaks its connections, or is behind a network that lets nothing through."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator

from tests.faults.load import Load
from tests.faults.outcome import Outcome
from tests.faults.people import Person
from tests.faults.site import Site, is_ready

#: The longest wait for a 503, and until all is well again, in seconds.
REFUSED_WITHIN, BACK_WITHIN = 3.0, 5.0
GIVEN_UP_AFTER = 30.0


async def away(
    site: Site, go: Callable[[], object], come_back: Callable[[], object], *, seconds: float
) -> Outcome:
    """Takes the database away for a while, as people go on.

    Args:
        go, come_back: take it away, and bring it back.
        seconds: how long it is away.
    """
    outcome = Outcome()
    load = Load(site.urls, outcome)

    async def work() -> None:
        async with await Person(*site.urls).join() as person:
            await person.sign_in()
            await asyncio.sleep(1)
            go()
            begun = time.monotonic()
            while time.monotonic() < begun + seconds:
                await _look(person, outcome)
                await asyncio.sleep(0.2)
            come_back()
            back = time.monotonic()
            while not all(await asyncio.gather(*[asyncio.to_thread(is_ready, url) for url in site.urls])):
                if time.monotonic() > back + GIVEN_UP_AFTER:
                    raise RuntimeError(f"the database is not back:\n{site.log()}")
                await asyncio.sleep(0.05)
            took = time.monotonic() - back
            outcome.note("back after", took, "s")
            outcome.expect(took <= BACK_WITHIN, f"back only after {took:.1f} s")
            await asyncio.sleep(2)
            outcome.rounds += 1

    await load.during(work())
    longest = float(outcome.figures.get("longest wait for a 503", "0 s").split()[0])
    outcome.expect(longest <= REFUSED_WITHIN, f"a 503 after {longest} s")
    outcome.expect(load.answers[503] > 0, "nobody noticed")
    return outcome


async def _look(person: Person, outcome: Outcome) -> None:
    """Checks that the process lives, and serves a logged-in person what needs no database."""
    health = await person.call("GET", "/healthz")
    outcome.expect(health is not None and health.status_code == 200, f"/healthz: {health}")
    if health is not None:
        outcome.note("/healthz", health.elapsed.total_seconds(), "s")
    for what, answer in (
        ("page", await person.page("/desk")),
        ("call", await person.call("GET", "/api/desk", headers=person.bearer())),
    ):
        outcome.expect(answer is not None and answer.status_code == 200, f"a {what} that needs nothing: {answer}")


class Relay:
    """A way to a server that can be cut: connections break, and no new one gets through."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._is_cut = False
        self._pairs: set[asyncio.StreamWriter] = set()

    async def open(self) -> int:
        """The port to use instead."""
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        """Resets all connections."""
        self._is_cut = True
        for writer in self._pairs:
            writer.transport.abort()

    def mend(self) -> None:
        """Lets new connections through."""
        self._is_cut = False

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        there_reader, there = await asyncio.open_connection("127.0.0.1", self._target)
        self._pairs |= {writer, there}
        with contextlib.suppress(OSError):
            await asyncio.gather(_copy(reader, there), _copy(there_reader, writer))
        self._pairs -= {writer, there}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


class Island:
    """A network namespace, reached over a pair of virtual devices that can be taken down. It needs root."""

    name, here, there = "duet-faults", "10.231.7.1", "10.231.7.2"

    @staticmethod
    def missing() -> str:
        """What keeps this machine from having a namespace; an empty text if nothing does."""
        if os.getuid() != 0:
            return "needs root"
        return "" if shutil.which("ip", path=f"{os.environ['PATH']}:/usr/sbin") else "needs iproute2"

    @contextlib.contextmanager
    def made(self) -> Iterator[list[str]]:
        """Makes it, and yields what to write before a command that is to run there."""
        _ip(f"netns add {self.name}")
        try:
            _ip(f"link add duet-here type veth peer name duet-there netns {self.name}")
            _ip(f"addr add {self.here}/24 dev duet-here")
            _ip("link set duet-here up")
            for command in (
                f"addr add {self.there}/24 dev duet-there",
                "link set duet-there up",
                "link set lo up",
            ):
                _ip(f"-n {self.name} {command}")
            yield ["ip", "netns", "exec", self.name]
        finally:
            _ip(f"netns del {self.name}")

    def cut(self) -> None:
        """Makes everything that is sent vanish: nobody learns that the other side is gone."""
        _ip(f"-n {self.name} link set duet-there down")

    def mend(self) -> None:
        """Lets everything arrive again."""
        _ip(f"-n {self.name} link set duet-there up")


def _ip(arguments: str) -> None:
    path = f"{os.environ['PATH']}:/usr/sbin"
    subprocess.run(["ip", *arguments.split()], check=True, env={"PATH": path})
