"""What an older Duet has stored is still there, and still counts, after a newer one has opened it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from pymongo import DESCENDING, MongoClient
from pymongo.database import Database

from app.auth.errors import LastAdmin
from app.auth.models import AuditEvent, Session, User
from app.auth.ports import Store
from app.store import open_store
from app.store.mongo.schema import document_of
from app.store.sqlite.migrations import FUNCTIONS
from app.store.sqlite.schema import MIGRATIONS, VERSION
from app.store.values import plain, to_millis
from tests.store.records import (
    NOW,
    all_events,
    all_found,
    make_event,
    make_instance,
    make_session,
    make_signing_key,
    make_user,
    new_password,
    opened,
)

USERS = [
    make_user("u1", name="Ada Lovelace", roles=("editor", "admin")),
    make_user("u2", name="ÉMILIE du Châtelet", roles=('"admin',), rights_changed_at=NOW, rights_version=3),
    make_user("u3", name="", roles=("admin",), is_active=False),
    make_user("u4", name="Grace", is_email_verified=True),
]
SESSION = make_session("s1", "u1")
EVENTS = [make_event(f"e{number}", user_id=f"u{number}", ip="192.0.2.1", user_agent="x") for number in range(1, 4)]


async def assert_all_is_there(store: Store) -> None:
    """Assert that every row is intact, and that new features work on it."""
    assert [await store.user_by_id(user.id) for user in USERS] == USERS
    assert await store.session_with_user("s1") == (SESSION, USERS[0])
    assert await all_events(store) == EVENTS[::-1]
    assert await all_events(store, user_id="u2", event="log_in") == [EVENTS[1]]
    for query, ids in (("émilie", ["u2"]), ("châ", ["u2"]), ("love", ["u1"]), ("grace", ["u4"]), ("u", USERS_IDS)):
        assert await all_found(store, query) == ids
    assert await store.has_admin()
    # The new fields hold their defaults, as if no scope had been asked for and no password changed.
    assert (SESSION.scope, USERS[0].password_changed_at) == ("read write", None)
    assert (SESSION.amr, SESSION.credentials_version, USERS[0].credentials_version) == (("pwd",), 0, 0)
    assert await store.add_session(make_session("s2", "u2"))
    assert await store.upgrade_password_hash("u2", "hash", credentials_version=0)
    assert await store.replace_password(new_password("u4", keep="none"))
    changed = replace(USERS[3], password_hash="new", password_changed_at=NOW, credentials_version=1)
    assert await store.user_by_id("u4") == changed
    assert await store.add_signing_key(make_signing_key("k1"))
    await store.announce(make_instance("i1"))
    with pytest.raises(LastAdmin):
        await store.set_rights("u1", at=NOW, roles=[])
    assert await store.set_rights("u3", at=NOW, is_active=True)
    assert await store.delete_user("u1", at=NOW)
    assert await all_events(store, user_id="u1") == [replace(EVENTS[0], ip="", user_agent="")]


USERS_IDS = [user.id for user in USERS]


def column(value: object) -> object:
    """A field's value as its column of the first version holds it."""
    value = plain(value)
    if isinstance(value, list):
        return json.dumps(value)
    return value if value is None or isinstance(value, str | int) else to_millis(value)


def make_version(path: Path, version: int) -> None:
    """Make a file with rows, as only the first migrations leave it; the later ones fill in what they add."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for sql in MIGRATIONS[0]:
            connection.execute(sql)
        rows: list[tuple[str, list[Any], type]] = [
            ("users", USERS, User),
            ("sessions", [SESSION], Session),
            ("audit_events", EVENTS, AuditEvent),
        ]
        for table, records, kind in rows:
            there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            names = [field.name for field in fields(kind) if field.name in there]
            marks = ", ".join("?" for _ in names)
            connection.executemany(
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})",
                [[column(getattr(record, name)) for name in names] for record in records],
            )
        for name, function in FUNCTIONS.items():
            connection.create_function(name, 1, function, deterministic=True)
        for statements in MIGRATIONS[1:version]:
            for sql in statements:
                connection.execute(sql)
        connection.execute(f"PRAGMA user_version = {version}")


@pytest.mark.parametrize("version", range(1, VERSION))
async def test_a_sqlite_file_of_an_older_version_is_migrated(version: int, tmp_path: Path) -> None:
    """The file is migrated once, and its rows stay intact."""
    path = tmp_path / "duet.db"
    make_version(path, version)
    for _ in range(2):
        async with opened(f"sqlite:///{path}") as store:
            assert await store.user_by_id("u1") == USERS[0]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    async with opened(f"sqlite:///{path}") as store:
        await assert_all_is_there(store)


@pytest.mark.parametrize("version", range(1, VERSION))
async def test_a_migrated_file_has_the_schema_of_a_new_one(version: int, tmp_path: Path) -> None:
    """Whichever way a file came to its version, its tables and indexes are the same."""
    make_version(tmp_path / "old.db", version)
    schemas = []
    for name in ("old.db", "new.db"):
        async with opened(f"sqlite:///{tmp_path / name}"):
            pass
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            schemas.append(connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall())
    assert schemas[0] == schemas[1]


def fill_as_before(database: Database[Any]) -> None:
    """Add documents and indexes as the first Duet made them."""
    users = [document_of(user) for user in USERS]
    session = {**document_of(SESSION), "is_confirmed": True}
    for document in (*users, session):
        del document["credentials_version"]
    del session["scope"], session["amr"]
    database["users"].insert_many(users)
    database["sessions"].insert_one(session)
    events = [{**document_of(event), "seq": number} for number, event in enumerate(EVENTS)]
    for event in events:
        del event["actor_id"]
    database["audit_events"].insert_many(events)
    database["users"].create_index([("email_key", 1)], unique=True, name="email_key")
    database["audit_events"].create_index([("at", DESCENDING), ("seq", DESCENDING)], name="by_time")
    database["audit_events"].create_index(
        [("user_id", 1), ("at", DESCENDING), ("seq", DESCENDING)], name="of_user"
    )


async def test_documents_of_an_older_duet_are_filled_up(new_mongo_database_url: str) -> None:
    """Users get the fields for the search, stale indexes go, and several processes may open the database at
    once."""
    with MongoClient[Any](new_mongo_database_url) as client:
        database = client.get_default_database()
        fill_as_before(database)
        several = [open_store(new_mongo_database_url) for _ in range(4)]
        await asyncio.gather(*(store.open() for store in several))
        await assert_all_is_there(several[0])
        for store in several:
            await store.close()
        assert not {"by_time", "of_user"} & database["audit_events"].index_information().keys()
        assert database["users"].count_documents({"name_key": None}) == 0


async def test_many_documents_are_filled_up_in_batches(
    new_mongo_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes may fill them up at the same time, while somebody renames a user."""
    monkeypatch.setattr("app.store.mongo.migrations.BATCH", 7)
    with MongoClient[Any](new_mongo_database_url) as client:
        users = client.get_default_database()["users"]
        users.insert_many([document_of(make_user(f"u{number}", name="Ada B")) for number in range(100)])

        async def open_and_rename(number: int) -> None:
            async with opened(new_mongo_database_url) as store:
                await store.set_name(f"u{number}", "Grace Hopper")

        await asyncio.gather(open_and_rename(1), open_and_rename(99))
        async with opened(new_mongo_database_url) as store:
            assert len(await all_found(store, "ada")) == 98
            assert await all_found(store, "hopper") == ["u1", "u99"]
