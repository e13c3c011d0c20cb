"""Names that look like a setting and are none are told, and those of other programs are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import Settings
from app.settings.near_misses import near_misses
from app.settings.settings import SECRET_SETTINGS
from tests.deploy.process import duet, served

SETTINGS = [name.upper() for name in Settings.model_fields]
SECRETS = [name.upper() for name in SECRET_SETTINGS]

MEANT = {
    "EXTENSION": "EXTENSIONS",
    "ACCESS_TOKEN_MINUTE": "ACCESS_TOKEN_MINUTES",
    "ACCES_TOKEN_MINUTES": "ACCESS_TOKEN_MINUTES",
    "TOKEN_ACCESS_MINUTES": "ACCESS_TOKEN_MINUTES",
    "registration": "REGISTRATION",
    "Registration": "REGISTRATION",
    "REGISTARTION": "REGISTRATION",
    "DUET_SECRET_KEY": "SECRET_KEY",
    "DUET_EXTENSION": "EXTENSIONS",
    "SECRETKEY": "SECRET_KEY",
    "SECRET_KEY_FALLBACK": "SECRET_KEY_FALLBACKS",
    "SECRET_KEY_FIL": "SECRET_KEY_FILE",
    "DATABASE_URI": "DATABASE_URL",
    "PUBLIC-URL": "PUBLIC_URL",
    "TRUSTED_PROXY": None,  # three letters lie between
    "TRUSTED_PROXYS": "TRUSTED_PROXIES",
    "RATE_LIMIT": "RATE_LIMITS",
    "MAIL_FORM": "MAIL_FROM",
    "MAIL_FROM_FILE": "MAIL_FROM",
    "LOG_LEVELS": "LOG_LEVEL",
    "SMTP_URL_FILES": "SMTP_URL_FILE",
}
#: Of other programs, shells, engines and compose.yaml.
FOREIGN = """
PATH HOME USER LANG LANGUAGE LC_ALL TERM SHELL PWD OLDPWD SHLVL LOGNAME HOSTNAME EDITOR PAGER TZ TMPDIR MAIL
DISPLAY LOG_DIR LOG_FILE LOG_PATH LOG_FD LOG_OPTS XDG_DATA_DIRS XDG_DATA_HOME XDG_RUNTIME_DIR DATA_PATH PGDATA
PGHOST MONGO_MEMBERS COMPOSE_PROFILES DUET_DOMAIN DUET_UPSTREAM DUET_SUBNET DOCKER_HOST KUBERNETES_SERVICE_HOST
PYTHONPATH PYTHONUNBUFFERED VIRTUAL_ENV PIP_CERT SSL_CERT_FILE REQUESTS_CA_BUNDLE UVICORN_LOG_LEVEL
WEB_CONCURRENCY SMTP_HOST SMTP_PORT SMTP_USER SMTP_TLS MAIL_TO MAIL_HOST MAIL_PORT DATABASE_HOST DATABASE_NAME
DATABASE_USER DB_URL PUBLIC_DIR PUBLIC_IP SECRET_KEY_BASE JWT_SECRET CI DEBUG TEST HTTP_PROXY HTTPS_PROXY
http_proxy no_proxy CREDENTIALS_DIRECTORY OTEL_SERVICE_NAME OTEL_EXPORTER_OTLP_HEADERS
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT OTEL_LOG_LEVEL NOTES_DATABASE_URL INVOCATION_ID JOURNAL_STREAM
SYSTEMD_EXEC_PID LISTEN_FDS LISTEN_PID MEMORY_PRESSURE_WATCH STATE_DIRECTORY GPG_KEY
""".split()  # noqa: SIM905 - a list of so many quoted words reads worse


@pytest.mark.parametrize("name", MEANT)
def test_a_slip_is_told_with_what_was_meant(name: str) -> None:
    """One slip or two, another order of the words, lower case, a prefix, and `_FILE` where no file is read."""
    told = list(near_misses([name], SETTINGS, SECRETS))
    meant = MEANT[name]
    assert [line.split()[0] for line in told] == ([name] if meant else [])
    assert meant is None or told[0].endswith(f"did you mean {meant}?")


def test_nobody_else_s_variables_are_told() -> None:
    """Settings themselves, files of secrets, and what other programs read cause no line."""
    files = [f"{name}_FILE" for name in SECRETS]
    assert list(near_misses([*FOREIGN, *SETTINGS, *files], SETTINGS, SECRETS)) == []


def test_the_check_and_the_start_tell_of_it(tmp_path: Path) -> None:
    """A name in the environment and one in `.env` are a warning each, and stop nothing."""
    (tmp_path / ".env").write_text("EXTENSION=x\n")
    result = duet(tmp_path, "check", ACCESS_TOKEN_MINUTE="5", REGISTRATION_FILE="x")
    assert result.returncode == 0, result.stdout
    warned = [line for line in result.stdout.splitlines() if line.startswith("warn")]
    assert [line.split()[2] for line in warned] == ["ACCESS_TOKEN_MINUTE", "EXTENSION", "REGISTRATION_FILE"]
    assert all("did you mean" in line for line in warned)
    with served(tmp_path, ACCESS_TOKEN_MINUTE="5") as one:
        said = [line for line in one.log.read_text().splitlines() if "did you mean" in line]
    assert ["level=warning" in line for line in said] == [True, True]
