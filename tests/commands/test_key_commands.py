"""`duet keys …`, as processes beside a running Duet."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.process import duet as run
from tests.kit.duet import SECRET, ApiClient, make_settings, running

OTHER_SECRET = "the secret of another site: 8sK2mQxT"
KID = r"[A-Za-z0-9_-]{43}"


def keys(folder: Path, *arguments: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs `duet keys`, and asserts its exit code."""
    given = {"SECRET_KEY": SECRET, "JWT_ALGORITHM": "EdDSA", "DATABASE_URL": f"sqlite:///{folder / 'duet.db'}"}
    result = run(folder, "keys", *arguments, **{**given, **variables})
    assert result.returncode == code, result.stdout + result.stderr
    return result


def rows(folder: Path) -> list[list[str]]:
    """The rows of `duet keys list`: name, algorithm and state of each key."""
    head, *lines = keys(folder, "list").stdout.splitlines()
    assert head.split()[:3] == ["kid", "algorithm", "state"]
    return [line.split()[:3] for line in lines]


def settings(folder: Path, **given: Any) -> Any:
    """The settings of a site over the same database."""
    return make_settings(folder, database_url=f"sqlite:///{folder / 'duet.db'}", jwt_algorithm="EdDSA", **given)


def test_keys_are_listed_rotated_and_retired(tmp_path: Path) -> None:
    """Each command says in a line or two what it did and when it takes effect; the running site follows."""
    with running(settings(tmp_path)) as site, ApiClient(site.url) as api:
        site.make_user()
        api.log_in()
        [[first, algorithm, state]] = rows(tmp_path)
        assert (algorithm, state) == ("EdDSA", "signing")

        said = keys(tmp_path, "rotate", "--lead", "3600").stdout
        found = re.fullmatch(rf"({KID}) signs from \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n", said)
        assert found, said
        assert rows(tmp_path) == [[first, "EdDSA", "signing"], [found[1], "EdDSA", "published"]]

        said = keys(tmp_path, "retire", first).stdout
        retired = re.fullmatch(rf"{first} is retired as of (.+)\n({KID}) signs from \1\n", said)
        assert retired, said
        deadline = time.monotonic() + 60
        while api.get("/api/users/me").status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        answer = api.get("/api/users/me")
        assert (answer.status_code, answer.json()["code"]) == (401, "key_retired")
        assert api.refresh().status_code == 200
        assert api.get("/api/users/me").status_code == 200
        assert [state for _, _, state in rows(tmp_path)] == ["retired", "verifying", "signing"]


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (["rotate"], {"JWT_ALGORITHM": "HS256"}, "SECRET_KEY_FALLBACKS"),
        (["retire", "x"], {"JWT_ALGORITHM": "HS256"}, "SECRET_KEY_FALLBACKS"),
        (["retire", "x"], {}, "duet keys list"),
        (["retire", "-0dnW7EC3k7uyQRlBn221-YVWLoFCNnnX1-aSN9ETS0"], {}, "duet keys list"),
        (["retire", "-hdnW7EC3k7uyQRlBn221-YVWLoFCNnnX1-aSN9ETS0"], {}, "duet keys list"),
        (["rotate"], {"SECRET_KEY": OTHER_SECRET}, "SECRET_KEY"),
        (["retire", "x"], {"SECRET_KEY": OTHER_SECRET}, "SECRET_KEY"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_line(
    tmp_path: Path, arguments: list[str], variables: dict[str, str], says: str
) -> None:
    """The line names the setting or the command that helps, and no secret."""
    keys(tmp_path, "rotate")
    result = keys(tmp_path, *arguments, code=1, **variables)
    [line] = result.stderr.splitlines()
    assert line.startswith("duet: ")
    assert says in line
    assert SECRET not in line
    assert OTHER_SECRET not in line


def test_there_may_be_no_keys_yet(tmp_path: Path) -> None:
    """Before the first start there are none, and the listing says who makes one; a shared secret always is one."""
    assert "first start" in keys(tmp_path, "list").stderr
    assert keys(tmp_path, "list").stdout == ""
    assert "signing" in keys(tmp_path, "list", JWT_ALGORITHM="HS256", SECRET_KEY_FALLBACKS=OTHER_SECRET).stdout


def test_a_lead_has_bounds(tmp_path: Path) -> None:
    """A lead that is shorter than the containers' polls is refused as a mistake in the command."""
    assert "5<=x<=86400" in keys(tmp_path, "rotate", "--lead", "4", code=2).stderr


def test_a_lost_key_is_shown_as_that(tmp_path: Path) -> None:
    """With another secret the listing still works, and says that the key can't be read."""
    keys(tmp_path, "rotate")
    result = keys(tmp_path, "list", SECRET_KEY=OTHER_SECRET)
    assert " lost " in result.stdout
    assert "SECRET_KEY" in result.stderr
