"""`duet flask`: Flask's commands within Duet's app, such as migrations, or those of a team's blueprints."""

from __future__ import annotations

import click

from app.auth.policy import PolicyError
from app.commands.terminal import settings_of, stop
from app.settings import SettingsError


@click.command("flask", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def flask(arguments: tuple[str, ...]) -> None:
    """Runs a command of Flask's, of its extensions or of a blueprint."""
    settings = settings_of()
    # Imported here, as the other commands need no web framework.
    from flask.cli import FlaskGroup, routes_command, shell_command

    from app.main import create_app

    try:
        pages = create_app(settings).state.pages
    except (SettingsError, PolicyError) as error:
        stop(str(error))
    # Without Flask's own server, which would serve the pages past the gate.
    group = FlaskGroup(
        create_app=lambda: pages,
        add_default_commands=False,
        add_version_option=False,
        load_dotenv=False,
        set_debug_flag=False,
    )
    group.add_command(routes_command)
    group.add_command(shell_command)
    group.main(list(arguments), prog_name="duet flask")
