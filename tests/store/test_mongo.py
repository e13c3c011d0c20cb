"""What is particular to the MongoDB store: its indexes, its URL, its settings, and a stand-alone server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from app.auth.errors import LastAdmin, StoreUnavailable
from app.auth.models import SessionOfUser
from app.auth.ports import Rotation, Store
from app.store import open_store
from app.store.mongo.schema import INSTANCES, SIGNING_KEYS, TOKENS, document_of
from app.store.mongo.store import MongoStore
from tests.store.everything import call_everything
from tests.store.records import (
    DAY,
    MS,
    NOW,
    add_sessions,
    all_found,
    make_session,
    make_token,
    make_user,
    opened,
    rotate,
    session_of,
)


@pytest.fixture
def database_url(new_mongo_database_url: str) -> str:
    """The URL of an empty database on the shared server."""
    return new_mongo_database_url


@pytest.fixture
def database(database_url: str) -> Iterator[Database[Any]]:
    """The same database, without the store in between."""
    with MongoClient[Any](database_url) as client:
        yield client.get_default_database()


def stages(plan: Any) -> set[str]:
    """The names of all stages of a query's plan, wherever they are in it."""
    if isinstance(plan, list):
        return set().union(*map(stages, plan)) if plan else set()
    if not isinstance(plan, dict):
        return set()
    own = {plan["stage"]} if isinstance(plan.get("stage"), str) else set()
    return own.union(*(stages(value) for value in plan.values()))


async def test_every_look_up_and_order_has_its_index(store: Store, database: Database[Any]) -> None:
    """No method reads or sorts a whole collection that may be large."""
    database.command("profile", 2)
    try:
        await call_everything(store)
    finally:
        database.command("profile", 0)
    judged = [each for each in database["system.profile"].find() if "execStats" in each]
    assert len(judged) > 90
    few = {f"{database.name}.{name}" for name in (SIGNING_KEYS, INSTANCES)}  # small, always read as a whole
    for each in judged:
        used = stages(each["execStats"])
        assert each["ns"] in few or not used & {"COLLSCAN", "SORT"}, (each["command"], each["planSummary"])


async def test_a_log_out_between_look_and_write_of_a_refresh(store: Store, database: Database[Any]) -> None:
    """The write's own condition refuses the refresh, so the session stays ended."""
    await add_sessions(store, "s1")

    def judge(found: SessionOfUser) -> Rotation:
        assert found.session.revoked_at is None
        database["sessions"].update_one({"_id": "s1"}, {"$set": {"revoked_at": NOW}})
        return Rotation(1, NOW, NOW + DAY)

    judged = await store.judge_session("s1", judge)
    assert judged is not None
    assert not judged.is_rotated
    found = await store.session_with_user("s1")
    assert found is not None
    assert (found[0].generation, found[0].revoked_at) == (1, NOW)


async def test_a_search_reads_one_range_of_one_index(store: Store, database: Database[Any]) -> None:
    """The index alone tells where a page begins and who was shown before, so no user is read only to be left
    out."""
    names = ("Ada Ada", "Ada", "Bob Ada", "Bob Adam", "Adam Bob")
    shown = [make_user(f"ada{number}", name=names[number % 5]) for number in range(50)]
    await store.add_users([*shown, *(make_user(f"u{number}", name=names[number % 5]) for number in range(10))])
    database.command("profile", 2)
    try:
        assert len(await all_found(store, "ada", limit=3)) == 60
    finally:
        database.command("profile", 0)
    steps = [each for each in database["system.profile"].find({"op": "query"}) if each["docsExamined"]]
    assert len(steps) > 20
    for each in steps:
        assert each["docsExamined"] == each["nreturned"], each["command"]


async def test_a_purge_reads_what_it_removes(store: Store, database: Database[Any]) -> None:
    """A purge that read all old rows for each part would manage only two parts of a million in an hour."""
    old = document_of(make_session(idle_expires_at=NOW - 8 * DAY))
    database["sessions"].insert_many(
        [{**old, "_id": f"s{number}", "is_confirmed": True} for number in range(1200)]
    )
    database.command("profile", 2)
    try:
        assert await store.purge(now=NOW, sessions_before=NOW - 7 * DAY, audit_before=NOW - DAY) == 1200
    finally:
        database.command("profile", 0)
    removals = list(database["system.profile"].find({"op": "remove", "ns": f"{database.name}.sessions"}))
    assert [each["ndeleted"] for each in removals] == [500, 500, 200]
    for each in removals:
        assert each["docsExamined"] == each["ndeleted"], each["planSummary"]


