"""The ASGI app that runs a WSGI app in bounded thread pools."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

import structlog
from starlette.types import Receive, Scope, Send

from app.bridge.a2wsgi_names import NAMES
from app.bridge.environ import make_environ, read_body
from app.bridge.exchange import Exchange, Whole, WSGIApp
from app.bridge.pool import LATE, ClientGone, Pool, PoolFull
from app.edge import Refuse

#: How long a view may go on after the server has stopped, in seconds.
CLOSING_SECONDS = 1

#: How many of the site's own views run while others keep all the threads.
RESERVED = 4
#: How often the log tells of the same view that keeps its thread, in seconds.
TELL_EVERY = 600

_log = structlog.stdlib.get_logger("duet.bridge")

BUSY = "Too many people are asking for pages at this moment. Please try again."


def _is_not(_: Scope) -> bool:
    return False


def _has_no_name(_: Scope) -> str:
    return "unknown"


class PagesApp:
    """Runs a WSGI app, such as Flask's, as an ASGI app.

    A request's body is read on the event loop before a thread is taken, and a finished answer is sent
    from the loop in one go. Slow views have threads of their own, so that the quick ones never wait for
    them. The site's own views have a few more, for when others keep all of those: however many of a team's
    views wait for something, everybody can log in. An exception of the WSGI app propagates.

    Args:
        wsgi_app: the WSGI app.
        threads: how many quick requests run at once.
        slow_threads: how many slow ones.
        is_slow: tells whether the view of a request with this scope is marked `@slow`.
        is_own: tells whether it is one of the site's own.
        name_of: returns the name by which its author knows it.
        refuse: makes the 503 answer of a full pool.
        max_queued: how many quick requests may wait for a thread; any further one gets a 503 at once.
        max_slow_queued: how many slow ones.

    Raises:
        PackageUnfit: a2wsgi lacks a name that this needs.
    """

    def __init__(
        self,
        wsgi_app: WSGIApp,
        *,
        threads: int,
        slow_threads: int,
        is_slow: Callable[[Scope], bool],
        refuse: Refuse,
        max_queued: int,
        max_slow_queued: int,
        is_own: Callable[[Scope], bool] = _is_not,
        name_of: Callable[[Scope], str] = _has_no_name,
    ) -> None:
        NAMES.check()
        self._wsgi_app = wsgi_app
        self._quick = Pool("pages", threads=threads, max_queued=max_queued)
        self._slow = Pool("slow-pages", threads=slow_threads, max_queued=max_slow_queued)
        #: Used while the pool is full, by the site's own views alone.
        self._reserves = {
            self._quick: Pool("own-pages", threads=RESERVED, max_queued=max_queued),
            self._slow: Pool("own-slow-pages", threads=slow_threads, max_queued=max_slow_queued),
        }
        self._is_slow = is_slow
        self._is_own = is_own
        self._name_of = name_of
        #: When each view was last told to keep a thread.
        self._told: dict[str, float] = {}
        self._refuse = refuse

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the counts of both pools, by their names."""
        return {pool.name: pool.counts() for pool in (*self._reserves, *self._reserves.values())}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()  # websocket.connect
            await send({"type": "websocket.close", "code": 1000})
        else:
            raise RuntimeError("the root app owns the lifespan; close the pages there by aclose()")

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = await read_body(receive)
        if received is None:
            return
        environ = make_environ(scope, *received)
        exchange = Exchange(self._wsgi_app, environ, asyncio.get_running_loop(), receive, send)
        try:
            whole = await self._run(scope, exchange)
        except ClientGone:
            received[0].close()
            return
        except PoolFull:
            received[0].close()
            await self._send_busy(scope, send)
            return
        finally:
            exchange.give_up()
        if whole is not None:
            await send(whole.start)
            await send({"type": "http.response.body", "body": whole.body})

    async def _run(self, scope: Scope, exchange: Exchange) -> Whole | None:
        is_slow = self._is_slow(scope)
        pool = self._slow if is_slow else self._quick
        # The view is only looked up while the pool is full.
        if pool.is_full and self._is_own(scope):
            pool = self._reserves[pool]
        return await pool.run(exchange.run, exchange.gone, *(() if is_slow else [partial(self._tell, scope)]))

    def _tell(self, scope: Scope) -> None:
        """Tells that a quick view keeps its thread, once in a while for each view."""
        name, now = self._name_of(scope), time.monotonic()
        if now - self._told.get(name, -TELL_EVERY) >= TELL_EVERY:
            self._told[name] = now
            _log.warning("view_keeps_a_thread", view=name, seconds=LATE, remedy="mark it @slow")

    async def _send_busy(self, scope: Scope, send: Send) -> None:
        headers, content = self._refuse(scope, 503, BUSY)
        headers = [
            (name, value) for name, value in headers if name.lower() not in (b"content-length", b"retry-after")
        ]
        headers += [
            (b"content-length", b"%d" % len(content)),
            (b"retry-after", b"2"),
        ]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

    async def aclose(self, seconds: float = CLOSING_SECONDS) -> None:
        """End the threads, and wait for the views under way. Nothing is served after this.

        Args:
            seconds: how long to wait at most. Requests that the server gave up have had their time already.
        """
        pools = (*self._reserves, *self._reserves.values())
        await asyncio.gather(*(pool.aclose(seconds) for pool in pools))
