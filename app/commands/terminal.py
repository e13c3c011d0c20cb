"""What every `duet` command is built on: settings, auth over the store, and refusals in one line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, NoReturn, TypeVar

import click
import structlog

from app.auth.errors import AuthError, NotFound
from app.auth.models import Client
from app.auth.policy import PolicyError
from app.auth.service import Auth
from app.foundation import open_auth
from app.observing import log
from app.settings import Settings, SettingsError, check_web_url, unknown_names
from app.settings import settings as config

T = TypeVar("T")

#: How the audit log names the person at the terminal.
TERMINAL: Final = Client("cli")


def with_auth(act: Callable[[Auth], Awaitable[T]], *, missing: str = "there is no such account") -> T:
    """Runs `act` over the store that the settings name. A refusal becomes one line and exit code 1.

    A malformed setting or a bad extension ends the command with exit code 2.
    """
    settings = settings_of()
    # What is done here is in the audit log anyway; at a terminal, its log line is noise.
    log.configure(style=settings.log_format, level="warning")

    async def run() -> T:
        async with open_auth(settings) as auth:
            return await act(auth)

    try:
        return asyncio.run(run())
    except (SettingsError, PolicyError) as error:
        stop(str(error))
    except NotFound:
        stop(missing, code=1)
    except AuthError as error:
        stop(error.message, code=1)


def load_settings(**given: Any) -> Settings:
    """Reads the settings, and sets up the log accordingly. Raises `SettingsError`."""
    settings = config.load(**given)
    log.configure(style=settings.log_format, level=settings.log_level)
    return settings


def settings_of(
    host: str = "127.0.0.1", port: int = 8000, *, refuse: Callable[[str], NoReturn] | None = None
) -> Settings:
    """Reads the settings, or ends the command. If `PUBLIC_URL` is not set, it is the address that is served.

    Names that look like a setting and are none get a line in the log.

    Args:
        host, port: the address that is served, if anything is.
        refuse: ends the command; `stop` if None.
    """
    refuse = refuse or stop
    try:
        settings = load_settings()
        for line in unknown_names():
            structlog.get_logger(__name__).warning("setting_unknown", detail=line)
    except SettingsError as error:
        refuse(str(error))
    if "public_url" in settings.model_fields_set:
        return settings
    name = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
    try:
        return settings.model_copy(update={"public_url": check_web_url(f"http://{name}:{port}")})
    except ValueError:
        refuse(f"--host: {host!r} is neither a host name nor an IP address")


def stop(message: str, *, code: int = 2) -> NoReturn:
    """Ends the command with one line on standard error."""
    click.echo(f"duet: {message}", err=True)
    sys.exit(code)


def stop_in_log(message: str, *, code: int = 2) -> NoReturn:
    """Ends the command with one line in the log, for a machine that reads JSON from standard error."""
    structlog.get_logger("duet").error("not_started", detail=message)
    sys.exit(code)
