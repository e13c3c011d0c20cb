"""Verifies access tokens while a hundred thousand sessions are revoked, and measures the memory of these."""

from __future__ import annotations

import asyncio
import gc
import secrets
import statistics
import time
import tracemalloc
from collections.abc import Callable

from app.auth.models import Client
from app.auth.service import build_auth
from app.foundation import auth_config, open_configured_store
from app.settings import make
from benchmarks.report import Context, Row, most, spread

REVOKED = 100_000
CALLS = 20_000
PASSWORD = "a password for benchmarks"


def _microseconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - started) / CALLS * 1e6


async def _measure(context: Context) -> list[Row]:
    folder = context.scratch / f"verifying-{secrets.token_hex(4)}"
    folder.mkdir()
    settings = make(data_dir=folder, testing=True, bcrypt_rounds=4)
    store = open_configured_store(settings)
    auths = [build_auth(auth_config(settings), secrets=settings.secrets(), store=store) for _ in range(2)]
    await store.open()
    try:
        for auth in auths:
            await auth.revocations.poll()
            await auth.signing.start()
        few, many = auths
        client = Client("api")
        await few.accounts.create("ada@example.com", PASSWORD, client=client)
        token = (await few.sessions.log_in("ada@example.com", PASSWORD, client)).access_token
        gc.collect()
        tracemalloc.start()
        ids = (secrets.token_urlsafe(16) for _ in range(REVOKED))
        many.revocations.add_sessions(ids, at=many.clock.now(), reason="logged_out")
        size = tracemalloc.get_traced_memory()[0] / 2**20
        tracemalloc.stop()
        without: list[float] = []
        with_many: list[float] = []
        for _ in range(7):
            without.append(_microseconds(lambda: few.sessions.authenticate(token)))
            with_many.append(_microseconds(lambda: many.sessions.authenticate(token)))
    finally:
        await store.close()
        for auth in auths:
            auth.passwords.close()
    times = statistics.median(with_many) / statistics.median(without)
    return [
        Row("verify", "a token, none revoked", spread(without, " µs", 2)),
        Row("verify", f"a token, {REVOKED:,} sessions revoked", spread(with_many, " µs", 2)),
        most("verify", f"{REVOKED:,} revoked : none", times, limit=1.1),
        most("verify", f"memory of {REVOKED:,} revoked sessions", size, limit=20, unit=" MB", digits=1),
    ]


def measure(context: Context) -> list[Row]:
    """Measures in one process, on SQLite: no store is asked."""
    return asyncio.run(_measure(context))
