"""Runs Duet in one uvicorn process."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final

import click
import structlog
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.auth.accounts import Registration
from app.auth.clock import lasting
from app.auth.errors import StoreUnavailable
from app.auth.models import LIFETIMES, LinkPurpose
from app.auth.policy import PolicyError
from app.main import create_app
from app.paths import API
from app.serving.listening import bind
from app.serving.protocol import DuetProtocol
from app.serving.uvicorn_names import NAMES, forget_signals
from app.settings import Settings, SettingsError

#: How long a proxy has to see at /healthz that this process ends, in seconds after a SIGTERM. It serves meanwhile.
LEAVING_SECONDS: Final = 3.0
#: How long requests in flight may take then, in seconds. Both together are less than the ten seconds that
#: container engines wait.
GRACEFUL_SECONDS: Final = 5
#: How long to go on if nobody is connected, in seconds: the system may have accepted connections already.
LAST_ACCEPTS: Final = 0.1
#: When the process ends although something still runs, such as a view in its thread, in seconds after the signal.
LAST_SECONDS: Final = 9.5


_log = structlog.get_logger(__name__)


def run(settings: Settings, *, host: str, port: int) -> None:
    """Serves until it is told to stop.

    Raises:
        SettingsError, PolicyError: `create_app` raised it, or the start of the app or of an extension did.
        PortTaken: Duet can't listen there.
        PackageUnfit: a package lacks a name that Duet needs.
        SystemExit: the start failed for another reason, which the log tells.
    """
    NAMES.check()
    duet = create_app(settings)
    app = _Startup(duet)
    protocol: type[DuetProtocol] = type("Protocol", (DuetProtocol,), {"https": settings.is_https})
    config = uvicorn.Config(
        app,
        http=protocol,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        lifespan="on",
        proxy_headers=False,  # the edge handles them, by TRUSTED_PROXIES
        server_header=False,
        access_log=False,  # the edge writes one, without secrets
        log_config=None,
        timeout_keep_alive=settings.keep_alive_seconds,  # type: ignore[arg-type] # a timer, which takes a fraction
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    # The sockets are bound before anything is opened: if the port is taken, this is said at once and nothing else
    # happens.
    sockets = bind(host, port)
    logging.getLogger("uvicorn.error").addFilter(partial(_is_news, app))
    try:
        greet = partial(_greet_in_log if settings.log_format == "json" else _greet, settings, host, port)
        _Server(config, protocol, duet, greet=greet).run(sockets)
    finally:
        if app.refusal is not None:
            raise app.refusal


class _Startup:
    """Keeps the error that refused the start, so that it is shown as one line and not as a logged traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.refusal: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failure: Message | None = None

        async def hold(message: Message) -> None:
            nonlocal failure
            if message["type"] == "lifespan.startup.failed":
                failure = message  # its text is the traceback; the exception is not known yet
            else:
                await send(message)

        try:
            await self._app(scope, receive, hold)
        except Exception as error:
            self.refusal = _refusal_in(error)
            raise
        finally:
            if failure is not None:
                await send(failure)


def _is_news(app: _Startup, record: logging.LogRecord) -> bool:
    """Returns whether a line of uvicorn's says anything that another line does not.

    It would report a refused start a second time, and a traceback for each request that it gives up at the end,
    after a line that counts them.
    """
    error = record.exc_info[1] if record.exc_info else None
    return app.refusal is None and not isinstance(error, asyncio.CancelledError)


def _refusal_in(error: BaseException) -> Exception | None:
    """Returns the refusal among the errors that ended the lifespan. A task group may have wrapped it."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_refusal_in, error.exceptions)), None)
    return error if isinstance(error, SettingsError | PolicyError) else None


class _Server(uvicorn.Server):
    """Greets once it answers requests, and ends in time when it is told to."""

    def __init__(
        self,
        config: uvicorn.Config,
        protocol: type[DuetProtocol],
        duet: FastAPI,
        *,
        greet: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._protocol = protocol
        self._duet = duet
        self._is_interrupted = False
        self._greet = greet
        self._invitation: asyncio.Task[None] | None = None
        self._last_resort = threading.Timer(LAST_SECONDS, _cut_off)
        self._last_resort.daemon = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._greet()
            self._warn_of_websockets()
            # What is there now stays to the end. The collector need not go through it for each request that makes
            # many objects: reading a megabyte of JSON took 200 ms instead of 30.
            gc.collect()
            gc.freeze()
            self._invitation = asyncio.create_task(_invite_first_admin(self._duet.state.auth.registration))

    def _warn_of_websockets(self) -> None:
        """Names the WebSocket routes that nobody can reach, because no package for them is installed."""
        routes = [rule.path for rule in self._duet.state.rules if "WEBSOCKET" in rule.methods]
        if routes and self.config.ws_protocol_class is None:
            _log.warning("websockets_not_served", routes=routes, why="uvicorn needs the package websockets")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handles a signal, and ensures that the process ends: a thread can't be stopped from outside."""
        if not self.should_exit:
            self._last_resort.start()
        self._is_interrupted = sig == signal.SIGINT
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops serving.

        A process that stopped as it was told to exits with 0, and not by the signal as uvicorn would: process 1 of
        a container can't do that, and terminals would say 'Aborted'.
        """
        if self._invitation is not None:
            self._invitation.cancel()
        await self._leave()
        await super().shutdown(sockets)
        forget_signals(self)

    async def _leave(self) -> None:
        """Goes on serving until a proxy has had the time to notice that this process ends."""
        self._duet.state.is_ending = self._protocol.is_ending = True
        is_used = bool(self.server_state.connections) and not self._is_interrupted
        await asyncio.sleep(LEAVING_SECONDS if is_used else LAST_ACCEPTS)


async def _invite_first_admin(registration: Registration) -> None:
    """Prints the setup link if there is no account yet, as soon as the database can tell."""
    while True:
        try:
            url = await registration.setup_url()
            break
        except StoreUnavailable:
            await asyncio.sleep(1)
    if url is not None:
        # To the terminal and not to the log: anyone who has the link can become the first admin.
        life = lasting(LIFETIMES[LinkPurpose.SETUP])
        click.echo(f"Set up    {url}  makes the first admin, once, within {life}")


def _cut_off() -> None:
    _log.error("cut_off", detail="something did not end in time")
    os._exit(1)


def _greet(settings: Settings, host: str, port: int) -> None:
    url = settings.public_url
    click.echo(f"Duet      {url}", err=True)
    click.echo(f"API docs  {url}{API}/docs", err=True)
    click.echo(f"Data      {_where_data_is(settings)}", err=True)
    click.echo(f"Listening on {host}, port {port}. Stop with Ctrl+C.", err=True)


def _greet_in_log(settings: Settings, host: str, port: int) -> None:
    """Greets a machine: what reads JSON from standard error could not read a greeting."""
    _log.info("serving", url=settings.public_url, data=str(_where_data_is(settings)), host=host, port=port)


def _where_data_is(settings: Settings) -> Path | str:
    return settings.data_dir.resolve() if settings.is_sqlite else settings.database.split("@")[-1].split("?")[0]
