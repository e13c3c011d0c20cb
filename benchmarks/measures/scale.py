"""The same requests over HTTP with a million users and sessions, compared with a thousand of each."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from app.auth.models import Client
from app.auth.service import build_auth
from app.foundation import auth_config, open_configured_store
from app.settings import make
from app.store.sqlite.rows import SESSION_COLUMNS, column_list
from benchmarks.report import Context, Row, most
from benchmarks.systems import System, duet
from benchmarks.wire import Answer, Connection, request

SIZES = (1_000, 1_000_000)
SAMPLES = 500
PASSWORD = "a password for benchmarks"
SECRET = "only for benchmarks, where it protects nothing: 4tVq9Zx2Lm"
CLIENT = Client("api", ip="192.0.2.7", user_agent="bench")
#: Hashes cost next to nothing here, so that the store's share shows.
ENVIRON = {"TESTING": "1", "BCRYPT_ROUNDS": "4", "SECRET_KEY": SECRET}

#: Sends a request, checks that the answer is a success, and returns it.
Ask = Callable[[bytes], Awaitable[Answer]]


def email_of(number: int) -> str:
    """The email address of the user with that number."""
    return f"user{number}@example.com"


async def _first(folder: Path, url: str) -> None:
    """Makes the tables, and in them one user with one session, from which the others are copied."""
    where = {"database_url": url} if url else {}
    settings = make(data_dir=folder, secret_key=SECRET, testing=True, bcrypt_rounds=4, **where)
    store = open_configured_store(settings)
    auth = build_auth(auth_config(settings), secrets=settings.secrets(), store=store)
    await store.open()
    try:
        await auth.revocations.poll()
        await auth.signing.start()
        await auth.accounts.create(email_of(0), PASSWORD, name="Ada Lovelace", client=CLIENT)
        await auth.sessions.log_in(email_of(0), PASSWORD, CLIENT)
    finally:
        await store.close()
        auth.passwords.close()


def fill_sqlite(path: Path, count: int) -> None:
    """Copies the first user and the first session until there are that many of each."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA synchronous = OFF")
        columns = [row[1] for row in database.execute("PRAGMA table_info(users)")]
        email = "'user' || n || '@example.com'"
        changed = {
            "id": "'user-' || n", "email": email, "email_key": email,
            "name": "'Ada ' || n", "name_key": "'ada ' || n", "last_name_key": "'' || n",
        }  # fmt: skip
        numbers = (
            f"WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count - 1})"
        )
        values = ", ".join(changed.get(name, f'"{name}"') for name in columns)
        database.execute(
            f"INSERT INTO users ({column_list(columns)}) {numbers} SELECT {values} FROM users, number"
        )
        changed = {"id": "'session-' || n", "user_id": "'user-' || n"}
        values = ", ".join(changed.get(name, f'"{name}"') for name in SESSION_COLUMNS)
        into = column_list(SESSION_COLUMNS)
        database.execute(f"INSERT INTO sessions ({into}) {numbers} SELECT {values} FROM sessions, number")


