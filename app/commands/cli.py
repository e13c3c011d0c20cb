"""The `duet` command: serves, checks, backs up, and manages users and keys."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from app.auth.policy import PolicyError
from app.commands.backup import backup, restore
from app.commands.flask import flask
from app.commands.keys import keys
from app.commands.terminal import load_settings, settings_of, stop, stop_in_log
from app.commands.users import user
from app.observing import log
from app.packages import PackageUnfit
from app.settings import EnvFileError, SettingsError


class _Commands(click.Group):
    """Reports in one line, for every command, that a package does not fit."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PackageUnfit as error:
            stop(str(error))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="duet", prog_name="duet")
def main() -> None:
    """One container, one process, one login for FastAPI and Flask."""
    # So that EXTENSIONS finds what is in this folder, as with `python -m app`. At the end, it hides no module that
    # is installed.
    sys.path.append(os.getcwd())


for command in (user, keys, backup, restore, flask):
    main.add_command(command)


@main.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on: an IP address, a name, '0.0.0.0' for all of IPv4, or '::' for all of both.",
)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="The port.")
def serve(host: str, port: int) -> None:
    """Serves the pages and the API."""
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host  # as in the address of a site
    if os.environ.get("LOG_FORMAT") == "json":  # known before the settings, which may be refused
        log.configure(style="json", level="info")
    settings = settings_of(host=host, port=port, refuse=stop_in_log if log.is_json() else stop)
    refuse = stop_in_log if log.is_json() else stop
    # Imported here: the web frameworks take twice as long to load as everything that the other commands need.
    from app.serving.listening import PortTaken
    from app.serving.server import run

    try:
        run(settings, host=host, port=port)
    except (SettingsError, PolicyError, PackageUnfit) as error:
        refuse(str(error))
    except PortTaken as error:
        refuse(str(error), code=1)


@main.command()
def check() -> None:
    """Checks settings, secrets, database and mail, and tells what is wrong."""
    from app.commands.check import run_checks  # imported here, because it loads the whole app

    try:
        findings = run_checks(load_settings)
    except EnvFileError as error:
        stop(str(error))
    for finding in findings:
        click.echo(f"{finding.level:<4}  {finding.subject}: {finding.text}")
    sys.exit(max(finding.exit_code for finding in findings))