async def test_a_session_is_forgotten_by_itself_in_the_end(store: Store, database: Database[Any]) -> None:
    """If nobody purges, a session goes long after its absolute limit; the audit log never goes by itself."""
    indexes = database["sessions"].index_information()
    assert indexes["expires"]["expireAfterSeconds"] == 30 * 24 * 3600
    assert database["users"].index_information()["email_key"]["unique"] is True
    for name in ("users", "audit_events"):
        assert not any("expireAfterSeconds" in each for each in database[name].index_information().values())


async def test_tokens_of_an_older_duet_count(store: Store, database: Database[Any]) -> None:
    """Tokens that have no slot take one each, however many are made beside them at once."""
    for number in range(2):
        token = document_of(make_token(f"old{number}"))
        database[TOKENS].insert_one(token)
    new = [store.add_token(make_token(f"new{number}"), limit=5) for number in range(10)]
    assert (await asyncio.gather(*new)).count(True) == 3
    assert len(await store.tokens_of("u1")) == 5


async def test_writes_are_confirmed_by_the_majority_and_its_journal(database_url: str) -> None:
    """The conditional writes rely on it, so the URL can't change it."""
    url = f"{database_url}?w=1&journal=false&retryWrites=false&readPreference=secondary"
    async with opened(url) as store:
        assert isinstance(store, MongoStore)
        client = store._client
        assert client is not None
        assert client.write_concern.document == {"w": "majority", "j": True}
        assert client.read_preference.mode == 0
        assert client.delegate.options.retry_writes
        await store.add_user(make_user())


async def test_the_databases_name_is_the_urls_else_duet(mongod_url: str) -> None:
    """Both forms of URL are understood."""
    for url, name in ((mongod_url, "duet"), ("mongodb://127.0.0.1:1/elsewhere?w=1", "elsewhere")):
        store = open_store(url)
        assert isinstance(store, MongoStore)
        if name == "duet":
            await store.open()
            assert store._db.name == name
            await store.close()
            with MongoClient[Any](url) as client:
                client.drop_database("duet")


@pytest.mark.parametrize(
    "url",
    ["mongodb://", "mongodb://ada:hush@db:port/duet", "mongodb://ada:hu:sh@db/"],
)
def test_a_malformed_url_is_refused_without_quoting_it(url: str) -> None:
    """A malformed URL is a ValueError, with no password in it or in its cause."""
    with pytest.raises(ValueError) as caught:
        open_store(url)
    assert "hush" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__


async def test_a_name_is_not_read_as_a_fields_path(store: Store) -> None:
    """The name `$password_hash` stays text, because no update is a pipeline."""
    await store.add_user(make_user())
    user = await store.set_name("u1", "$password_hash")
    assert user is not None
    assert user.name == "$password_hash"


async def test_an_unconfirmed_session_does_not_exist(store: Store, database: Database[Any]) -> None:
    """What a crash in the middle of a login leaves behind is not visible, and is purged."""
    await add_sessions(store, "s1")
    database["sessions"].update_one({"_id": "s1"}, {"$set": {"is_confirmed": False}})
    assert await store.session_with_user("s1") is None
    assert await store.sessions_of("u1", now=NOW) == []
    assert not await store.touch_session("s1", now=NOW, idle_expires_at=NOW + DAY)
    assert not await rotate(store, "s1", Rotation(1, NOW, NOW + DAY))
    assert await store.purge(now=NOW, sessions_before=NOW + 2 * DAY, audit_before=NOW) == 1


async def test_an_account_with_many_devices_costs_a_login_no_more(store: Store, database: Database[Any]) -> None:
    """Many devices, made by strangers or by programs with ever new IP addresses, do not slow down any look-up."""
    await store.add_user(make_user())
    devices = [{"user_id": "u1", "key": f"key{number}", "seen_at": NOW} for number in range(500)]
    database["devices"].insert_many(devices)
    database.command("profile", 2)
    found = await store.user_to_log_in("u1@example.org", devices=["key499", "other"])
    database.command("profile", 0)
    assert found is not None
    assert (found.has_devices, found.known_devices) == (True, frozenset({"key499"}))
    [entry] = database["system.profile"].find({"command.aggregate": "users"})
    assert entry["keysExamined"] < 20


