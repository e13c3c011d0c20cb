"""`duet check` and `duet user …`, as processes beside a running Duet."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.deploy.process import duet as run
from tests.deploy.process import duet_from_scratch as run_from_scratch
from tests.kit.duet import PASSWORD, SECRET, ApiClient, Browser, Running, make_settings, messages, running

OTHER_PASSWORD = "battery horse correct"
#: For tests where the store makes no difference, because each command takes a process.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@dataclass(frozen=True)
class Terminal:
    """Somebody at a terminal, with the settings of the site."""

    folder: Path
    database_url: str

    def run(self, *arguments: str, given: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs `duet`, and asserts its exit code."""
        result = run(self.folder, *arguments, given=given, SECRET_KEY=SECRET, DATABASE_URL=self.database_url)
        assert result.returncode == code, result.stderr
        return result

    def user(self, *arguments: str, password: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs `duet user`, with a password on its standard input."""
        options = ["--password-stdin"] if password else []
        return self.run("user", *arguments, *options, given=f"{password}\n", code=code)


@pytest.fixture
def terminal(tmp_path: Path, database_url: str) -> Terminal:
    """A terminal over each kind of store."""
    return Terminal(tmp_path, database_url)


@pytest.fixture
def site(terminal: Terminal) -> Iterator[Running]:
    """A Duet over the same store, in another process than the commands."""
    with running(make_settings(terminal.folder, database_url=terminal.database_url)) as one:
        yield one


def soon(ask: Callable[[], httpx.Response], status: int) -> httpx.Response:
    """Asks until the answer has this status: the site sees what another process did with its next poll."""
    deadline = time.monotonic() + 60
    while (answer := ask()).status_code != status and time.monotonic() < deadline:
        time.sleep(0.05)
    assert answer.status_code == status
    return answer


def test_an_account_goes_through_its_life(terminal: Terminal, site: Running) -> None:
    """The site sees each step within two seconds: made, listed, disabled, enabled, deleted at the terminal."""
    assert terminal.user("create", "ada@example.com", "--admin", password=PASSWORD).stdout.startswith(
        "created ada@"
    )
    terminal.user("create", "zoe@example.com", "--admin", password=PASSWORD)  # the last admin can't be disabled
    line = terminal.user("list").stdout.splitlines()[0].split("\t")
    assert (line[0], line[2], line[3]) == ("ada@example.com", "admin", "active")

    with ApiClient(site.url) as api, Browser(site.url) as browser:
        assert api.log_in().status_code == 200
        assert browser.log_in().status_code == 303
        assert api.get("/api/users/me").json()["roles"] == ["admin"]

        terminal.user("disable", "Ada@Example.com")
        answer = soon(lambda: api.get("/api/users/me"), 401)
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        assert soon(lambda: browser.get("/"), 303).headers["Location"].startswith("/login")
        assert api.refresh().status_code == 400
        assert api.log_in().status_code == 400
        assert "disabled" in terminal.user("list").stdout

        terminal.user("enable", "ada@example.com")
        assert api.log_in().status_code == 200
        assert api.get("/api/users/me").status_code == 200

        terminal.user("delete", "ada@example.com", "--yes")
        soon(lambda: api.get("/api/users/me"), 401)
        assert terminal.user("list").stdout.startswith("zoe@example.com\t")
        assert "admin" in terminal.user("delete", "zoe@example.com", "--yes", code=1).stderr


@ON_SQLITE
def test_a_new_password_ends_every_session(terminal: Terminal, site: Running) -> None:
    """After `set-password` the old password and every session that it opened are useless."""
    site.make_user()
    with ApiClient(site.url) as api, Browser(site.url) as browser:
        api.log_in()
        browser.log_in()
        terminal.user("set-password", "ada@example.com", password=OTHER_PASSWORD)
        soon(lambda: api.get("/api/users/me"), 401)
        assert soon(lambda: browser.get("/"), 303).headers["Location"].startswith("/login")
        assert any("password" in text for text in messages(browser.get("/login").text))
        assert api.log_in().status_code == 400
        assert api.log_in(password=OTHER_PASSWORD).status_code == 200


@ON_SQLITE
def test_roles_are_changed_at_the_terminal(terminal: Terminal, site: Running) -> None:
    """The site sees new roles at once or nearly so, the audit log has them, and the last admin stays one."""
    terminal.user("create", "zoe@example.com", "--admin", password=PASSWORD)
    user = site.make_user()
    with ApiClient(site.url) as api:
        api.log_in()
        assert terminal.user("set-roles", "Ada@example.com", "editor", "admin").stdout == (
            "roles of ada@example.com: admin, editor\n"
        )
        soon(lambda: api.get("/api/users/me"), 401)  # a token from before does not count any more
        api.refresh()
        assert sorted(api.get("/api/users/me").json()["roles"]) == ["admin", "editor"]
        rows = api.get(f"/api/admin/audit?user={user.id}&event=roles_changed").json()["items"]
        assert [row["detail"] for row in rows] == ["admin,editor"], rows
    assert terminal.user("set-roles", "zoe@example.com").stdout == "roles of zoe@example.com: none\n"
    for refused in (
        terminal.user("set-roles", "ada@example.com", "editor", code=1),
        terminal.user("set-roles", "ada@example.com", "no role", code=1),
        terminal.user("set-roles", "nobody@example.com", "editor", code=1),
    ):
        assert refused.stderr.startswith("duet: ")
        assert refused.stderr.count("\n") == 1
    assert "admin,editor" in terminal.user("list").stdout


@ON_SQLITE
def test_accounts_are_made_without_a_server(terminal: Terminal) -> None:
    """The commands need no running site, and say in one line what is wrong."""
    terminal.user("create", "ada@example.com", "--name", "Ada", password=PASSWORD)
    assert "ada@example.com" in terminal.user("list").stdout
    for refused in (
        terminal.user("create", "ADA@example.com", password=PASSWORD, code=1),
        terminal.user("create", "no address", password=PASSWORD, code=1),
        terminal.user("create", "bob@example.com", password="short", code=1),
        terminal.user("set-password", "ada@example.com", password="short", code=1),
        terminal.user("disable", "nobody@example.com", code=1),
        terminal.user("delete", "nobody@example.com", "--yes", code=1),
    ):
        assert refused.stderr.startswith("duet: ")
        assert refused.stderr.count("\n") == 1
        assert refused.stdout == ""


def test_deletion_is_asked_for(tmp_path: Path) -> None:
    """Without --yes nothing is deleted until somebody confirms it."""
    terminal = Terminal(tmp_path, f"sqlite:///{tmp_path / 'duet.db'}")
    terminal.user("create", "ada@example.com", password=PASSWORD)
    terminal.run("user", "delete", "ada@example.com", given="n\n", code=1)
    assert "ada@example.com" in terminal.user("list").stdout
    terminal.run("user", "delete", "ada@example.com", given="y\n")
    assert terminal.user("list").stdout == ""


def test_a_password_is_never_an_argument(tmp_path: Path) -> None:
    """No option takes a password, which would appear in the list of processes and in the shell's history."""
    terminal = Terminal(tmp_path, f"sqlite:///{tmp_path / 'duet.db'}")
    terminal.run("user", "create", "ada@example.com", "--password", PASSWORD, code=2)
    terminal.run("user", "create", "ada@example.com", PASSWORD, code=2)
    made = run_from_scratch(tmp_path, "user", "create", "ada@example.com", PASSWORD, SECRET_KEY=SECRET)
    assert made.returncode == 2, made.stderr


def test_the_list_is_complete(tmp_path: Path) -> None:
    """More accounts than fit into one page of the store are each listed once."""
    terminal = Terminal(tmp_path, f"sqlite:///{tmp_path / 'duet.db'}")
    with running(make_settings(tmp_path, database_url=terminal.database_url)) as site:
        for number in range(120):
            site.make_user(f"person{number:03}@example.com")
    lines = terminal.user("list").stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == [f"person{number:03}@example.com" for number in range(120)]


def findings(result: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The lines of `duet check` by subject, each beginning with ok or FAIL."""
    lines = [line.partition(":") for line in result.stdout.splitlines()]
    return {subject.split()[1]: f"{subject.split()[0]}{text}" for subject, _, text in lines}


@ON_SQLITE
def test_check_tells_what_is_well(terminal: Terminal) -> None:
    """A good deployment gets a line for each subject, all ok, and exit code 0."""
    result = run_from_scratch(terminal.folder, "check", SECRET_KEY=SECRET, DATABASE_URL=terminal.database_url)
    assert result.returncode == 0, result.stderr
    found = findings(result)
    assert {
        "settings",
        "secrets",
        "packages",
        "database",
        "mail",
        "clock",
        "proxy",
        "cookies",
        "extensions",
    } <= set(found)
    assert all(text.startswith("ok") for text in found.values())


@pytest.mark.parametrize(
    ("subject", "variables"),
    [
        ("settings", {"REGISTRATION": "sometimes"}),
        ("settings", {"SECRET_KEY": "changeme"}),
        ("database", {"DATABASE_URL": "mongodb://127.0.0.1:9/duet", "SECRET_KEY": SECRET}),
        ("database", {"DATABASE_URL": "sqlite:///no/such/folder/duet.db"}),
        ("database", {"DATABASE_URL": "mongodb://ada:hush@db:port/duet", "SECRET_KEY": SECRET}),
        ("mail", {"SMTP_URL": "smtp://ada:hush@mail.example.com:587"}),
        ("cookies", {"TRUSTED_PROXIES": "127.0.0.1"}),
        ("cookies", {"PUBLIC_URL": "http://duet.example.com"}),
        ("proxy", {"PUBLIC_URL": "https://duet.example.com"}),
        ("extensions", {"EXTENSIONS": "no.such.module:extension"}),
    ],
)
def test_check_tells_what_is_wrong(subject: str, variables: dict[str, str], tmp_path: Path) -> None:
    """Each fault gets a line that begins with FAIL, and the exit code is 1; no line holds a secret."""
    result = run(tmp_path, "check", **variables)
    assert result.returncode == 1
    assert findings(result)[subject].startswith("FAIL")
    assert "hush" not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
