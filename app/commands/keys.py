"""`duet keys`: manages the keys that sign access tokens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import click

from app.auth.keys import MIN_LEAD, USUAL_LEAD, KeyEntry, KeyState
from app.auth.service import Auth
from app.commands.terminal import TERMINAL, with_auth

_HEAD: Final = ("kid", "algorithm", "state", "signs from (UTC)", "verifies until (UTC)")


@click.group()
def keys() -> None:
    """Manages the keys that sign access tokens."""


@keys.command("list")
def list_keys() -> None:
    """Lists the keys and what each is good for."""
    found = with_auth(lambda auth: auth.signing.list())
    for line in _table(found):
        click.echo(line)
    if not found:
        click.echo("there are no keys yet: the first start of the site makes one", err=True)
    if any(entry.state is KeyState.LOST for entry in found):
        click.echo("duet: a key is lost if SECRET_KEY is not the one that it was made under", err=True)


@keys.command("rotate")
@click.option(
    "--lead",
    default=int(USUAL_LEAD.total_seconds()),
    show_default=True,
    type=click.IntRange(int(MIN_LEAD.total_seconds()), 86_400),
    help="How many seconds the new key is published before it signs.",
)
def rotate(lead: int) -> None:
    """Makes and publishes a new key, which soon signs while the old one only verifies.

    Nobody is logged out. A service that keeps the key set for longer than --lead refuses the new key's tokens
    until it reads the set again.
    """
    entry = with_auth(lambda auth: auth.signing.rotate(TERMINAL, lead=timedelta(seconds=lead)))
    click.echo(f"{entry.kid} signs from {_instant(entry.signs_from)} UTC")


# A key's id may begin with a hyphen, and then with anything.
@keys.command("retire", context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("kid")
def retire(kid: str) -> None:
    """Ends a key that others may have, so that nothing that it signed counts any more.

    People in a browser notice nothing, and API clients refresh. If the key signs, another follows in 5 seconds.
    """

    async def end(auth: Auth) -> tuple[KeyEntry, KeyEntry | None]:
        return await auth.signing.retire(kid, TERMINAL)

    entry, successor = with_auth(end)
    click.echo(f"{entry.kid} is retired as of {_instant(entry.verifies_until)} UTC")
    if successor is not None:
        click.echo(f"{successor.kid} signs from {_instant(successor.signs_from)} UTC")


def _table(entries: Iterable[KeyEntry]) -> list[str]:
    rows = [
        (
            entry.kid,
            entry.algorithm,
            entry.state.value,
            _instant(entry.signs_from),
            _instant(entry.verifies_until),
        )
        for entry in entries
    ]
    if not rows:
        return []
    widths = [max(len(row[column]) for row in (_HEAD, *rows)) for column in range(len(_HEAD))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (_HEAD, *rows)
    ]


def _instant(instant: datetime | None) -> str:
    return "-" if instant is None else f"{instant:%Y-%m-%d %H:%M:%S}"
