"""Static files are public, kept by caches, and touch no session."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from flask import Blueprint, url_for

from app.auth.policy import public
from app.extension import Extension
from tests.kit.cookies import age, forget_renewals
from tests.kit.duet import Running, make_settings, running
from tests.web.conftest import Visit


def charts(folder: Path) -> Extension:
    """A team's blueprint with static files, and a page that names the address of one."""
    blueprint = Blueprint("charts", __name__, url_prefix="/charts", static_folder=str(folder))
    page = public(lambda: url_for("charts.static", filename="chart.css"))
    blueprint.add_url_rule("/", "page", page)
    return Extension("charts", blueprints=[blueprint])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet with a team's blueprint that has its own static files."""
    folder = tmp_path_factory.mktemp("charts") / "static"
    folder.mkdir()
    (folder / "chart.css").write_text("p { color: red }")
    with running(make_settings(tmp_path_factory.mktemp("duet")), extensions=[charts(folder)]) as one:
        yield one


FILES = ["/static/duet.css", "/static/duet.svg", "/charts/static/chart.css"]


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_public_and_touches_no_session(shared: Running, visit: Visit, email: str, path: str) -> None:
    """A file is served to everybody alike, sets no cookie and renews no token."""
    stranger, browser = visit(), visit(email)
    age(shared, browser)
    for one in (stranger, browser):
        answer = one.get(path)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.headers.get("Vary", "")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert forget_renewals(shared) == 0
    assert browser.get("/").status_code == 200
    assert forget_renewals(shared) == 1


@pytest.mark.parametrize("path", FILES)
def test_caches_keep_a_file(visit: Visit, path: str) -> None:
    """With its version in the address a file is kept for a year; without it, for as long as it has not changed."""
    browser = visit()
    answer = browser.get(path)
    assert answer.headers["Cache-Control"] == "public, no-cache"
    again = browser.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    own = f"{path}?v={hashlib.sha256(answer.content).hexdigest()[:12]}"
    assert browser.get(own).headers["Cache-Control"] == "public, max-age=31536000, immutable"
    again = browser.get(own, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.headers["Cache-Control"]) == (304, "public, max-age=31536000, immutable")


@pytest.mark.parametrize("path", FILES)
def test_s46_a_file_is_kept_under_its_own_hash_alone(visit: Visit, path: str) -> None:
    """Under any other address the browser asks again, with the hash of the content as the tag."""
    browser = visit()
    own = hashlib.sha256(browser.get(path).content).hexdigest()[:12]
    others = [f"v={own}0", f"v={own[:-1]}", f"v={own}&x=1", f"x=1&v={own}", f"v=1&v={own}", f"V={own}"]
    for query in ("v=1", "v=", "v", f"v=%{ord(own[0]):x}{own[1:]}", f"v={'0' * 12}", *others):
        answer = browser.get(f"{path}?{query}")
        assert answer.headers["Cache-Control"] == "public, no-cache", query
        assert answer.headers["ETag"].strip('"').startswith(own)
    assert browser.head(f"{path}?v=1").headers["Cache-Control"] == "public, no-cache"
    again = browser.get(f"{path}?v=1", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.headers["Cache-Control"]) == (304, "public, no-cache")


def test_s46_an_older_version_keeps_nothing_under_the_newer_address(tmp_path: Path) -> None:
    """Of two versions behind one proxy, each answers at the other's address so that it is asked again, even if the
    files have the same date and length."""
    addresses, folders = [], [tmp_path / name / "static" for name in ("old", "new")]
    with ExitStack() as stack:
        sites = []
        for folder, colour in zip(folders, ("blue", "teal"), strict=True):
            folder.mkdir(parents=True)
            (folder / "chart.css").write_text(f"p {{ color: {colour} }}")
            os.utime(folder / "chart.css", (1_000_000_000, 1_000_000_000))
            sites.append(
                stack.enter_context(running(make_settings(tmp_path / colour), extensions=[charts(folder)]))
            )
            addresses.append(httpx.get(f"{sites[-1].url}/charts/").text)
        assert addresses[0] != addresses[1]
        old = httpx.get(sites[0].url + addresses[1])
        assert (old.text, old.headers["Cache-Control"]) == ("p { color: blue }", "public, no-cache")
        headers = {"If-None-Match": old.headers["ETag"], "If-Modified-Since": old.headers["Last-Modified"]}
        for condition in (headers, {"If-Modified-Since": old.headers["Last-Modified"]}):
            new = httpx.get(sites[1].url + addresses[1], headers=condition)
            assert (new.status_code, new.text) == (200, "p { color: teal }")
            assert new.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_s46_a_file_that_changes_has_another_address(tmp_path: Path) -> None:
    """The address that a page names follows the file while the process runs, and the former one is not kept."""
    (tmp_path / "chart.css").write_text("p { color: blue }")
    with running(make_settings(tmp_path / "data"), extensions=[charts(tmp_path)]) as one:
        first = httpx.get(f"{one.url}/charts/").text
        assert "immutable" in httpx.get(one.url + first).headers["Cache-Control"]
        (tmp_path / "chart.css").write_text("p { color: teal }")
        second = httpx.get(f"{one.url}/charts/").text
        assert first != second
        assert "immutable" in httpx.get(one.url + second).headers["Cache-Control"]
        assert httpx.get(one.url + first).headers["Cache-Control"] == "public, no-cache"


def test_pages_name_files_with_their_version(visit: Visit) -> None:
    """The stylesheet's address changes with its content, on pages and on error pages."""
    browser = visit()
    for path in ("/login", "/nowhere"):
        found = re.search(r'href="(/static/duet\.css\?v=[0-9a-f]{12})"', browser.get(path).text)
        assert found
        assert browser.get(found[1]).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/factory.py",
        "/static/..%2ffactory.py",
        "/static/%2e%2e%2ffactory.py",
        "/static//etc/passwd",
        "/static/%00",
        "/charts/static/..%2f..%2fduet.db",
        "/static/",
    ],
)
def test_nothing_beside_the_files_is_served(visit: Visit, path: str) -> None:
    """No path leads out of the folder, and there is no listing."""
    assert visit().get(path).status_code in (400, 404)


def test_files_are_for_reading(visit: Visit) -> None:
    """A POST is a 405, and a HEAD is answered without a body."""
    browser = visit()
    assert browser.post("/static/duet.css").status_code == 405
    assert browser.head("/static/duet.css").content == b""


def test_a_file_that_is_not_there_is_a_page(visit: Visit) -> None:
    """A dead link to a file leads to the page that says what to do, as everywhere outside the API."""
    answer = visit().get("/static/nope.css")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Go to the home page" in answer.text
    refused = visit().post("/static/duet.css")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")
