"""Several processes on one store: which may start, which are alive, and whose clock is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from app.auth.deployment import Neighbours, SettingsDiffer
from app.auth.deployment.process import is_gone, process_host, process_life
from app.auth.keys import KeyRing, Purpose
from app.auth.models import Instance
from app.auth.ports import Store
from tests.auth.house import CountingStore, FakeClock, config
from tests.kit.duet import SECRET
from tests.store.records import make_instance, opened

NEW = "another secret of the tests: qT5xV9bN2mK7"
#: In seconds. It is short, and yet longer than a busy machine keeps anybody waiting.
BEAT = 0.2


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """An empty store of each kind."""
    async with opened(database_url) as one:
        yield one


@pytest.fixture
def clock() -> FakeClock:
    """The clock of all processes that have no clock of their own."""
    return FakeClock()


def process(store: Any, clock: FakeClock, *secrets: str, **given: Any) -> Neighbours:
    """A process with these secrets and the default figures, except for `given`."""
    return Neighbours(config(**given), store=store, clock=clock, keys=KeyRing(secrets or (SECRET,)), beat=BEAT)


def elsewhere(clock: FakeClock, *secrets: str, **given: Any) -> Instance:
    """The record that a process on another machine has just written."""
    prints = " ".join(KeyRing(secrets or (SECRET,)).fingerprints())
    return make_instance("elsewhere", **{"seen_at": clock.now(), "secrets": prints, **given})


@contextlib.asynccontextmanager
async def beating(one: Neighbours) -> AsyncIterator[None]:
    """Run the process's beats beside the block."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.run)
        yield
        tasks.cancel_scope.cancel()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.02)


# which processes may start


@pytest.mark.parametrize(
    ("mine", "theirs", "line"),
    [
        ((SECRET,), (SECRET,), ""),
        # A change, container by container: the new secret is a fallback, then in front, then alone.
        ((SECRET, NEW), (SECRET,), ""),
        ((NEW, SECRET), (SECRET, NEW), ""),
        ((SECRET, NEW), (NEW, SECRET), ""),
        ((NEW,), (NEW, SECRET), ""),
        # All other combinations are refused.
        ((NEW,), (SECRET,), "SECRET_KEY is not the one of process 4711 on web-1"),
        ((NEW, SECRET), (SECRET,), "SECRET_KEY is not known to process 4711 on web-1"),
        ((SECRET,), (NEW, SECRET), "SECRET_KEY_FALLBACKS lacks the SECRET_KEY of process 4711 on web-1"),
    ],
)
async def test_each_process_has_to_verify_what_the_other_one_signs(
    store: Store, clock: FakeClock, mine: tuple[str, ...], theirs: tuple[str, ...], line: str
) -> None:
    """Otherwise the process does not start; the message names the setting and the other process, and shows no
    secret."""
    await store.announce(elsewhere(clock, *theirs))
    one = process(store, clock, *mine)
    if not line:
        await one.join()
        assert one.agrees
        assert len(await store.instances()) == 2
        return
    with pytest.raises(SettingsDiffer) as refused:
        await one.join()
    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)
    assert not one.agrees
    for secret in (*mine, *theirs, *KeyRing((*mine, *theirs)).fingerprints()):
        assert secret not in str(refused.value)


async def test_all_processes_sign_with_the_same_algorithm(store: Store, clock: FakeClock) -> None:
    """A process that would sign with another algorithm does not start."""
    await process(store, clock).join()
    with pytest.raises(
        SettingsDiffer, match=f"^JWT_ALGORITHM is EdDSA here and HS256 in process {os.getpid()} on "
    ):
        await process(store, clock, algorithm="EdDSA").join()


async def test_one_that_is_refused_is_seen_by_nobody(store: Store, clock: FakeClock) -> None:
    """A refused process never announces itself, not even for a moment, so it keeps nobody else from starting."""
    await process(store, clock).join()
    counting = CountingStore(store)
    for _ in range(2):
        with pytest.raises(SettingsDiffer):
            await process(counting, clock, NEW).join()
    assert "announce" not in counting.calls
    assert len(await store.instances()) == 1


async def test_of_two_that_start_at_the_same_moment_one_is_refused(store: Store, clock: FakeClock) -> None:
    """Each looks before the other has announced itself, and the refused one leaves no record behind."""
    counting = CountingStore(store)
    first, second = process(counting, clock), process(store, clock, NEW)
    counting.after["instances"] = second.join
    with pytest.raises(SettingsDiffer):
        await first.join()
    assert second.agrees
    assert len(await store.instances()) == 1


async def test_another_address_is_told_and_refused_to_nobody(store: Store, clock: FakeClock) -> None:
    """The public URL may be changing from one container to the next, so a difference is only reported."""
    await store.announce(elsewhere(clock, issuer="https://other.example.com"))
    one = process(store, clock)
    await one.join()
    assert "https://other.example.com in process 4711 on web-1" in "".join((await one.survey()).addresses)
    with capture_logs() as lines:
        async with beating(one):
            await until(lambda: bool(lines))
    assert [(line["event"], line["log_level"]) for line in lines] == [("addresses_differ", "warning")]
    assert lines[0]["reason"].startswith("PUBLIC_URL is https://duet.example.com here")


