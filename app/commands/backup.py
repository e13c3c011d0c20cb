"""`duet backup` and `duet restore`: write all that the site keeps to a file, and read it back."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Final

import click

from app.auth.clock import SystemClock, to_the_second
from app.auth.deployment import Neighbours
from app.auth.errors import StoreUnavailable
from app.auth.keys import KeyRing
from app.auth.models import ALL_SESSIONS, AuditEvent, Session, User
from app.commands.backup_file import BackupRefused, Contents, check_backup, private_copy, read_backup, write_backup
from app.commands.terminal import settings_of, stop
from app.foundation import auth_config, open_configured_store
from app.settings import Settings, SettingsError
from app.store import open_dump
from app.store.breaker import StoreUnusable
from app.store.drivers import sqlite_path
from app.store.records import NAMES, Device, Dump, Kept

#: What every restore brings back. Everything else lets somebody in, or may have ended after the backup was made.
_HARMLESS: Final = (User, Device, AuditEvent)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Writes all that the site keeps to FILE, while the site runs.

    FILE holds password hashes: keep it as safe as the database. It lacks SECRET_KEY, which a restore needs.
    """
    settings = settings_of()
    if settings.is_sqlite and not sqlite_path(settings.database).is_file():
        stop("there is no database to back up; see DATA_DIR and DATABASE_URL", code=1)
    keys = _keys_of(settings)
    with _refusals(), _opened(settings) as dump:
        contents = write_backup(file, dump.read(), keys)
    click.echo(f"{_told(contents.counts)} written to {file} ({file.stat().st_size:,} bytes)")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--replace", is_flag=True, help="If there are accounts already, remove them and everything that is kept."
)
@click.option(
    "--move", is_flag=True, help="Nothing has happened since FILE was written: keep sessions and tokens too."
)
@click.option("--other-secret", is_flag=True, help="FILE was made under a SECRET_KEY that is lost.")
def restore(file: Path, replace: bool, move: bool, other_secret: bool) -> None:
    """Restores FILE into the database, which may be of another kind. The site has to be stopped.

    All sessions, personal access tokens, links and signing keys end, so that what ended after FILE was written
    stays ended.
    """
    settings = settings_of()
    keys = _keys_of(settings)
    with _refusals(), private_copy(file) as copy:
        contents = check_backup(copy, keys)
        if not contents.is_ours and not other_secret:
            raise BackupRefused(f"{file} was made under another SECRET_KEY: set that one, or see --other-secret")
        if not contents.is_ours and move:
            raise BackupRefused(f"--move needs the SECRET_KEY that {file} was made under: tokens depend on it")
        with _opened(settings, serving=keys) as dump:
            if not replace and not dump.is_cut_off() and not dump.is_empty():
                raise BackupRefused("there are accounts in the database already: see --replace")
            restored = _Counted(one for one in read_backup(copy) if move or isinstance(one, _HARMLESS))
            dump.replace(chain(restored, _afterwards(contents, is_moved=move)))
    click.echo(f"{_told(restored.counts)} restored, as of {to_the_second(contents.made_at)}")
    if not move:
        click.echo("all sessions, personal access tokens, links and signing keys have ended")


def _keys_of(settings: Settings) -> KeyRing:
    """Reads the secrets once, or ends the command: a file that holds one may be exchanged at any moment."""
    try:
        return KeyRing(settings.secrets())
    except SettingsError as error:
        stop(str(error))


class _Counted:
    """Passes records on, and counts how many of each kind have gone by."""

    def __init__(self, records: Iterable[Kept]) -> None:
        self._records = records
        self.counts: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Kept]:
        for record in self._records:
            self.counts[NAMES[type(record)]] += 1
            yield record


def _afterwards(contents: Contents, *, is_moved: bool) -> Iterator[Kept]:
    """Yields what follows the file's records: a note of the restore and, unless it is a move, the end of all."""
    # Tokens tell the second at which they were issued. Those of the present second have to end too, so none may be
    # issued in it any more.
    now = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    time.sleep((now - datetime.now(UTC)).total_seconds())
    yield AuditEvent(uuid.uuid4().hex, now, "restored", detail=to_the_second(contents.made_at))
    if not is_moved:
        yield Session(
            ALL_SESSIONS, "", "cli", now, now, now, now, now, revoked_at=now, revoked_reason="session_revoked"
        )


def _told(counts: Counter[str]) -> str:
    users = counts[NAMES[User]]
    return f"{users:,} {'account' if users == 1 else 'accounts'} and {counts.total() - users:,} other records"


@contextmanager
def _refusals() -> Iterator[None]:
    """Turns a refusal into one line and exit code 1."""
    try:
        yield
    except BackupRefused as error:
        stop(str(error), code=1)


@contextmanager
def _opened(settings: Settings, *, serving: KeyRing | None = None) -> Iterator[Dump]:
    """Opens the database and brings it up to date.

    Args:
        settings: name the database.
        serving: the keys of the site, which must be stopped; None if it may run.

    Raises:
        BackupRefused: there is no database, it does not answer or fails, or a running site serves it and must not.
    """
    try:
        dump = open_dump(settings.database)
    except (ValueError, StoreUnusable) as error:
        raise BackupRefused(f"DATABASE_URL: {error}") from error
    try:
        if not dump.is_cut_off():  # a restore was cut off, and no server has touched the database since
            asyncio.run(_prepare(settings, serving))
        yield dump
    except (SettingsError, StoreUnusable) as error:
        raise BackupRefused(str(error)) from error
    except StoreUnavailable as error:
        raise BackupRefused("the database does not answer; see DATABASE_URL") from error
    except dump.errors as error:
        raise BackupRefused(f"the database failed: {type(error).__name__}; see DATABASE_URL") from error
    finally:
        dump.close()


async def _prepare(settings: Settings, serving: KeyRing | None) -> None:
    store = open_configured_store(settings)
    try:
        await store.open()
        if serving is not None:
            neighbours = Neighbours(auth_config(settings), store=store, clock=SystemClock(), keys=serving)
            if living := (await neighbours.survey()).living:
                raise BackupRefused(f"the site is running (processes: {living}): stop it first")
    finally:
        await store.close()
