"""Each error page says in HTML what happened and what to do next, whichever layer made it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Blueprint, abort

from app.auth.errors import NotFound, RoleMissing, StoreUnavailable, TooBusy
from app.auth.models import Client
from app.auth.policy import public, require
from app.extension import Extension
from app.web.errors.texts import ERROR_TEXTS
from tests.kit.duet import Browser, Running, make_settings, messages, running
from tests.kit.naughty import quiet
from tests.web.conftest import Visit


def make_broken() -> Blueprint:
    """Pages that fail in every way a page can."""
    blueprint = Blueprint("broken", __name__, url_prefix="/broken")
    errors = {"role": RoleMissing("accountant"), "away": StoreUnavailable(), "busy": TooBusy(), "gone": NotFound()}

    @blueprint.get("/<int:status>")
    @public
    def fail(status: int) -> str:
        abort(status)

    @blueprint.get("/crash")
    @public
    def crash() -> str:
        raise RuntimeError("a secret detail")

    @blueprint.get("/error/<name>")
    @public
    def refuse(name: str) -> str:
        raise errors[name]

    @blueprint.get("/accounting")
    @require(role="accountant")
    def accounting() -> str:
        return "the books"

    return blueprint


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet with pages that break."""
    settings = make_settings(tmp_path_factory.mktemp("duet"), max_body_bytes=10_000)
    with running(settings, extensions=[Extension("broken", blueprints=[make_broken()])]) as one:
        yield one


def is_error_page(text: str, status: int) -> bool:
    """Whether a page says what happened and what to do, in the words for that status."""
    words = ERROR_TEXTS[status]
    text = html.unescape(text)
    return f"Error {status}" in text and words.title in text and words.advice in text and 'href="/"' in text


@pytest.mark.parametrize("status", sorted(ERROR_TEXTS))
def test_every_status_has_its_page(visit: Visit, status: int) -> None:
    """A view that aborts with a status yields our page, with the words for that status."""
    answer = visit().get(f"/broken/{status}")
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert is_error_page(answer.text, status)
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_a_status_without_words_has_a_page_too(visit: Visit) -> None:
    """A status that we have no words for is shown with its name."""
    answer = visit().get("/broken/418")
    assert (answer.status_code, "Teapot" in answer.text) == (418, True)


def test_a_crash_tells_nothing_but_a_number_to_mention(visit: Visit) -> None:
    """A 500 page has no traceback; the number that it asks to mention is in the answer's header and the log."""
    with quiet():
        answer = visit().get("/broken/crash")
    assert answer.status_code == 500
    assert is_error_page(answer.text, 500)
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["X-Request-ID"] in answer.text


@pytest.mark.parametrize(("name", "status"), [("role", 403), ("away", 503), ("busy", 503), ("gone", 404)])
def test_each_refusal_of_auth_has_its_page(visit: Visit, name: str, status: int) -> None:
    """The page of a 503 says when to come back, in the header and in words."""
    answer = visit().get(f"/broken/error/{name}")
    assert answer.status_code == status
    assert f"Error {status}" in answer.text
    if status == 503:
        assert int(answer.headers["Retry-After"]) > 0
        assert f"Try again in {answer.headers['Retry-After']} seconds" in answer.text


def test_a_missing_role_is_a_403(visit: Visit, email: str) -> None:
    """A page that needs a role refuses somebody who is logged in without it, and asks others to log in."""
    answer = visit(email).get("/broken/accounting")
    assert answer.status_code == 403
    assert "Your account does not have the rights for this." in answer.text
    assert visit().get("/broken/accounting").status_code == 303


@pytest.mark.parametrize("path", ["/nowhere", "/account/nowhere", "/login/", "/static", "/static/nowhere.css"])
def test_an_unknown_page_is_a_404_for_everyone(visit: Visit, email: str, path: str) -> None:
    """Nobody has to log in to learn that a page does not exist, and no message is left behind."""
    for browser in (visit(), visit(email)):
        answer = browser.get(path)
        assert answer.status_code == 404
        assert "session" not in {name.partition("=")[0] for name in answer.headers.get_list("Set-Cookie")}
        if not path.startswith("/static/"):
            assert is_error_page(answer.text, 404)
    assert 'role="status"' not in visit(email).get("/").text


def test_a_wrong_method_says_which_is_right(visit: Visit, email: str) -> None:
    """A wrong method is a page with status 405 and Allow."""
    for browser in (visit(), visit(email)):
        answer = browser.get("/logout")
        assert answer.status_code == 405
        assert "POST" in answer.headers["Allow"]
        assert is_error_page(answer.text, 405)


