"""The way from a thread to the event loop, and the marker of slow views."""

import asyncio
import concurrent.futures
import contextvars
import functools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask.views import MethodView

from app.bridge import Crossing, is_marked_slow, slow

who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


async def in_thread(work: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, contextvars.copy_context().run, work)


async def ask() -> tuple[str, int]:
    await asyncio.sleep(0)
    return who.get(), threading.get_ident()


async def test_a_thread_gets_what_the_coroutine_returns() -> None:
    """The coroutine runs on the event loop, and sees the caller's context variables."""
    crossing = Crossing()
    async with crossing.open():
        who.set("ada")
        assert await in_thread(lambda: crossing.wait(ask())) == ("ada", threading.get_ident())


async def test_exceptions_arrive_with_their_type() -> None:
    """A view can catch what the store raised."""

    async def fail() -> None:
        raise LookupError("nobody")

    crossing = Crossing()
    async with crossing.open():
        with pytest.raises(LookupError, match="nobody"):
            await in_thread(lambda: crossing.wait(fail()))


async def test_waiting_on_the_loop_itself_is_an_error_at_once() -> None:
    """Waiting on the loop would be waiting for itself: it is an error, and the coroutine is closed without a
    warning."""
    crossing = Crossing()
    async with crossing.open():
        with pytest.raises(RuntimeError, match="event loop"):
            crossing.wait(ask())


async def test_a_crossing_that_is_not_open_says_so() -> None:
    """A crossing says that it is not open, before the start and after the end."""
    crossing = Crossing()
    with pytest.raises(RuntimeError, match="not open"):
        await in_thread(lambda: crossing.wait(ask()))
    async with crossing.open():
        with pytest.raises(RuntimeError, match="already"):
            async with crossing.open():
                pass
    with pytest.raises(RuntimeError, match="not open"):
        await in_thread(lambda: crossing.wait(ask()))


async def test_it_can_be_opened_again() -> None:
    """A crossing can be opened again: an app may be started twice in one process, as tests do."""
    crossing = Crossing()
    for _ in range(2):
        async with crossing.open() as opened:
            assert opened is crossing
            await in_thread(lambda: crossing.wait(ask()))


async def test_closing_ends_what_waits() -> None:
    """A view that waits for a store that no longer answers does not keep the process alive."""
    crossing = Crossing()
    async with crossing.open():
        waiting = asyncio.ensure_future(in_thread(lambda: crossing.wait(asyncio.sleep(60))))
        await asyncio.sleep(0.1)
    with pytest.raises((concurrent.futures.CancelledError, asyncio.CancelledError)):
        await waiting


def test_slow_marks_all_methods_or_some() -> None:
    """The marker says for which methods a view is slow."""

    @slow
    def always() -> None: ...

    @slow(methods=("post",))
    def posting() -> None: ...

    def quick() -> None: ...

    assert is_marked_slow(always, "GET")
    assert is_marked_slow(posting, "POST")
    assert not is_marked_slow(posting, "GET")
    assert not is_marked_slow(quick, "GET")


def test_slow_survives_a_decorator_that_wraps() -> None:
    """A team's own decorator does not lose the marker."""

    @slow
    def view() -> None: ...

    @functools.wraps(view)
    def wrapper() -> None: ...

    assert is_marked_slow(wrapper, "GET")


def test_slow_is_found_on_a_method_view() -> None:
    """The marker is found on a method, or on the class for all its methods."""

    class Form(MethodView):
        def get(self) -> str:
            return ""

        @slow
        def post(self) -> str:
            return ""

    assert is_marked_slow(Form.as_view("form"), "POST")
    assert not is_marked_slow(Form.as_view("form"), "GET")
    assert is_marked_slow(slow(Form).as_view("form"), "GET")


def test_one_name_instead_of_a_collection_is_an_error() -> None:
    """`methods="POST"` would mean the methods P, O, S and T."""
    with pytest.raises(TypeError):
        slow(methods="POST")
