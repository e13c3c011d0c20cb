"""Signals reach the team's handlers, and nothing that the handlers do reaches anybody else."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.auth.extending import Signal, SignalKind, Signals
from app.auth.policy import PolicyError
from tests.auth.house import API, FakeClock

HEARD = Signal(SignalKind.LOGGED_IN, "user-1", FakeClock().now(), API, session_id="session-1")


class Ear:
    """A handler that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Signal] = []

    async def hear(self, signal: Signal) -> None:
        """Keep the signal."""
        self.heard.append(signal)

    async def __call__(self, signal: Signal) -> None:
        """Keep the signal as well."""
        self.heard.append(signal)


async def test_a_handler_hears_what_it_waits_for() -> None:
    """A handler hears the signals of its kind, given by name or by constant, and no others."""
    signals, one, other = Signals(), Ear(), Ear()
    signals.connect("logged_in", one.hear, owner="team")
    signals.connect(SignalKind.DELETED, other.hear, owner="team")
    await signals.send(HEARD)
    assert (one.heard, other.heard) == ([HEARD], [])


async def test_handlers_run_one_after_another() -> None:
    """Handlers run in the order in which they were connected, each after the previous one has ended."""
    signals, order = Signals(), []

    async def slow(signal: Signal) -> None:
        await asyncio.sleep(0.01)
        order.append("slow")

    async def quick(signal: Signal) -> None:
        order.append("quick")

    for handler in (slow, quick):
        signals.connect(SignalKind.LOGGED_IN, handler, owner="team")
    await signals.send(HEARD)
    assert order == ["slow", "quick"]


async def _fail(signal: Signal) -> None:
    raise ValueError("secret of ada@example.com")


async def _hang(signal: Signal) -> None:
    await asyncio.Event().wait()


async def _cling(signal: Signal) -> None:
    """Ignore the cancellation."""
    for _ in range(3):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.05)


async def _cancel_itself(signal: Signal) -> None:
    raise asyncio.CancelledError


def _raise_at_once(signal: Signal) -> Any:
    raise KeyError("secret of ada@example.com")


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (_fail, "ValueError"),
        (_hang, "TimeoutError"),
        (_cling, "TimeoutError"),
        (_cancel_itself, "RuntimeError"),
        (functools.wraps(_fail)(_raise_at_once), "KeyError"),
    ],
)
async def test_a_handler_that_fails_breaks_nothing(handler: Any, error: str) -> None:
    """A handler that raises, hangs, ignores or cancels itself is logged with owner and kind and no personal data,
    and the next handler runs."""
    signals, next_one = Signals(seconds=0.02), Ear()
    signals.connect(SignalKind.LOGGED_IN, handler, owner="broken team")
    signals.connect(SignalKind.LOGGED_IN, next_one.hear, owner="team")
    with capture_logs() as lines:
        await signals.send(HEARD)
    assert next_one.heard == [HEARD]
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("signal_handler_failed", "error")
    assert (line["owner"], line["kind"], line["error"]) == ("broken team", "logged_in", error)
    assert not any(word in str(line) for word in ("ada@", "user-1", "session-1", "192.0.2"))


async def test_a_slow_handler_is_cancelled() -> None:
    """A handler does not run on after its time is over."""
    signals, ends = Signals(seconds=0.01), []

    async def slow(signal: Signal) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ends.append("cancelled")

    signals.connect(SignalKind.LOGGED_IN, slow, owner="team")
    with capture_logs():
        await signals.send(HEARD)
        await asyncio.sleep(0)
    assert ends == ["cancelled"]


async def test_a_callers_cancellation_passes() -> None:
    """Cancelling a request cancels its handler, and the log does not hold it up."""
    signals, ends = Signals(), []

    async def slow(signal: Signal) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ends.append("cancelled")

    signals.connect(SignalKind.LOGGED_IN, slow, owner="team")
    sending = asyncio.create_task(signals.send(HEARD))
    await asyncio.sleep(0.01)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await asyncio.sleep(0)
    assert ends == ["cancelled"]


def plain(signal: Signal) -> None:
    """A handler that is not async."""


@pytest.mark.parametrize("handler", [plain, lambda signal: None, functools.partial(plain), print, object()])
def test_a_handler_that_is_not_async_stops_the_start(handler: Any) -> None:
    """Such a handler would run on the event loop, and everybody would wait for it."""
    with pytest.raises(PolicyError, match="extension team: its handler of the signal 'deleted' must be async"):
        Signals().connect(SignalKind.DELETED, handler, owner="team")


@pytest.mark.parametrize("kind", ["Deleted", "DELETED", "", "logged in", 1, None])
def test_a_signal_that_there_is_not_stops_the_start(kind: Any) -> None:
    """A handler for a misspelled name would wait for ever."""
    with pytest.raises(
        PolicyError, match=r"extension team: there is no signal .*; there are registered, logged_in"
    ):
        Signals().connect(kind, Ear().hear, owner="team")


async def test_anything_async_is_a_handler() -> None:
    """Methods, partials, objects with an async `__call__`, and functions that `functools.wraps` marks as async
    will do."""
    ear = Ear()

    async def with_more(more: int, signal: Signal) -> None:
        ear.heard.append(signal)

    @functools.wraps(ear.hear)
    def wrapped(signal: Signal) -> Any:
        return ear.hear(signal)

    signals = Signals()
    for handler in (ear.hear, ear, functools.partial(with_more, 1), wrapped):
        signals.connect(SignalKind.LOGGED_IN, handler, owner="team")
    await signals.send(HEARD)
    assert ear.heard == [HEARD] * 4
