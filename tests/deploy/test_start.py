"""What stops the start: one line names the variable and never shows a secret, and the exit code is 2."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from app.main import create_app
from app.settings import SettingsError, load
from app.settings.settings import SECRET_SETTINGS
from tests.deploy.process import duet, duet_from_scratch, environment, served
from tests.kit.duet import SECRET
from tests.kit.programs import free_port

#: A malformed value for every setting. What stands in a value after 'hush' must not be shown.
MALFORMED = [
    ("DATA_DIR", "a-file"),
    ("SECRET_KEY", "hush-too-short"),
    ("SECRET_KEY", "supersecret"),
    ("SECRET_KEY", "changeme" * 5),
    ("SECRET_KEY", "a" * 40),
    ("SECRET_KEY_FALLBACKS", f"{SECRET},hush-too-short"),
    ("DATABASE_URL", "postgres://ada:hush@db/duet"),
    ("DATABASE_URL", "sqlite://hush.db"),
    ("DATABASE_URL", "mongodb://ada:hush@db:port/duet"),
    ("DATABASE_URL", "mongodb://"),
    ("PUBLIC_URL", "duet.example.com"),
    ("PUBLIC_URL", "ftp://duet.example.com"),
    ("PUBLIC_URL", "https://duet.example.com/path"),
    ("PUBLIC_URL", "https://duet.example.com:port"),
    ("PUBLIC_URL", "https://ada:hush@duet.example.com"),
    ("ACCESS_TOKEN_MINUTES", "0"),
    ("ACCESS_TOKEN_MINUTES", "nan"),
    ("REFRESH_TOKEN_DAYS", "-1"),
    ("SESSION_MAX_DAYS", "inf"),
    ("REFRESH_GRACE_SECONDS", "31"),
    ("JWT_ALGORITHM", "none"),
    ("JWT_ROTATE_DAYS", "-1"),
    ("METRICS_TOKEN", "hush-too-short"),
    ("METRICS_TOKEN", SECRET),
    ("LEGACY_JWT_KEY", "hush-too-short"),
    ("LEGACY_JWT_KEY", "your-secret-key"),
    ("LEGACY_JWT_KEY", SECRET),
    ("LEGACY_JWT_ALGORITHM", "none"),
    ("LEGACY_JWT_ISSUER", "https://earlier.example.com"),
    ("LEGACY_JWT_AUDIENCE", "earlier"),
    ("LEGACY_JWT_USER_CLAIM", "two words"),
    ("LEGACY_JWT_UNTIL", "2099-12-31"),
    ("LEGACY_JWT_UNTIL", "31.12.2026"),
    ("LEGACY_JWT_UNTIL", "1767225600"),
    ("BCRYPT_ROUNDS", "17"),
    ("BCRYPT_ROUNDS", "twelve"),
    ("PASSWORD_MIN_LENGTH", "7"),
    ("REGISTRATION", "sometimes"),
    ("REQUIRE_VERIFIED_EMAIL", "maybe"),
    ("SMTP_URL", "http://ada:hush@mail.example.com"),
    ("SMTP_URL", "smtp://ada:hush@mail.example.com:port"),
    ("SMTP_URL", "smtp://ada:hush@mail.example.com?starttls=no"),
    ("SMTP_URL", "smtp://mail.example.com?starttls=maybe"),
    ("MAIL_FROM", "nobody"),
    ("MAIL_FROM", "Duet\nBcc: all@example.com <duet@example.com>"),
    ("AUDIT_DAYS", "0"),
    ("TRUSTED_PROXIES", "10.0.0.0/8,proxy"),
    ("MAX_BODY_BYTES", "1MB"),
    ("KEEP_ALIVE_SECONDS", "0"),
    ("KEEP_ALIVE_SECONDS", "3601"),
    ("WEB_THREADS", "0"),
    ("HASH_THREADS", "0"),
    ("RATE_LIMITS", "some"),
    ("EXTENSIONS", "notes"),
    ("EXTENSIONS", "no.such.module:extension"),
    ("LOG_FORMAT", "xml"),
    ("LOG_LEVEL", "loud"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
    ("TESTING", "perhaps"),
]


#: What is well-formed, and can't work: options of a MongoDB's URL, and what the line says of it.
UNFIT = {
    "tls=true&tlsCAFile=/nonexistent-hush.pem": "the file of tlsCAFile can't be read: No such file",
    "tls=true&tlsCAFile=.": "the file of tlsCAFile can't be read: Is a directory",
    "tls=true&tlsCAFile=a-file": "a file for TLS",
    "tls=true&tlsCertificateKeyFile=a-file": "or that does not work",
    "tls=true&tlsCertificateKeyFile=nowhere": "the file of tlsCertificateKeyFile can't be read",
    "tls=true&tlsCRLFile=a-file": "a file for TLS",
    "tls=maybe": "not a well-formed MongoDB URL",
    "tlsCAfiles=hush": "an option that MongoDB's driver does not know",
    "directConnection=true&loadBalanced=true": "or that does not work",
}


@pytest.mark.parametrize("options", UNFIT)
def test_a_mongodb_that_can_t_work_is_refused(
    options: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files for TLS that are missing, folders or no PEM, and options that are none, are told without the URL."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").write_text("no PEM")
    url = f"mongodb://ada:hush@127.0.0.1:9/duet?{options}"
    with pytest.raises(SettingsError) as refused:
        create_app(load(environment(tmp_path, SECRET_KEY=SECRET, DATABASE_URL=url), env_file=None))
    assert str(refused.value).startswith("DATABASE_URL: ")
    assert UNFIT[options] in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_mongodb_that_can_t_work_stops_every_command_in_one_line(tmp_path: Path) -> None:
    """The start and the check end with exit code 2, and the check still tells the rest."""
    given = {
        "SECRET_KEY": SECRET,
        "DATABASE_URL": "mongodb://ada:hush@127.0.0.1:9/duet?tls=true&tlsCAFile=/no.pem",
    }
    line = assert_stopped(tmp_path, "DATABASE_URL: the file of tlsCAFile can't be read", **given)
    checked = duet(tmp_path, "check", **given)
    assert (checked.returncode, checked.stderr) == (2, "")
    assert f"FAIL  database: {line.removeprefix('duet: ')}" in checked.stdout
    for command, code in ((("backup", "b"), 1), (("user", "list"), 2)):
        result = duet(tmp_path, *command, **given)
        assert (result.returncode, result.stderr) == (code, line)


def test_a_name_that_the_dns_lacks_stops_the_start_in_one_line(tmp_path: Path) -> None:
    """`mongodb+srv://` is looked up in the DNS, which knows no name below `.invalid` (RFC 6761)."""
    given = {"SECRET_KEY": SECRET, "DATABASE_URL": "mongodb+srv://ada:hush@nowhere.invalid/duet"}
    assert "DNS" in assert_stopped(tmp_path, "DATABASE_URL", **given)
    assert duet(tmp_path, "check", **given).returncode == 2


def assert_stopped(folder: Path, name: str, **variables: str) -> str:
    """Asserts that the start stops as it should, and returns the line."""
    result = duet(folder, "serve", **variables)
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith(f"duet: {name}")
    assert result.stderr.count("\n") == 1
    assert "hush" not in result.stderr
    return result.stderr


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_a_malformed_setting_is_refused(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that nobody can have meant is reported in one line, without the value if it is a secret."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").touch()
    with pytest.raises(SettingsError) as refused:
        create_app(load(environment(tmp_path, **{"SECRET_KEY": SECRET, name: value}), env_file=None))
    assert str(refused.value).startswith(name)
    assert "\n" not in str(refused.value)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATA_DIR", "a-file"),
        ("SECRET_KEY", "supersecret"),
        ("DATABASE_URL", "mongodb://ada:hush@db:port/duet"),
        ("PUBLIC_URL", "https://ada:hush@duet.example.com"),
        ("MAIL_FROM", "Duet\nBcc: all@example.com <duet@example.com>"),
        ("EXTENSIONS", "no.such.module:extension"),
    ],
)
def test_a_malformed_setting_stops_the_start(name: str, value: str, tmp_path: Path) -> None:
    """It prints only that line, with exit code 2, whether settings, store or extensions find the fault."""
    (tmp_path / "a-file").touch()
    assert_stopped(tmp_path, name, **{"SECRET_KEY": SECRET, name: value})


def test_every_setting_is_tried() -> None:
    """The list above has every setting."""
    from app.settings import Settings

    assert {name for name, _ in MALFORMED} == {field.upper() for field in Settings.model_fields}


def test_quick_hashes_are_for_tests_alone(tmp_path: Path) -> None:
    """Fewer than ten rounds of bcrypt are refused without TESTING=1."""
    assert_stopped(tmp_path, "BCRYPT_ROUNDS", BCRYPT_ROUNDS="4", TESTING="0")


def test_mongodb_needs_a_secret(tmp_path: Path) -> None:
    """Where several containers may share the database, none makes its own secret."""
    assert_stopped(tmp_path, "SECRET_KEY", DATABASE_URL="mongodb://127.0.0.1:1/duet")


@pytest.mark.parametrize("name", [name.upper() for name in SECRET_SETTINGS])
def test_a_secret_file_is_read_or_stops_the_start(name: str, tmp_path: Path) -> None:
    """A secret file that is missing, given beside the value itself, or full of rubbish stops the start."""
    file = tmp_path / "secret"
    assert_stopped(tmp_path, f"{name}_FILE", **{f"{name}_FILE": str(file)})
    file.write_text("hush")
    assert_stopped(tmp_path, name, **{f"{name}_FILE": str(file)})
    assert_stopped(tmp_path, name, **{f"{name}_FILE": str(file), name: "something"})


def test_a_damaged_secret_in_the_data_folder_stops_the_start(tmp_path: Path) -> None:
    """A kept secret that was cut short is not silently replaced, which would log everybody out."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret.key").write_text("hush")
    assert_stopped(tmp_path, "DATA_DIR")
    assert (tmp_path / "data" / "secret.key").read_text() == "hush"


