"""The settings of a deployment: read from the environment, `.env` and secret files, and checked once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from app.mail.server import parse_smtp_url
from app.settings.addresses import check_endpoint, check_mail_from, check_web_url
from app.settings.cores import usable_cores
from app.settings.earlier_key import check_earlier_key, parse_day
from app.settings.env_file import read_env_file
from app.settings.near_misses import near_misses
from app.settings.secret_key import ALSO_ANOTHER, SettingsError, check_metrics_token, check_secret, kept_secret
from app.store.drivers import DRIVERS, scheme_of, sqlite_url

#: Each of these may be given as `NAME_FILE` instead, which is the path of a file that holds it.
SECRET_SETTINGS: Final = (
    "secret_key",
    "secret_key_fallbacks",
    "database_url",
    "smtp_url",
    "legacy_jwt_key",
    "metrics_token",
)


def _split(value: Any) -> Any:
    """Returns comma-separated text as a tuple, without blanks around the commas and without empty parts."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _check_proxies(addresses: tuple[str, ...]) -> tuple[str, ...]:
    for address in addresses:
        ip_network(address, strict=False)  # raises ValueError, which shows the IP address
    return addresses


def _check_extensions(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        module, _, attribute = name.partition(":")
        if not module.replace(".", "").isidentifier() or not attribute.isidentifier():
            raise ValueError(f"'{name}' is not of the form package.module:attribute")
    return names


def _check_data_dir(path: Path) -> Path:
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is not a directory")
    return path


def _check_smtp_url(url: SecretStr) -> SecretStr:
    parse_smtp_url(url.get_secret_value())  # raises ValueError
    return url


def _check_database_url(url: SecretStr) -> SecretStr:
    scheme, _, rest = url.get_secret_value().partition("://")
    if scheme not in DRIVERS or not rest.strip("/"):
        raise ValueError("is not of the form sqlite:///path, mongodb://… or mongodb+srv://…")
    return url


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Every setting with its default. `docs/settings.md` explains them."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True, validate_default=False
    )

    data_dir: Annotated[Path, AfterValidator(_check_data_dir)] = Path("data")
    secret_key: SecretStr = SecretStr("")
    secret_key_fallbacks: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)] = ()
    database_url: Annotated[SecretStr, AfterValidator(_check_database_url)] = SecretStr("")
    public_url: Annotated[str, AfterValidator(check_web_url)] = "http://127.0.0.1:8000"
    access_token_minutes: Annotated[Positive, Field(le=24 * 60)] = 15
    refresh_token_days: Annotated[Positive, Field(le=3650)] = 30
    session_max_days: Annotated[Positive, Field(le=3650)] = 90
    refresh_grace_seconds: Annotated[float, Field(ge=0, le=30)] = 30
    jwt_algorithm: Literal["HS256", "EdDSA", "ES256", "RS256"] = "HS256"
    jwt_rotate_days: Annotated[float, Field(ge=0, le=3650)] = 90
    legacy_jwt_key: SecretStr = SecretStr("")
    legacy_jwt_algorithm: Literal["HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA"] = "HS256"
    legacy_jwt_issuer: str = ""
    legacy_jwt_audience: str = ""
    legacy_jwt_user_claim: Annotated[str, Field(pattern=r"^\S{1,64}$")] = "sub"
    legacy_jwt_until: Annotated[date | None, BeforeValidator(parse_day)] = None
    bcrypt_rounds: Annotated[int, Field(ge=4, le=16)] = 12
    password_min_length: Annotated[int, Field(ge=8, le=64)] = 15
    registration: Literal["open", "invite", "closed"] = "open"
    require_verified_email: bool = False
    smtp_url: Annotated[SecretStr, AfterValidator(_check_smtp_url)] = SecretStr("")
    mail_from: Annotated[str, AfterValidator(check_mail_from)] = ""
    trusted_proxies: Annotated[Names, AfterValidator(_check_proxies)] = ()
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1_048_576
    keep_alive_seconds: Annotated[float, Field(ge=1, le=3600)] = 75
    web_threads: Annotated[int, Field(ge=1, le=1000)] = 10
    hash_threads: Annotated[int, Field(ge=1, le=1000)] = Field(default_factory=usable_cores)
    rate_limits: bool = True
    metrics_token: SecretStr = SecretStr("")
    audit_days: Annotated[int, Field(ge=1, le=3650)] = 90
    extensions: Annotated[Names, AfterValidator(_check_extensions)] = ()
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    otel_exporter_otlp_endpoint: Annotated[str, AfterValidator(check_endpoint)] = ""
    testing: bool = False

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Takes only what is passed in. `load` reads the environment, and others can build settings directly."""
        return (init_settings,)

    @model_validator(mode="after")
    def _check_together(self) -> Settings:
        if self.bcrypt_rounds < 10 and not self.testing:
            raise ValueError("BCRYPT_ROUNDS must be from 10 to 16; 4 to 9 are allowed only with TESTING=1")
        if not self.secret_key.get_secret_value() and not self.is_sqlite:
            raise ValueError("SECRET_KEY is required with MongoDB: every container needs the same one")
        for name, secret in self._secrets():
            check_secret(name, secret)
        others = [self.legacy_jwt_key.get_secret_value(), *(secret for _, secret in self._secrets())]
        check_metrics_token(self.metrics_token.get_secret_value(), others)
        check_earlier_key(
            self.legacy_jwt_key.get_secret_value(),
            self.legacy_jwt_algorithm,
            self.legacy_jwt_until,
            others={"LEGACY_JWT_ISSUER": self.legacy_jwt_issuer, "LEGACY_JWT_AUDIENCE": self.legacy_jwt_audience},
            own_secrets=[secret for _, secret in self._secrets()],
            today=datetime.now(UTC).date(),
        )
        return self

    def _secrets(self) -> list[tuple[str, str]]:
        own = self.secret_key.get_secret_value()
        found = [("SECRET_KEY", own)] if own else []
        return found + [
            ("SECRET_KEY_FALLBACKS", secret.get_secret_value()) for secret in self.secret_key_fallbacks
        ]

    @property
    def database(self) -> str:
        """The database's URL. It must not be shown, because it may contain a password."""
        return self.database_url.get_secret_value() or sqlite_url(self.data_dir / "duet.db")

    @property
    def is_sqlite(self) -> bool:
        """Whether the embedded database is used."""
        return scheme_of(self.database) == "sqlite"

    @property
    def keeps_files(self) -> bool:
        """Whether the database is in DATA_DIR, and not where DATABASE_URL says."""
        return not self.database_url.get_secret_value()

    @property
    def outbox(self) -> Path:
        """The folder to which mails are written if there is no SMTP_URL."""
        return self.data_dir / "outbox"

    @property
    def is_https(self) -> bool:
        """Whether people reach the site over HTTPS, so that cookies are `Secure`."""
        return self.public_url.startswith("https://")

    @property
    def access_lifetime(self) -> timedelta:
        """How long an access token lives."""
        return timedelta(minutes=self.access_token_minutes)

    def secrets(self) -> tuple[str, ...]:
        """Returns the secret that signs, and then the older ones that still verify.

        With SQLite and no SECRET_KEY, the first one is read from `DATA_DIR/secret.key`, which the first start
        makes. Raises `SettingsError` if that can't be read or made, is too short, or is the earlier system's key.
        """
        own = self.secret_key.get_secret_value() or kept_secret(self.data_dir / "secret.key")
        if own == self.legacy_jwt_key.get_secret_value():  # a secret from a file could not be compared before
            raise SettingsError("LEGACY_JWT_KEY is Duet's own secret: give Duet another one")
        if own == self.metrics_token.get_secret_value():
            raise SettingsError(f"METRICS_TOKEN {ALSO_ANOTHER}")
        return (own, *(secret.get_secret_value() for secret in self.secret_key_fallbacks))


