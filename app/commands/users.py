"""`duet user`: manages accounts."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any, BinaryIO, TypeVar

import click

from app.auth.accounts import BadLine, Tally, records
from app.auth.models import ADMIN, User
from app.auth.service import Auth
from app.commands.terminal import TERMINAL, with_auth

T = TypeVar("T")


@click.group()
def user() -> None:
    """Manages accounts."""


def _password_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking for it."
    )(command)


@user.command("create")
@click.argument("email")
@click.option("--admin", is_flag=True, help="Give the role 'admin'.")
@click.option("--name", default="", help="The display name.")
@_password_option
def create_user(email: str, admin: bool, name: str, password_stdin: bool) -> None:
    """Creates an account."""
    password = _ask_password(password_stdin)
    roles = (ADMIN,) if admin else ()

    async def create(auth: Auth) -> User:
        # The operator vouches for the email address: otherwise, where email addresses must be confirmed, nobody
        # could log in.
        return await auth.accounts.create(
            email, password, name=name, roles=roles, client=TERMINAL, is_email_verified=True
        )

    made = with_auth(create)
    click.echo(f"created {made.email} ({made.id})")


@user.command("list")
def list_users() -> None:
    """Lists the accounts: email address, id, roles and state."""

    async def every(auth: Auth) -> None:
        cursor: str | None = ""
        while cursor is not None:
            page = await auth.administration.search(cursor=cursor, limit=200)
            cursor = page.cursor
            for one in page.items:
                state = "active" if one.is_active else "disabled"
                click.echo(f"{one.email}\t{one.id}\t{','.join(one.roles) or '-'}\t{state}")

    with_auth(every)


@user.command("disable")
@click.argument("email")
def disable_user(email: str) -> None:
    """Disables an account and ends its sessions."""
    _with_user(email, lambda auth, user_id: auth.administration.set_active(user_id, False, TERMINAL))
    click.echo(f"disabled {email}")


@user.command("enable")
@click.argument("email")
def enable_user(email: str) -> None:
    """Enables an account again."""
    _with_user(email, lambda auth, user_id: auth.administration.set_active(user_id, True, TERMINAL))
    click.echo(f"enabled {email}")


@user.command("set-roles")
@click.argument("email")
@click.argument("roles", nargs=-1)
def set_roles(email: str, roles: tuple[str, ...]) -> None:
    """Replaces an account's roles by ROLES; without any, it has none.

    Access tokens from before stop counting. The last active admin stays one.
    """

    async def set_them(auth: Auth, user_id: str) -> User:
        return await auth.administration.set_roles(user_id, roles, TERMINAL)

    changed = _with_user(email, set_them)
    click.echo(f"roles of {changed.email}: {', '.join(changed.roles) or 'none'}")


@user.command("set-password")
@click.argument("email")
@_password_option
def set_password(email: str, password_stdin: bool) -> None:
    """Replaces an account's password and ends its sessions."""
    password = _ask_password(password_stdin)
    _with_user(email, lambda auth, user_id: auth.credentials.set_password(user_id, password, TERMINAL))
    click.echo(f"new password for {email}")


@user.command("delete")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete_user(email: str, yes: bool) -> None:
    """Deletes an account for good."""
    if not yes:
        click.confirm(f"Delete {email} and everything that belongs to it?", abort=True)
    _with_user(email, lambda auth, user_id: auth.administration.delete(user_id, TERMINAL))
    click.echo(f"deleted {email}")


@user.command("import")
@click.argument("file", type=click.File("rb", lazy=False))
@click.option(
    "--format", "file_format", type=click.Choice(["csv", "jsonl"]), help="The format of FILE, if it is not clear."
)
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
def import_users(file: BinaryIO, file_format: str | None, dry_run: bool) -> None:
    """Imports users and their bcrypt hashes from a file.

    FILE is '-' for standard input. A CSV file begins with the names of its columns: email, password_hash and, if
    you like, id, name, roles, is_active, is_email_verified, created_at. docs/import.md has the rest.

    Unacceptable lines are reported and left out. Accounts that already exist stay as they are.
    """

    def tell(bad: BadLine) -> None:
        click.echo(f"line {bad.number}: {bad.reason}", err=True)

    async def run(auth: Auth) -> Tally:
        found = records(file.readline, file_format or "")
        return await auth.importing.run(found, TERMINAL, on_refused=tell, dry_run=dry_run)

    tally = with_auth(run)
    done = "would import" if dry_run else "imported"
    click.echo(f"{done} {tally.imported}, already there {tally.known}, refused {tally.refused}")
    sys.exit(1 if tally.refused else 0)


def _ask_password(from_stdin: bool) -> str:
    """Asks for the password. An argument would be visible in the process list and the shell's history."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def _with_user(email: str, act: Callable[[Auth, str], Awaitable[T]]) -> T:
    async def find_and_act(auth: Auth) -> T:
        return await act(auth, (await auth.accounts.find(email)).id)

    return with_auth(find_and_act, missing=f"there is no account {email}")