def test_a_body_that_is_too_large_is_refused(shared: Running, visit: Visit, email: str) -> None:
    """A body that is too large is a page with status 413, whether or not its length was announced."""
    browser = visit(email)
    answer = browser.post("/account", content=b"x" * 10_001)
    assert (answer.status_code, is_error_page(answer.text, 413)) == (413, True)
    answer = browser.post("/account", content=iter([b"x" * 6_000] * 2))
    assert (answer.status_code, is_error_page(answer.text, 413)) == (413, True)


def test_what_the_edge_refuses_is_a_page_too(shared: Running, visit: Visit) -> None:
    """A malformed request never gets past the edge, and its answer still looks like the other error pages."""
    browser = visit()
    for headers, path, status in (
        ({"Host": "a b"}, "/", 400),
        ({}, "/%ff", 400),
        ({}, "/" + "a" * 9000, 414),
        ({"X-Large": "x" * 33_000}, "/", 431),
    ):
        answer = browser.get(path, headers=headers)
        assert answer.status_code == status
        assert is_error_page(answer.text, status)
        assert "text/html" in answer.headers["Content-Type"]


@pytest.mark.parametrize(
    "path", ["/nowhere", "/broken/503", "/broken/error/away", "/broken/accounting", "/admin/users"]
)
def test_error_pages_keep_the_menu(shared: Running, visit: Visit, email: str, path: str) -> None:
    """Somebody who is logged in can go on, or log out, from there; a stranger gets the menu of strangers."""
    browser = visit(email)
    browser.get("/")
    answer = browser.get(path)
    assert answer.status_code >= 400
    assert 'href="/account">Account</a>' in answer.text
    assert ">Admin</a>" not in answer.text
    token = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)
    assert token
    assert browser.post("/logout", data={"csrf_token": token[1]}).headers["Location"] == "/login"
    answer = visit().get("/nowhere")
    assert 'href="/login">Log in</a>' in answer.text
    assert "csrf_token" not in answer.text


def test_messages_wait_for_the_page_that_was_meant(visit: Visit, email: str) -> None:
    """A missing image, whose answer is an error page too, takes no message away."""
    browser = visit(email)
    browser.submit("/account", name="Ada Lovelace")
    assert "Set-Cookie" not in browser.get("/missing.png").headers
    assert messages(browser.get("/account").text) == ["Your name was saved."]


def test_an_error_page_survives_what_an_extension_adds(tmp_path: Path) -> None:
    """If what an extension adds to every page fails, the page is drawn without it: no 500 and no loop."""
    blueprint = make_broken()

    @blueprint.app_context_processor
    def add() -> dict[str, str]:
        raise StoreUnavailable()

    extensions = [Extension("broken", blueprints=[blueprint])]
    with running(make_settings(tmp_path), extensions=extensions) as duet, Browser(duet.url) as browser, quiet():
        assert is_error_page(browser.get("/nowhere").text, 404)
        answer = browser.get("/login")
    assert (answer.status_code, is_error_page(answer.text, 503)) == (503, True)


def test_admin_pages_exist_for_admins_alone(shared: Running, visit: Visit, email: str) -> None:
    """Others who are logged in get the 404 page, word for word that of a page that does not exist."""
    answer = visit(email).get("/admin/routes")
    assert (answer.status_code, is_error_page(answer.text, 404)) == (404, True)
    other = visit(email).get("/admin/nowhere")
    assert answer.text.replace(answer.headers["X-Request-ID"], "") == other.text.replace(
        other.headers["X-Request-ID"], ""
    )


def test_an_admin_sees_every_rule(shared: Running, visit: Visit, email: str) -> None:
    """The page shows every row of the policy's table, for both halves and for the team's pages."""
    shared.make_user(f"admin-{email}", roles=["admin"])
    text = html.unescape(visit(f"admin-{email}").get("/admin/routes").text.replace("<wbr>", ""))
    rules = shared.app.state.rules
    assert len(rules) > 20
    for rule in rules:
        assert f"<code>{rule.path}</code>" in text
        assert str(rule.policy) in text
    assert f"{len(rules)} routes" in text
    assert "role accountant" in text


def test_a_role_that_was_taken_away_counts_at_once(shared: Running, visit: Visit, email: str) -> None:
    """The next request of a former admin is treated as anybody's; the role given back counts at once too."""
    user = shared.make_user(f"former-{email}", roles=["admin"])
    browser: Browser = visit(f"former-{email}")
    assert browser.get("/admin/routes").status_code == 200
    for roles, status in (([], 404), (["admin"], 200)):
        shared.wait(shared.auth.administration.set_roles(user.id, roles, Client("test")))
        assert browser.get("/admin/routes").status_code == status
