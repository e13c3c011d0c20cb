"""How long a page of the user list, of a search and of the audit log takes, with few users and with a million.

`.venv/bin/python -m benchmarks.users` fills both stores, in a folder that is deleted later, and prints a table.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pymongo import MongoClient

from app.auth.models import AuditEvent, User
from app.auth.ports import Store
from app.store import open_store
from app.store.cursors import write_cursor
from app.store.mongo.schema import document_of
from app.store.sqlite.rows import column_list, columns_of, marks, values_of
from tests.kit.services import Mongod

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
BATCH: Final = 1000
PAGE: Final = 50
FIRST: Final = ("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Hugo", "Ida", "Jan", "Lena", "Max")
SYLLABLES: Final = ("ba", "den", "ker", "lo", "mann", "ner", "ri", "schu", "ster", "ta", "vo", "wei")
EVENTS: Final = ("login", "login", "login", "refresh", "logout", "login_failed", "password_changed")

Call = Callable[[], Awaitable[Any]]


def make_user(number: int) -> User:
    """The user with that number. All have one of some 20,000 names, except the one that nobody else has."""
    dice = random.Random(number)
    first = dice.choice(FIRST)
    last = "".join(dice.choice(SYLLABLES) for _ in range(dice.randint(2, 4))).capitalize()
    if number == 7:
        last = "Xylander"
    email = f"{first}.{last}{number}@example.org"
    return User(
        id=f"user-{number}",
        email=email,
        email_key=email.casefold(),
        password_hash="x" * 60,
        created_at=START,
        name=f"{first} {last}",
        roles=("editor",) if number % 10 else (),
    )


def make_event(number: int, users: int) -> AuditEvent:
    """The event with that number: about a user, in the order of time."""
    dice = random.Random(number)
    return AuditEvent(
        id=f"{number:012}",
        at=START + timedelta(milliseconds=number * 40),
        event=dice.choice(EVENTS),
        user_id=f"user-{dice.randrange(users)}" if number % 1000 else "user-1",
        session_id="s" * 22,
        ip="192.0.2.7",
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    )


async def fill(store: Store, add_events: Callable[[list[AuditEvent]], None], users: int, events: int) -> None:
    """Adds that many users through the store, and events past it, since the store takes them one by one."""
    for start in range(0, users, BATCH):
        numbers = range(start, min(start + BATCH, users))
        assert await store.add_users([make_user(number) for number in numbers]) == []
    for start in range(0, events, 10 * BATCH):
        numbers = range(start, min(start + 10 * BATCH, events))
        await asyncio.to_thread(add_events, [make_event(number, users) for number in numbers])


def sqlite_filler(path: Path) -> Callable[[list[AuditEvent]], None]:
    """Returns what adds events to a file."""
    columns = columns_of(AuditEvent)
    sql = f"INSERT INTO audit_events ({column_list(columns)}) VALUES ({marks(columns)})"

    def add(events: list[AuditEvent]) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany(sql, [values_of(event) for event in events])

    return add


def mongo_filler(url: str) -> Callable[[list[AuditEvent]], None]:
    """Returns what adds events to a database."""

    def add(events: list[AuditEvent]) -> None:
        with MongoClient[Any](url) as client:
            client.get_default_database()["audit_events"].insert_many(map(document_of, events), ordered=False)

    return add


async def calls_of(store: Store, users: int, events: int) -> dict[str, Call]:
    """What is measured, by name."""
    middle = sorted(make_user(number).email_key for number in range(users))[users // 2]
    place = write_cursor(0, middle)
    late = write_cursor(int((START + timedelta(milliseconds=events // 2 * 40)).timestamp() * 1000), "x")
    calls: dict[str, Call] = {
        "users, first page": lambda: store.find_users(limit=PAGE),
        "users, a page in the middle": lambda: store.find_users(cursor=place, limit=PAGE),
        "search: address 'anna.s'": lambda: store.find_users("anna.s", limit=PAGE),
        "search: name 'anna s'": lambda: store.find_users("anna s", limit=PAGE),
        "search: last name 'schu'": lambda: store.find_users("schu", limit=PAGE),
        "search: last name, 1 hit": lambda: store.find_users("xylander", limit=PAGE),
        "search: no hit": lambda: store.find_users("nobody at all", limit=PAGE),
        "audit, newest page": lambda: store.audit_events(limit=PAGE),
        "audit, a page in the middle": lambda: store.audit_events(cursor=late, limit=PAGE),
        "audit of a user": lambda: store.audit_events(user_id="user-1", limit=PAGE),
        "audit of a kind": lambda: store.audit_events(event="password_changed", limit=PAGE),
        "audit of both": lambda: store.audit_events(user_id="user-1", event="login", limit=PAGE),
    }
    one_hit = await store.find_users("xylander", limit=PAGE)
    assert [user.id for user in one_hit.items] == ["user-7"]
    assert (await store.find_users("nobody at all", limit=PAGE)).items == []
    return calls


async def measure(call: Call, times: int) -> tuple[float, float, int]:
    """The median and the 99th percentile in milliseconds, and the length of the page."""
    page = await call()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        await call()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98], len(page.items)


async def run(
    title: str, url: str, add_events: Callable[[list[AuditEvent]], None], users: int, events: int, times: int
) -> None:
    """Fills the store at `url`, and prints its part of the table."""
    store = open_store(url)
    await store.open()
    try:
        start = time.perf_counter()
        await fill(store, add_events, users, events)
        print(f"\n{title}: {users:,} users, {events:,} events, filled in {time.perf_counter() - start:.0f} s")
        print(f"{'':32}{'rows':>6}{'median':>10}{'p99':>10}  (ms)")
        for name, call in (await calls_of(store, users, events)).items():
            median, late, length = await measure(call, times)
            print(f"{name:32}{length:>6}{median:>10.2f}{late:>10.2f}", flush=True)
    finally:
        await store.close()


def main() -> None:
    """Runs everything, one part after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, nargs="+", default=[1_000, 1_000_000])
    parser.add_argument("--events", type=int, default=1_000_000, help="at most so many; never more than users")
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--store", choices=["sqlite", "mongodb", "both"], default="both")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for users in given.users:
            events = min(given.events, max(users, BATCH))
            if given.store != "mongodb":
                path = Path(name, f"{users}.db")
                url = f"sqlite:///{path}"
                asyncio.run(run("SQLite", url, sqlite_filler(path), users, events, given.calls))
            if given.store != "sqlite":
                mongod = Mongod(Path(name, f"mongod-{users}"), replica_set=True)
                mongod.start()
                try:
                    url = f"{mongod.url}duet"
                    asyncio.run(run("MongoDB", url, mongo_filler(url), users, events, given.calls))
                finally:
                    mongod.stop()


if __name__ == "__main__":
    main()
