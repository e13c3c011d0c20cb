"""`duet user import` takes users over whole, reports each bad line, and changes nothing the second time."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from passlib.hash import bcrypt

from tests.deploy.process import duet
from tests.kit.duet import PASSWORD, SECRET, ApiClient, Browser, Running, make_settings, running

HASH = bcrypt.using(rounds=4).hash(PASSWORD)
HEADER = "email,password_hash,name,roles,is_active,is_email_verified,created_at\n"


def csv_of(*rows: str) -> str:
    """A file of email addresses, hashes and names."""
    return "".join(f"{row}\n" for row in ("email,password_hash,name", *rows))


@pytest.fixture
def run(tmp_path: Path, database_url: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `duet user import` on a file with this content, or on standard input, and asserts its exit code."""

    def import_(content: str | bytes, *options: str, code: int = 0, stdin: bool = False) -> Any:
        file = tmp_path / "users.txt"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        given = content if stdin and isinstance(content, str) else ""
        settings = {"SECRET_KEY": SECRET, "DATABASE_URL": database_url}
        result = duet(tmp_path, "user", "import", *options, "-" if stdin else str(file), given=given, **settings)
        assert result.returncode == code, result.stderr
        return result

    return import_


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Iterator[Running]:
    """A Duet over the same store."""
    with running(make_settings(tmp_path, database_url=database_url)) as one:
        yield one


def test_a_user_comes_over_and_logs_in(run: Any, site: Running) -> None:
    """Email address, name, roles, state and date are kept; the old password counts, and login upgrades its
    hash."""
    run(
        HEADER
        + f'Ada@Example.com,{HASH},"Lovelace, Ada",staff; admin,,yes,2021-03-04T05:06:07.891234+01:00\n'
        + f"bob@example.com,{HASH},,,false,,\n"
    )
    ada = site.wait(site.auth.accounts.find("ada@example.com"))
    assert (ada.email, ada.name, ada.roles) == ("Ada@example.com", "Lovelace, Ada", ("admin", "staff"))
    assert (ada.is_active, ada.is_email_verified) == (True, True)
    assert ada.created_at == datetime(2021, 3, 4, 4, 6, 7, 891000, tzinfo=UTC)
    assert ada.password_hash == HASH
    with ApiClient(site.url) as api, Browser(site.url) as browser:
        assert api.log_in(password="not the password").status_code == 400
        assert api.log_in().status_code == 200
        assert api.get("/api/users/me").json()["roles"] == ["admin", "staff"]
        upgraded = site.wait(site.auth.accounts.find("ada@example.com")).password_hash
        assert upgraded.startswith("$bcrypt-sha256$")
        assert browser.log_in().status_code == 303
        assert site.wait(site.auth.accounts.find("ada@example.com")).password_hash == upgraded
        assert api.log_in("bob@example.com").status_code == 400  # this account is not active


def test_bad_lines_are_told_and_the_others_come_over(run: Any, site: Running) -> None:
    """Standard error has the number and column of each bad line, and does not repeat its content."""
    rows = [
        f"ada@example.com,{HASH},Ada",
        "bob@example.com,hunter2,Bob",
        "",
        "no address,x,",
        f"cy@example.com,{HASH},Cy",
    ]
    result = run(csv_of(*rows), code=1)
    assert result.stdout == "imported 2, already there 0, refused 2\n"
    assert result.stderr.splitlines() == [
        "line 3: password_hash: not a bcrypt hash",
        "line 5: email: that is not an e-mail address",
    ]
    page = site.wait(site.auth.administration.search())
    assert [user.email for user in page.items] == ["ada@example.com", "cy@example.com"]


def test_twice_is_once(run: Any, site: Running) -> None:
    """An account that exists stays as it is; of two lines for one email address the first counts."""
    content = csv_of(
        f"ada@example.com,{HASH},Ada", f"ADA@Example.com,{HASH},Another", f"bob@example.com,{HASH},Bob"
    )
    assert run(content, "--dry-run").stdout == "would import 2, already there 1, refused 0\n"
    assert site.wait(site.auth.administration.search()).items == []
    assert run(content).stdout == "imported 2, already there 1, refused 0\n"
    ada = site.wait(site.auth.accounts.find("ada@example.com"))
    assert ada.name == "Ada"
    site.wait(site.auth.accounts.rename(ada.id, "Countess"))
    assert run(content.replace(HASH, bcrypt.using(rounds=4).hash("x")), stdin=True).stdout == (
        "imported 0, already there 3, refused 0\n"
    )
    again = site.wait(site.auth.accounts.get(ada.id))
    assert (again.name, again.password_hash) == ("Countess", HASH)
    events = site.wait(site.auth.audit.events(event="users_imported")).items
    assert [event.detail for event in events] == ["2"]


def test_a_file_that_is_none_ends_with_1(tmp_path: Path) -> None:
    """An empty file is refused in one line, and a missing file is a wrong command."""
    (tmp_path / "empty").touch()
    result = duet(tmp_path, "user", "import", "empty")
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "duet: The file is empty.\n")
    assert duet(tmp_path, "user", "import", "nowhere").returncode == 2
