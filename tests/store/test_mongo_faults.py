"""What the MongoDB store does when its server stalls, dies, comes back, or was never there.

The server is a stand-alone one, which shows at the same time that no replica set is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.auth.ports import Store
from app.store import open_store
from app.store.breaker import StoreUnusable
from app.store.mongo.store import MongoStore
from tests.kit.services import Mongod
from tests.store.everything import call_everything
from tests.store.records import (
    AT_ONCE,
    IN_TIME,
    MINUTE,
    NOW,
    SOON,
    add_sessions,
    make_event,
    make_user,
    new_password,
    opened,
    refused_after,
    until_back,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A stand-alone server for this module."""
    mongod = Mongod(tmp_path_factory.mktemp("alone") / "db")
    mongod.start()
    yield mongod
    mongod.stop()


@pytest.fixture
async def store(shared: Mongod, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """A store on that server, with a database for this test alone."""
    async with opened(f"{shared.url}{request.node.name[:60]}") as one:
        yield one


async def test_a_stand_alone_server_will_do(store: Store) -> None:
    """Every method works without a replica set, except the news of what ends, which is left to the poll."""
    await call_everything(store)
    assert [each async for each in store.endings()] == []


async def assert_only_a_probe_hangs(store: Store) -> None:
    """Assert that the driver gave up too, so that no call that nobody waits for holds one of its threads."""
    assert isinstance(store, MongoStore)
    await asyncio.sleep(0.2)
    assert len(store._breaker._running) <= 1


async def test_a_stalled_server_is_an_outage_until_it_goes_on(store: Store, shared: Mongod) -> None:
    """Callers are refused within 3 s, then at once, and the store recovers by itself; each change is one log
    line."""
    await add_sessions(store, "s1")
    with capture_logs() as logs:
        shared.pause()
        try:
            waits = await asyncio.gather(
                *(refused_after(lambda: store.session_with_user("s1")) for _ in range(100)),
                refused_after(lambda: store.add_user(make_user("u2"))),
                refused_after(lambda: store.purge(now=NOW, sessions_before=NOW, audit_before=NOW)),
            )
            assert max(waits) < IN_TIME
            for _ in range(20):
                assert await refused_after(store.ping) < AT_ONCE
            await assert_only_a_probe_hangs(store)
        finally:
            shared.resume()
        assert await until_back(store.ping) < SOON
    assert await store.session_with_user("s1") is not None
    assert [line["event"] for line in logs] == ["store_away", "store_back"]
    assert "127.0.0.1" not in str(logs)


async def test_a_killed_server_is_an_outage_until_it_is_back(store: Store, shared: Mongod) -> None:
    """What was acknowledged survives the crash, and Duet needs no restart."""
    await store.add_user(make_user())
    shared.kill()
    try:
        assert await refused_after(lambda: store.user_by_id("u1")) < IN_TIME
        assert await refused_after(lambda: store.user_by_id("u1")) < AT_ONCE
        assert await refused_after(lambda: store.add_audit_event(make_event("e1"))) < AT_ONCE
    finally:
        await asyncio.to_thread(shared.start)
    await until_back(store.ping)
    assert await store.user_by_id("u1") == make_user()
    assert (await store.audit_events()).items == []


async def test_a_server_that_is_not_there_at_the_start_is_found_later(tmp_path: Path) -> None:
    """`open` fails in time and calls fail at once; when the server comes, the store is ready, with its indexes.

    Closing a store that is still waiting does not hang.
    """
    mongod = Mongod(tmp_path / "db")
    store, other = (open_store(f"{mongod.url}duet") for _ in range(2))
    try:
        assert max(await asyncio.gather(refused_after(store.open), refused_after(other.open))) < IN_TIME
        assert await refused_after(store.ping) < AT_ONCE
        await asyncio.wait_for(other.close(), IN_TIME)
        await asyncio.to_thread(mongod.start)
        await until_back(store.ping)
        await call_everything(store)
    finally:
        await store.close()
        mongod.stop()


async def test_no_password_is_told(shared: Mongod) -> None:
    """The operator has to mend a refused login to the server, and the message has nothing of the URL in it."""
    host = shared.url.removeprefix("mongodb://")
    store = open_store(f"mongodb://ada:hush@{host}duet")
    with capture_logs() as logs:
        with pytest.raises(StoreUnusable, match="refused the user or password") as caught:
            await store.open()
        await store.close()
    told = f"{caught.value!r} {caught.value.__cause__!r} {logs}"
    assert "hush" not in told
    assert "ada" not in told


async def test_cancelled_calls_leave_a_usable_store(store: Store) -> None:
    """A login cancelled at any moment leaves a valid session, or none."""
    await store.add_user(make_user())
    for number in range(30):
        adding = asyncio.ensure_future(add_sessions(store, f"s{number}"))
        await asyncio.sleep(0.0003 * number)
        adding.cancel()
        await asyncio.gather(adding, return_exceptions=True)
    await store.replace_password(new_password("u1", keep="none of these"))
    await store.revoke_user_sessions("u1", at=NOW, reason="password_changed")
    await asyncio.sleep(0.1)
    assert await store.sessions_of("u1", now=NOW - MINUTE) == []