# which processes are alive


async def test_one_that_was_killed_hinders_nobody(store: Store, clock: FakeClock) -> None:
    """A killed process of this machine is known to be gone, so the next one starts at once, with other secrets."""
    killed = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    record = elsewhere(clock, host=process_host(), pid=killed.pid)
    await store.announce(record)
    with pytest.raises(SettingsDiffer):
        await process(store, clock, NEW).join()
    killed.kill()
    killed.communicate()
    counting = CountingStore(store)
    await process(counting, clock, NEW).join()
    assert counting.calls == ["instances", "announce", "instances"]


async def test_an_earlier_life_hinders_nobody(store: Store, clock: FakeClock) -> None:
    """A container's process is always number 1, so a record that this process did not write itself is over."""
    await store.announce(elsewhere(clock, host=process_host(), pid=os.getpid()))
    await process(store, clock, NEW).join()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems do not tell when a process began")
def test_each_process_has_a_life_of_its_own() -> None:
    """The value stays the same while the process is alive, and another process has another one."""
    code = "from app.auth.deployment.process import process_life; print(process_life())"
    another = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()
    assert process_life() == process_life() != another
    assert another.isdigit()


async def test_the_same_number_elsewhere_is_another_process(store: Store, clock: FakeClock) -> None:
    """A process number of another machine does not tell whether that process is alive."""
    await store.announce(elsewhere(clock, pid=os.getpid()))
    with pytest.raises(SettingsDiffer):
        await process(store, clock, NEW).join()


async def test_one_that_fell_silent_hinders_nobody(store: Store, clock: FakeClock) -> None:
    """A process on another machine counts as gone after three beats, and one more to be sure of its clock."""
    await store.announce(elsewhere(clock, seen_at=clock.now() - timedelta(seconds=3 * BEAT)))
    await process(store, clock, NEW).join()


@pytest.mark.parametrize("minutes", [-60, 60])
async def test_one_whose_clock_is_wrong_lives_all_the_same(store: Store, clock: FakeClock, minutes: int) -> None:
    """Its record seems to be old, or from the future, but it keeps changing."""
    shifted = FakeClock()
    shifted.step(minutes=minutes)
    other = process(store, shifted)
    await other.join()

    async def go_on() -> None:
        while True:
            await asyncio.sleep(BEAT / 4)
            shifted.step(seconds=BEAT / 4)

    goes_on = asyncio.create_task(go_on())
    async with beating(other):
        with pytest.raises(SettingsDiffer):
            await process(store, clock, NEW).join()
    goes_on.cancel()


def test_what_lives_is_not_gone() -> None:
    """An impossible number, and another user's process, do not count as gone either."""
    assert not is_gone(os.getpid())
    assert not is_gone(1)
    assert not is_gone(0)
    assert not is_gone(-1)
    assert not is_gone(2**80)


async def test_a_refusal_waits_for_nobody(store: Store, clock: FakeClock) -> None:
    """When a living process differs, it does not matter whether another one is alive."""
    await store.announce(elsewhere(clock))
    await store.announce(replace(elsewhere(clock, seen_at=clock.now() - timedelta(days=1)), id="dead"))
    counting = CountingStore(store)
    with pytest.raises(SettingsDiffer):
        await process(counting, clock, NEW).join()
    assert counting.calls == ["instances"]


# clocks


async def test_a_clock_that_is_wrong_is_told_once(store: Store, clock: FakeClock) -> None:
    """The log tells once which process, by how much and which way; a difference within the leeway is not
    reported."""
    one = process(store, clock)
    await one.join()
    with capture_logs() as lines:
        async with beating(one):
            for beat in range(1, 8):
                clock.step(seconds=1)
                for number, off in enumerate((-300, 50, 90)):
                    seen = clock.now() + timedelta(seconds=off)
                    record = elsewhere(clock, seen_at=seen, pid=100 + number)
                    await store.announce(replace(record, id=f"i{number}"))
                if beat > 2 and len(lines) == 2:
                    break
                await asyncio.sleep(2 * BEAT)
            await asyncio.sleep(2 * BEAT)
    told = sorted(line["reason"] for line in lines)
    assert {(line["event"], line["log_level"]) for line in lines} == {("clocks_differ", "warning")}
    assert re.match(r"the clock of process 100 on web-1 is about (29\d|300) seconds behind the one here", told[0])
    assert re.match(r"the clock of process 102 on web-1 is about (8\d|90) seconds ahead of the one here", told[1])
    assert len(told) == 2


async def test_a_survey_finds_a_wrong_clock_by_looking_twice(store: Store, clock: FakeClock) -> None:
    """A record that is old and stays old belongs to a process that died, whose clock was right."""
    record = elsewhere(clock, seen_at=clock.now() - timedelta(minutes=5))
    await store.announce(record)
    survey = await process(store, clock).survey()
    assert (survey.living, survey.clocks) == (0, ())
    counting = CountingStore(store)
    counting.after["instances"] = lambda: store.announce(
        replace(record, seen_at=record.seen_at + timedelta(seconds=1))
    )
    survey = await process(counting, clock).survey()
    assert survey.living == 1
    assert re.match(r"the clock of process 4711 on web-1 is about 299 seconds behind", survey.clocks[0])


