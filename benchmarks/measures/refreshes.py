"""Refreshes per second in one process, without HTTP, compared with one conditional update of a session."""

from __future__ import annotations

import asyncio
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import uvloop

from app.auth.models import Client
from app.auth.service import build_auth
from app.foundation import auth_config, open_configured_store
from app.settings import make
from benchmarks.report import Context, Row, ratio, spread

AT_ONCE = 16
CLIENT = Client("api")
PASSWORD = "a password for benchmarks"

Work = Callable[[int], Awaitable[None]]


async def _rate(work: Work, seconds: float) -> float:
    started, count = time.perf_counter(), 0

    async def caller(number: int) -> None:
        nonlocal count
        while time.perf_counter() < started + seconds:
            await work(number)
            count += 1

    await asyncio.gather(*map(caller, range(AT_ONCE)))
    return count / (time.perf_counter() - started)


async def _measure(context: Context, database_url: str) -> tuple[list[float], list[float]]:
    folder = context.scratch / f"refreshes-{secrets.token_hex(4)}"
    folder.mkdir()
    where = {"database_url": database_url} if database_url else {}
    settings = make(data_dir=folder, secret_key=secrets.token_hex(32), testing=True, bcrypt_rounds=4, **where)
    store = open_configured_store(settings)
    auth = build_auth(auth_config(settings), secrets=settings.secrets(), store=store)
    await store.open()
    try:
        await auth.revocations.poll()
        await auth.signing.start()
        await auth.accounts.create("ada@example.com", PASSWORD, client=CLIENT)
        pairs = [await auth.sessions.log_in("ada@example.com", PASSWORD, CLIENT) for _ in range(2 * AT_ONCE)]
        tokens = [pair.refresh_token or "" for pair in pairs[:AT_ONCE]]
        ids = [pair.principal.session_id for pair in pairs[AT_ONCE:]]

        async def refresh(number: int) -> None:
            tokens[number] = (await auth.refreshing.refresh(tokens[number], CLIENT)).refresh_token or ""

        async def update(number: int) -> None:
            now = auth.clock.now()
            assert await store.touch_session(ids[number], now=now, idle_expires_at=now + timedelta(days=30))

        bare: list[float] = []
        whole: list[float] = []
        for number in range(context.rounds + 1):
            for rates, work in ((bare, update), (whole, refresh)):
                rate = await _rate(work, context.seconds if number else 1)
                if number:
                    rates.append(rate)
        return bare, whole
    finally:
        await store.close()
        auth.passwords.close()


def measure(context: Context) -> list[Row]:
    """Measures on both stores."""
    rows = []
    for name, url in (("SQLite", ""), ("MongoDB", f"{context.mongodb_url}refreshes")):
        bare, whole = uvloop.run(_measure(context, url))
        rows += [
            Row("refresh", f"{name}: the bare update", spread(bare, "/s")),
            Row("refresh", f"{name}: refreshes", spread(whole, "/s")),
            ratio(
                "refresh",
                f"{name}: refresh : update",
                statistics.median(whole) / statistics.median(bare),
                least=0.6,
            ),
        ]
    return rows