async def test_fields_of_a_newer_duet_are_passed_over(store: Store, database: Database[Any]) -> None:
    """Two versions may run side by side during an update, so a field added by one does not stop the other."""
    await add_sessions(store, "s1")
    database["users"].update_one({"_id": "u1"}, {"$set": {"later": 1}})
    database["sessions"].update_one({"_id": "s1"}, {"$set": {"later": 1}})
    assert await store.session_with_user("s1") == (make_session(), make_user())
    assert await store.set_name("u1", "Ada") == replace(make_user(), name="Ada")


async def test_a_deletion_that_was_cut_off_can_be_done_again(store: Store, database: Database[Any]) -> None:
    """A second try ends the sessions that a failure left behind, and reports that the user is gone."""
    await add_sessions(store, "s1")
    database["users"].delete_one({"_id": "u1"})
    assert not await store.delete_user("u1", at=NOW)
    assert [each.reason for each in await store.revoked_since(NOW - MS)] == ["account_deleted"]
    await store.add_user(make_user())
    assert (await session_of(store)).ip == ""


def test_motor_is_imported_in_one_module_alone() -> None:
    """Motor is imported in one file only, so its successor will be a change to that file."""
    script = (
        "import importlib, pkgutil, sys, app.store.mongo as package\n"
        "for module in pkgutil.iter_modules(package.__path__):\n"
        "    if module.name != 'store': importlib.import_module(f'app.store.mongo.{module.name}')\n"
        "sys.exit('motor' in sys.modules or 'app.store.mongo.rights' not in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


async def test_a_lock_that_somebody_holds_is_waited_for(store: Store, database: Database[Any]) -> None:
    """The wait is short: removing or adding an admin is refused until later. Everything else goes on meanwhile.

    If the holder died, the lock lasts for ten seconds.
    """
    await store.add_users([make_user("a", roles=("admin",)), make_user("b", roles=("admin",)), make_user("u")])
    held = database.command("hello")["localTime"] + timedelta(hours=1)
    database["locks"].update_one({"_id": "admins"}, {"$set": {"holder": "somebody", "until": held}}, upsert=True)
    for act in (
        store.set_rights("a", at=NOW, roles=[]),
        store.delete_user("a", at=NOW),
        store.set_rights("u", at=NOW, roles=["admin"]),
        store.add_user(make_user("c", roles=("admin",))),
    ):
        waiting = asyncio.ensure_future(act)
        assert await store.set_rights("u", at=NOW, roles=["x"]) is not None
        assert await store.set_rights("b", at=NOW, roles=["admin", "x"]) is not None
        with pytest.raises(StoreUnavailable):
            await waiting
    await store.ping()
    assert await store.user_by_id("a") == make_user("a", roles=("admin",))
    database["locks"].update_one({"_id": "admins"}, {"$set": {"until": held - timedelta(hours=2)}})
    assert await store.delete_user("a", at=NOW)
    assert "until" not in (database["locks"].find_one({"_id": "admins"}) or {})


async def test_a_lock_is_given_back_by_whoever_was_refused(store: Store, database: Database[Any]) -> None:
    """The lock of a refused caller is released, so that the next one need not wait."""
    await store.add_user(make_user("a", roles=("admin",)))
    for act in (store.set_rights("a", at=NOW, roles=[]), store.delete_user("a", at=NOW)):
        with pytest.raises(LastAdmin):
            await act
        assert "until" not in (database["locks"].find_one({"_id": "admins"}) or {})


async def test_a_lock_counts_for_longer_than_any_call(store: Store, database: Database[Any]) -> None:
    """Otherwise a caller could write under a lock that somebody else has got meanwhile."""
    assert isinstance(store, MongoStore)
    async with store._locked("x"):
        lock = database["locks"].find_one({"_id": "x"})
        now = database.command("hello")["localTime"]
    assert lock is not None
    assert timedelta(seconds=8) < lock["until"] - now <= timedelta(seconds=10)


async def test_what_ran_out_goes_by_itself_in_the_end(store: Store, database: Database[Any]) -> None:
    """If nobody purges, such documents go a day after their limit by the server's clock."""
    for name in ("links", "personal_tokens", "hits"):
        assert database[name].index_information()["expires"]["expireAfterSeconds"] == 24 * 3600
    assert database["devices"].index_information()["seen"]["expireAfterSeconds"] == 401 * 24 * 3600
