"""The setup link: printed by the first start, the same on the next, and never again once there is an account."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.process import Served, duet, served
from tests.kit.duet import PASSWORD, SECRET, Browser

EMAIL = "ada@example.com"
_LINE = re.compile(r"^Set up +(http://\S+/setup/[\w-]{22}\.[\w-]{43}) +makes the first admin, once", re.MULTILINE)


@pytest.fixture(params=["sqlite", "mongodb"])
def variables(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The settings of a new site on each store."""
    if request.param == "sqlite":
        yield {}
        return
    yield {"DATABASE_URL": request.getfixturevalue("mongo_database_url"), "SECRET_KEY": SECRET}


def printed_links(one: Served, *, wait: float = 60) -> list[str]:
    """The setup links on the terminal, as soon as there is one or after `wait` seconds."""
    deadline = time.monotonic() + wait
    while not (found := _LINE.findall(one.log.read_text())) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [str(link) for link in found]


def no_link(one: Served) -> bool:
    """Whether the terminal shows no link; it would come at once, or as soon as the database answers."""
    with Browser(one.url) as browser:
        assert browser.log_in(EMAIL).status_code == 303
    return printed_links(one, wait=0.5) == []


def test_the_first_start_prints_the_link(tmp_path: Path, variables: dict[str, str]) -> None:
    """A restart prints the same link; the person who uses it is the admin, and no start prints one again."""
    with served(tmp_path, PUBLIC_URL="http://127.0.0.1:8000", **variables) as one:
        [link] = printed_links(one)
        assert link.startswith("http://127.0.0.1:8000/setup/"), "as PUBLIC_URL says"
        path = link.removeprefix("http://127.0.0.1:8000")
        with Browser(one.url) as browser:
            assert browser.get(path).status_code == 200
            log = one.log.read_text()
        assert log.count(path.rpartition("/")[2]) == 1, "the log has routes, and no link"
    with served(tmp_path, **variables) as again:
        [same] = printed_links(again)
        assert same == again.url + path
        with Browser(again.url) as browser:
            done = browser.submit(path, email=EMAIL, password=PASSWORD, name="Ada")
            assert (done.status_code, done.headers["location"]) == (303, "/login")
            assert browser.get(path).status_code == 400
            assert browser.log_in(EMAIL).status_code == 303
            assert browser.get("/admin/users").status_code == 200
    with served(tmp_path, **variables) as last:
        assert no_link(last)


def test_an_account_from_the_terminal_makes_the_link_needless(tmp_path: Path) -> None:
    """The admin logs in at once, even where addresses must be confirmed: the operator vouches for this one."""
    made = duet(tmp_path, "user", "create", EMAIL, "--admin", "--password-stdin", given=f"{PASSWORD}\n")
    assert made.returncode == 0, made.stderr
    with served(tmp_path, REQUIRE_VERIFIED_EMAIL="1") as one:
        assert no_link(one)


def test_a_link_that_was_not_used_is_void_once_there_is_an_admin(tmp_path: Path) -> None:
    """The link no longer counts after an admin is made at the terminal."""
    with served(tmp_path) as one:
        [link] = printed_links(one)
        made = duet(tmp_path, "user", "create", EMAIL, "--admin", "--password-stdin", given=f"{PASSWORD}\n")
        assert made.returncode == 0, made.stderr
        with Browser(one.url) as browser:
            assert browser.get(link).status_code == 400
            made_up = re.sub(r"setup/.*", f"setup/{'A' * 22}.{'A' * 43}", link)
            assert browser.get(made_up).status_code == 400
