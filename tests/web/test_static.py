"""Static files are public, kept by caches, and touch no session."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Blueprint

from app.extension import Extension
from tests.kit.cookies import age, forget_renewals
from tests.kit.duet import Running, make_settings, running
from tests.web.conftest import Visit


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet with a team's blueprint that has its own static files."""
    folder = tmp_path_factory.mktemp("charts") / "static"
    folder.mkdir()
    (folder / "chart.css").write_text("p { color: red }")
    blueprint = Blueprint("charts", __name__, url_prefix="/charts", static_folder=str(folder))
    settings = make_settings(tmp_path_factory.mktemp("duet"))
    with running(settings, extensions=[Extension("charts", blueprints=[blueprint])]) as one:
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
    assert browser.get(f"{path}?v=1").headers["Cache-Control"] == "public, max-age=31536000, immutable"


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
