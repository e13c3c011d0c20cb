"""Runs Duet in one uvicorn process."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, Final

import click
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


class PortTaken(Exception):
    """Duet can't listen on the host and port that it was given. The message is one line."""


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
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    # The sockets are bound before anything is opened: if the port is taken, this is said at once and nothing else
    # happens.
    sockets = _bind(host, port)
    # uvicorn's message about a refused start would be a second line.
    logging.getLogger("uvicorn.error").addFilter(lambda _: app.refusal is None)
    try:
        greet = partial(_greet, settings, host, port)
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
            self._invitation = asyncio.create_task(_invite_first_admin(self._duet.state.auth.registration))

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
    click.echo("duet: something did not end in time and was cut off", err=True)
    os._exit(1)


def _bind(host: str, port: int) -> list[socket.socket]:
    """Binds a socket for each IP address of `host`, of which 'localhost' has two. One of them is enough."""
    sockets = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            try:
                sockets.append(_bind_one(socket.socket(family, kind, protocol), address))
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
        if not sockets:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    except OSError as error:
        for one in sockets:
            one.close()
        hint = "; choose another with --port" if error.errno == errno.EADDRINUSE else ""
        raise PortTaken(f"can't listen on {host}, port {port}: {error.strerror}{hint}") from error
    return sockets


def _bind_one(one: socket.socket, address: Any) -> socket.socket:
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if one.family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
    except OSError:
        one.close()
        raise
    return one


def _greet(settings: Settings, host: str, port: int) -> None:
    kept = settings.data_dir.resolve() if settings.is_sqlite else settings.database.split("@")[-1].split("?")[0]
    url = settings.public_url
    click.echo(f"Duet      {url}", err=True)
    click.echo(f"API docs  {url}{API}/docs", err=True)
    click.echo(f"Data      {kept}", err=True)
    click.echo(f"Listening on {host}, port {port}. Stop with Ctrl+C.", err=True)