async def test_a_survey_is_quick_where_all_is_well(store: Store, clock: FakeClock) -> None:
    """A survey looks once, announces nothing, and finds nothing."""
    await store.announce(elsewhere(clock))
    counting = CountingStore(store)
    survey = await process(counting, clock).survey()
    assert counting.calls == ["instances"]
    assert (survey.living, survey.refusals, survey.addresses, survey.clocks) == (1, (), (), ())


# as time goes by


async def test_a_beat_says_that_the_process_lives(store: Store, clock: FakeClock) -> None:
    """The record is renewed until the process leaves; then it is removed and nothing more is written."""
    one = process(store, clock)
    await one.join()
    [said] = await store.instances()
    async with beating(one):
        clock.step(seconds=5)
        counting = CountingStore(store)
        async with asyncio.timeout(20):
            while (await counting.instances())[0].seen_at == said.seen_at:
                await asyncio.sleep(0.02)
    await one.leave()
    await one.leave()
    await asyncio.sleep(2 * BEAT)
    assert await store.instances() == []
    assert not one.agrees


async def test_a_beat_under_way_is_not_written_after_the_end(store: Store, clock: FakeClock) -> None:
    """A process that is told to stop in the middle of a beat waits for it, and only then withdraws."""

    class Slow(CountingStore):
        """A store that announces slowly, and does so even when the caller is gone, as a driver's thread would."""

        async def announce(self, instance: Instance) -> None:
            self.calls.append("announce")
            await asyncio.shield(asyncio.create_task(self._announce_late(instance)))

        async def _announce_late(self, instance: Instance) -> None:
            await asyncio.sleep(BEAT)
            await self.inner.announce(instance)

    slow = Slow(store)
    one = process(slow, clock)
    await one.join()
    async with beating(one):
        await until(lambda: slow.calls.count("announce") > 1)
    await one.leave()
    await asyncio.sleep(3 * BEAT)
    assert await store.instances() == []


async def test_a_mismatch_that_shows_late_is_told_at_every_beat(store: Store, clock: FakeClock) -> None:
    """A process that started without its store does not get ready as long as the other process is alive."""
    await store.announce(elsewhere(clock))
    await store.close()
    one = process(store, clock, NEW)
    with capture_logs() as lines:
        async with beating(one):
            await asyncio.sleep(BEAT)
            await store.open()
            await until(lambda: len(lines) >= 2)
            assert not one.agrees
            assert [each.id for each in await store.instances()] == ["elsewhere"]
            await store.withdraw("elsewhere")
            await until(lambda: one.agrees)
    assert {(line["event"], line["log_level"]) for line in lines} == {("settings_differ", "error")}
    assert lines[0]["reason"].startswith("SECRET_KEY is not the one of process 4711 on web-1")


async def test_one_that_was_cut_off_for_long_asks_again(store: Store, clock: FakeClock, database_url: str) -> None:
    """The others took the process for dead, and may have got other settings meanwhile."""
    one = process(store, clock)
    await one.join()
    async with beating(one), opened(database_url) as open_store:
        await store.close()
        await asyncio.sleep(4 * BEAT)
        clock.step(minutes=1)
        await process(open_store, clock, NEW).join()
        await store.open()
        await until(lambda: not one.agrees)
    assert len(await store.instances()) == 1


async def test_one_that_comes_later_is_told_by_those_that_are_there(store: Store, clock: FakeClock) -> None:
    """The processes that were there first stay as they are, and the later one has to go."""
    one = process(store, clock)
    await one.join()
    with capture_logs() as lines:
        async with beating(one):
            await store.announce(elsewhere(clock, NEW))
            await until(lambda: bool(lines))
            await asyncio.sleep(2 * BEAT)
    assert [line["event"] for line in lines] == ["neighbour_differs"]
    assert lines[0]["reason"].startswith("SECRET_KEY is not the one of process 4711 on web-1")
    assert one.agrees


async def test_what_others_wrote_is_one_line(store: Store, clock: FakeClock) -> None:
    """A text that somebody wrote into the store can't add a second line to the log or the terminal."""
    await store.announce(elsewhere(clock, NEW, name="web\n\x1b[31mduet: all is well" + 500 * "x"))
    with pytest.raises(SettingsDiffer) as refused:
        await process(store, clock).join()
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300


# fingerprints


def test_a_fingerprint_tells_nothing_of_a_key() -> None:
    """A fingerprint is derived for this purpose alone, is no part of any key or its name, and differs for each
    secret."""
    ring = KeyRing([SECRET, NEW])
    prints = ring.fingerprints()
    assert len(set(prints)) == 2
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in prints)
    assert KeyRing([NEW]).fingerprints() == prints[1:]
    for purpose in Purpose:
        for key in ring.keys(purpose):
            for each in prints:
                assert each not in key.secret.hex()
                assert not each.startswith(key.kid)