def load(
    environ: Mapping[str, str] | None = None, *, env_file: Path | None = Path(".env"), **given: Any
) -> Settings:
    """Reads the settings of this process.

    Args:
        environ: the environment; `os.environ` if None. It takes precedence over `env_file`.
        env_file: a file of NAME=value lines, which need not exist.
        given: settings by field name, which take precedence over both.

    Raises:
        SettingsError: a setting is malformed, weak or missing; the message names it.
    """
    variables = _variables(environ, env_file)
    values: dict[str, Any] = {}
    for field in Settings.model_fields:
        value = _value_of(field, variables)
        if value:
            values[field] = value
    return make(**{**values, **given})


def unknown_names(
    environ: Mapping[str, str] | None = None, *, env_file: Path | None = Path(".env")
) -> tuple[str, ...]:
    """Returns a sentence for each name in the environment or the file that looks like a setting and is none.

    Raises `SettingsError` if the file can't be read.
    """
    settings, secrets = ([name.upper() for name in names] for names in (Settings.model_fields, SECRET_SETTINGS))
    return tuple(near_misses(_variables(environ, env_file), settings, secrets))


def _variables(environ: Mapping[str, str] | None, env_file: Path | None) -> dict[str, str]:
    """Returns the variables of the environment and the file. An empty one in the former is as good as none."""
    given = os.environ if environ is None else environ
    from_file = read_env_file(env_file) if env_file is not None else {}
    return {**from_file, **{name: value for name, value in given.items() if value}}


def make(**values: Any) -> Settings:
    """Makes settings from values by field name. Raises `SettingsError`."""
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def _value_of(field: str, variables: Mapping[str, str]) -> str:
    name = field.upper()
    value = variables.get(name, "")
    file = variables.get(f"{name}_FILE", "") if field in SECRET_SETTINGS else ""
    if not file:
        return value
    if value:
        raise SettingsError(f"{name}: both it and {name}_FILE are set; keep only one")
    try:
        return Path(file).read_text().strip()
    except (OSError, ValueError):
        raise SettingsError(f"{name}_FILE: can't read {file}") from None


def _sentence(error: ValidationError) -> str:
    """Describes the first problem in one line that names the variable and does not show its value."""
    problem = error.errors(include_input=False, include_url=False)[0]
    text = problem["msg"].removeprefix("Value error, ").replace("\n", " ")
    if not problem["loc"]:
        return text  # a check over several settings, which names them
    return f"{str(problem['loc'][0]).upper()}: {text}"