def fill_mongodb(url: str, count: int) -> None:
    """Does the same, and lets the server copy."""
    side = round(count**0.5) if count > 1_000 else count
    numbers: list[dict[str, Any]] = [
        {"$limit": 1},
        {"$set": {"a": {"$range": [0, count // side]}, "b": {"$range": [0, side]}}},
        {"$unwind": "$a"},
        {"$unwind": "$b"},
        {"$set": {"n": {"$add": [{"$multiply": ["$a", side]}, "$b"]}}},
        {"$match": {"n": {"$gt": 0}}},
        {"$set": {"t": {"$toString": "$n"}}},
    ]
    ends: list[dict[str, Any]] = [{"$unset": ["a", "b", "n", "t"]}]
    email = {"$concat": ["user", "$t", "@example.com"]}
    changes = {
        "users": {
            "_id": {"$concat": ["user-", "$t"]}, "email": email, "email_key": email,
            "name": {"$concat": ["Ada ", "$t"]}, "name_key": {"$concat": ["ada ", "$t"]}, "last_name_key": "$t",
        },
        "sessions": {"_id": {"$concat": ["session-", "$t"]}, "user_id": {"$concat": ["user-", "$t"]}},
    }  # fmt: skip
    with MongoClient[Any](url) as client:
        database = client.get_default_database()
        for name, change in changes.items():
            into = {"$merge": {"into": name, "whenMatched": "fail"}}
            database[name].aggregate([*numbers, {"$set": change}, *ends, into], allowDiskUse=True)


@contextlib.contextmanager
def filled(context: Context, store: str, count: int) -> Iterator[System]:
    """A Duet with that many users and sessions."""
    folder = context.scratch / f"scale-{secrets.token_hex(4)}"
    folder.mkdir()
    url = "" if store == "SQLite" else f"{context.mongodb_url}scale{count}"
    asyncio.run(_first(folder, url))
    if store == "SQLite":
        fill_sqlite(folder / "duet.db", count)
    else:
        fill_mongodb(url, count)
    with duet(context, database_url=url, DATA_DIR=str(folder), **ENVIRON) as system:
        yield system


class Visitor:
    """Somebody from the middle of the table, and their requests by kind."""

    def __init__(self, system: System, connection: Connection, number: int) -> None:
        self._url = system.url
        self._connection = connection
        self._email = email_of(number)
        self._tokens: dict[str, str] = {}
        self._session: dict[str, str] = {}
        self.asks = {"login": self.log_in, "refresh": self.refresh, "API request": self.ask, "page": self.look}

    async def _send(self, path: str, *, headers: dict[str, str] | None = None, **form: str) -> Answer:
        message = request(f"{self._url}{path}", headers=headers, form=form or None)
        answer = await self._connection.send(message)
        assert answer.status in (200, 303), answer
        return answer

    async def log_in(self) -> None:
        """Logs in on the API."""
        form = {"grant_type": "password", "username": self._email, "password": PASSWORD}
        self._tokens = json.loads((await self._send("/api/auth/token", **form)).body)

    async def refresh(self) -> None:
        """Refreshes with the latest token."""
        form = {"grant_type": "refresh_token", "refresh_token": self._tokens["refresh_token"]}
        self._tokens = json.loads((await self._send("/api/auth/token", **form)).body)

    async def ask(self) -> None:
        """Asks who one is, which reads the account."""
        await self._send("/api/users/me", headers={"Authorization": f"Bearer {self._tokens['access_token']}"})

    async def look(self) -> None:
        """Opens the list of one's sessions, with the session of the page."""
        if not self._session:
            login = await self._send("/login")
            before = login.headers["set-cookie"].partition(";")[0]
            csrf = (
                login.body.partition(b'name="csrf_token"')[2].partition(b'value="')[2].partition(b'"')[0].decode()
            )
            form = {"csrf_token": csrf, "email": self._email, "password": PASSWORD}
            answer = await self._send("/login", headers={"Cookie": before}, **form)
            self._session = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
        await self._send("/account", headers=self._session)


async def _measure(systems: list[System]) -> dict[str, list[list[float]]]:
    """How long each kind of request took on the small and the large store, in turn, in milliseconds."""
    taken: dict[str, list[list[float]]] = {}
    async with contextlib.AsyncExitStack() as stack:
        visitors = [
            Visitor(system, await stack.enter_async_context(Connection(system.url)), size // 2)
            for system, size in zip(systems, SIZES, strict=True)
        ]
        for name in visitors[0].asks:
            taken[name] = [[], []]
            for number in range(SAMPLES + 20):
                for visitor, into in zip(visitors, taken[name], strict=True):
                    started = time.perf_counter()
                    await visitor.asks[name]()
                    if number >= 20:
                        into.append((time.perf_counter() - started) * 1000)
    return taken


def measure_one(context: Context, store: str) -> list[Row]:
    """Measures on one store."""
    started = time.perf_counter()
    with filled(context, store, SIZES[0]) as few, filled(context, store, SIZES[1]) as many:
        filling = time.perf_counter() - started
        taken = asyncio.run(_measure([few, many]))
    rows = [Row("scale", f"{store}: filling both", f"{filling:.0f} s")]
    for name, both in taken.items():
        times = [(statistics.median(values), statistics.quantiles(values, n=100)[98]) for values in both]
        figure = ", ".join(
            f"{size:,}: {middle:.1f} / {late:.1f}" for size, (middle, late) in zip(SIZES, times, strict=True)
        )
        rows.append(Row("scale", f"{store}: {name}, median / p99 in ms", figure))
        rows.append(most("scale", f"{store}: {name}, p99 of many : few", times[1][1] / times[0][1], limit=1.5))
    return rows


def measure(context: Context) -> list[Row]:
    """Measures on both stores."""
    return [row for store in ("SQLite", "MongoDB") for row in measure_one(context, store)]
