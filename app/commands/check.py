"""`duet check`: tells what is wrong with settings, secrets, packages, database, mail and clock, and what to do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Final
from urllib.parse import urlsplit

from app.auth.clock import SystemClock, to_the_second
from app.auth.deployment import Neighbours, Survey
from app.auth.errors import StoreUnavailable
from app.auth.keys import KeyRing
from app.auth.policy import PolicyError
from app.foundation import DatabaseUnfit, auth_config, open_configured_store
from app.mail.errors import MailError
from app.mail.outbox import is_writable
from app.mail.server import parse_smtp_url
from app.mail.setup import build_smtp
from app.main import create_app
from app.serving.uvicorn_names import NAMES
from app.settings import EnvFileError, Settings, SettingsError, unknown_names
from app.store import inspect_schema
from app.store.breaker import StoreUnusable
from app.store.records import Schema

#: No clock that is right shows an earlier day.
_RELEASED: Final = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: what was looked at.
        is_ok: whether it is as it should be, or may be.
        text: what was found.
        is_warning: whether somebody should read it, although Duet works.
        stops_start: whether a start would end with exit code 2 before it does anything.
    """

    subject: str
    is_ok: bool
    text: str
    is_warning: bool = False
    stops_start: bool = False

    @property
    def level(self) -> str:
        """The first word of the line."""
        return "warn" if self.is_warning else "ok" if self.is_ok else "FAIL"

    @property
    def exit_code(self) -> int:
        """What the command's exit code is at least."""
        return 2 if self.stops_start else int(not self.is_ok)


def run_checks(load: Callable[[], Settings]) -> list[Finding]:
    """Returns every finding, including the good ones. `load` reads the settings, or raises `SettingsError`.

    Raises `EnvFileError`: without the file nothing is known about the settings.
    """
    try:
        settings = load()
        secrets = settings.secrets()
    except EnvFileError:
        raise
    except SettingsError as error:
        return [Finding("settings", False, str(error)), _packages()]
    data_dir = _data_dir(settings)  # this makes the folder, before the database is looked for in it
    database, survey = asyncio.run(_database(settings, KeyRing(secrets)))
    findings = [
        *_settings(settings, survey),
        *(Finding("names", True, line, is_warning=True) for line in unknown_names()),
        *_secrets(len(secrets), survey),
        _packages(),
        data_dir,
        database,
        asyncio.run(_mail(settings)),
        *_clock(survey),
        _proxy(settings),
        _cookies(settings),
    ]
    return [*findings, *_extensions(settings)]


def _settings(settings: Settings, survey: Survey | None) -> Iterator[Finding]:
    # If PUBLIC_URL is not set, it depends on how a process is started, which can't be known here.
    if survey is not None and survey.addresses and "public_url" in settings.model_fields_set:
        yield from (Finding("settings", False, line) for line in survey.addresses)
    else:
        yield Finding("settings", True, "well-formed")


def _secrets(count: int, survey: Survey | None) -> Iterator[Finding]:
    own = f"one signs, {count - 1} older verify"
    if survey is None:
        yield Finding("secrets", True, own)
    elif survey.refusals:
        yield from (Finding("secrets", False, line) for line in survey.refusals)
    else:
        yield Finding("secrets", True, f"{own}; running processes on the database: {survey.living}, none differs")


def _packages() -> Finding:
    """Checks that passlib is not installed: it and libpass own the same folder, and the last one partly wins.

    Raises `PackageUnfit` if uvicorn has lost a name. What is built on the other packages checks them.
    """
    NAMES.check()
    try:
        version("passlib")
    except PackageNotFoundError:
        return Finding("packages", True, f"libpass {version('libpass')}, bcrypt {version('bcrypt')}")
    return Finding(
        "packages",
        False,
        "passlib is installed beside libpass and they overwrite each other: "
        "pip uninstall -y passlib libpass, then pip install libpass",
    )


def _data_dir(settings: Settings) -> Finding:
    path = settings.data_dir
    if not settings.keeps_files and not path.exists():
        return Finding("data", True, "nothing is kept in DATA_DIR")
    with suppress(OSError):  # reported below
        path.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and os.access(path, os.W_OK | os.X_OK):
        return Finding("data", True, f"{path.absolute()} can be written")
    return Finding(
        "data", False, f"DATA_DIR {path.absolute()} can't be written: give it to the user that runs Duet"
    )