def test_settings_are_read_from_the_env_file_too(tmp_path: Path) -> None:
    """`.env` in the folder of the start counts, and the environment takes precedence."""
    (tmp_path / ".env").write_text("REGISTRATION=sometimes\n")
    assert_stopped(tmp_path, "REGISTRATION")
    assert duet(tmp_path, "check", REGISTRATION="open").returncode == 0


def test_the_first_start_makes_a_secret_for_its_owner_alone(tmp_path: Path) -> None:
    """The first start makes secret and database, readable by nobody else, and the next start keeps them."""
    with served(tmp_path):
        kept = (tmp_path / "data" / "secret.key").read_text()
    assert len(kept.strip()) >= 32
    for name in ("secret.key", "duet.db"):
        assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == 0o600, name
    with served(tmp_path):
        assert (tmp_path / "data" / "secret.key").read_text() == kept


def test_a_data_folder_is_made_with_a_given_secret_too(tmp_path: Path) -> None:
    """With SECRET_KEY set there is no secret to keep, but the folder for the database is still made."""
    with served(tmp_path, SECRET_KEY=SECRET):
        assert (tmp_path / "data" / "duet.db").exists()
        assert not (tmp_path / "data" / "secret.key").exists()


def test_a_damaged_database_stops_the_start(tmp_path: Path) -> None:
    """A file that is no database stops the start with exit code 2 and a last line that names the setting."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "duet.db").write_text("not a database, and no waiting mends it")
    result = duet_from_scratch(tmp_path, "serve", "--port", str(free_port()), SECRET_KEY=SECRET)
    assert result.returncode == 2, result.stderr
    assert result.stderr.splitlines()[-1].startswith("duet: DATABASE_URL: ")
    assert "Traceback" not in result.stderr
