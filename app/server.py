"""Runs Duet in one uvicorn process."""

from __future__ import annotations

import sys
from typing import Final

import click
import uvicorn

from app.main import create_app
from app.protocol import DuetProtocol
from app.settings import Settings

#: How long requests in flight may take after a SIGTERM, in seconds: less than the ten that container engines wait.
GRACEFUL_SECONDS: Final = 8


def run(settings: Settings, *, host: str, port: int) -> None:
    """Serves until it is told to stop. Raises what `create_app` raises; exits with 1 if the port is taken."""
    app = create_app(settings)
    _greet(settings, host, port)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=DuetProtocol,
            loop="uvloop" if sys.platform != "win32" else "asyncio",
            lifespan="on",
            proxy_headers=False,  # the edge judges them, by TRUSTED_PROXIES
            server_header=False,
            access_log=False,  # the edge writes one, without secrets
            log_config=None,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        )
    )
    server.run()
    if not server.started:
        sys.exit(1)


def _greet(settings: Settings, host: str, port: int) -> None:
    kept = settings.data_dir.resolve() if settings.is_sqlite else settings.database.split("@")[-1].split("?")[0]
    url = settings.public_url
    click.echo(f"Duet      {url}", err=True)
    click.echo(f"API docs  {url}/api/docs", err=True)
    click.echo(f"Data      {kept}", err=True)
    click.echo(f"Listening on {host}, port {port}. Stop with Ctrl+C.", err=True)