async def _database(settings: Settings, keys: KeyRing) -> tuple[Finding, Survey | None]:
    """Checks whether the database answers, and surveys the processes that serve it."""
    kind = "SQLite" if settings.is_sqlite else "MongoDB"
    try:
        store = open_configured_store(settings)
    except SettingsError as error:
        return Finding("database", False, str(error), stops_start=isinstance(error, DatabaseUnfit)), None
    try:
        schema = inspect_schema(settings.database)
    except StoreUnavailable:
        schema = None  # what is wrong is reported below
    if schema is not None and (finding := _schema(schema)) is not None:
        return finding, None  # opening the database would change it
    try:
        await store.open()
        await store.ping()
        survey = await Neighbours(auth_config(settings), store=store, clock=SystemClock(), keys=keys).survey()
    except StoreUnavailable as error:
        if isinstance(error, StoreUnusable) and not settings.is_sqlite:
            return Finding("database", False, str(error), stops_start=True), None
        cause = f": {error}" if settings.is_sqlite else ""
        return Finding("database", False, f"{kind} does not answer; see DATABASE_URL{cause}"), None
    finally:
        await store.close()
    return Finding("database", True, f"{kind} answers, its schema and indexes are up to date"), survey


def _schema(schema: Schema) -> Finding | None:
    """Returns what is wrong with the schema, if anything."""
    if schema.version is not None and schema.version > schema.newest:
        text = f"it was made by a newer Duet (schema {schema.version}, this one knows {schema.newest}): upgrade"
    elif schema.version is not None and schema.version < schema.newest:
        text = (
            f"its schema is old ({schema.version}, this Duet's is {schema.newest}):"
            " the next start brings it up to date; first run `duet backup` of the Duet that made it"
        )
    elif schema.remedies:
        text = f"an index is missing, so look-ups are slow: {'; '.join(schema.remedies)}"
    else:
        return None
    return Finding("database", False, text)


async def _mail(settings: Settings) -> Finding:
    url, outbox = settings.smtp_url.get_secret_value(), settings.outbox
    if not url and not is_writable(outbox):
        return Finding("mail", False, f"no SMTP_URL, and {outbox} can't be written: give it to Duet's user")
    if not url:
        return Finding("mail", True, f"no SMTP_URL: messages are written to {outbox}")
    server = parse_smtp_url(url)
    carrier = build_smtp(public_url=settings.public_url, mail_from=settings.mail_from, smtp_url=url, step=4)
    try:
        await carrier.probe()
    except MailError as error:
        return Finding("mail", False, error.message)
    how = "in the clear" if server.tls == "none" else "encrypted"
    return Finding("mail", True, f"{server} answers, {how}, {'logged in' if server.user else 'without a login'}")


def _clock(survey: Survey | None) -> Iterator[Finding]:
    now = datetime.now(UTC)
    if now < _RELEASED:
        yield Finding("clock", False, f"it shows {now:%Y-%m-%d}, which is past: set it, or tokens expire wrongly")
    elif survey is not None and survey.clocks:
        yield from (Finding("clock", False, line) for line in survey.clocks)
    else:
        yield Finding("clock", True, to_the_second(now))


def _proxy(settings: Settings) -> Finding:
    """Checks that the proxy is trusted. Duet itself speaks no TLS, so if people use HTTPS, there is a proxy."""
    if not settings.is_https or settings.trusted_proxies:
        trusted = ", ".join(settings.trusted_proxies)
        return Finding("proxy", True, f"trusted: {trusted}" if trusted else "none is trusted, and none is needed")
    return Finding(
        "proxy",
        False,
        "PUBLIC_URL is https and TRUSTED_PROXIES is empty: the proxy's headers are not believed, so everybody has"
        " its IP address and shares its limits; set TRUSTED_PROXIES to the IP address that it calls from",
    )


def _cookies(settings: Settings) -> Finding:
    if settings.is_https:
        return Finding("cookies", True, "Secure, named __Host-session")
    if urlsplit(settings.public_url).hostname not in ("127.0.0.1", "localhost", "::1"):
        return Finding(
            "cookies", False, f"not Secure, as PUBLIC_URL is {settings.public_url}: set it to the https:// address"
        )
    if settings.trusted_proxies:
        return Finding(
            "cookies", False, "TRUSTED_PROXIES is set but PUBLIC_URL is not https://…, so cookies are not Secure"
        )
    return Finding("cookies", True, "not Secure: PUBLIC_URL is http, which is for your own machine only")


def _extensions(settings: Settings) -> Iterator[Finding]:
    try:
        app = create_app(settings)
    except (SettingsError, PolicyError) as error:
        yield Finding("extensions", False, str(error))
        return
    app.state.auth.passwords.close()
    yield Finding(
        "extensions", True, f"{len(settings.extensions)} loaded, {len(app.state.rules)} routes, all covered"
    )
