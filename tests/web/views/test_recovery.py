"""A forgotten password on the pages: the mailed link, what it ends, and what it does not reveal."""

from __future__ import annotations

import re

from app.auth.models import Client
from tests.kit.cookies import read_cookie
from tests.kit.duet import PASSWORD, ApiClient, Running, messages
from tests.kit.mails import read_mails
from tests.web.conftest import Visit
from tests.web.views.links import comparable, mailed

ON_ITS_WAY = (
    "If there is an account with this address, a link to choose a new password is on its way. "
    "It works for 30 minutes."
)
NEW = "staple horse correct"


def forget(visit: Visit, shared: Running, email: str) -> str:
    """Asks for a new password, and returns the path of the mailed link."""
    assert visit().submit("/forgot-password", email=email).status_code == 303
    return mailed(shared, "reset-password", to=email)


def test_the_way_back(shared: Running, visit: Visit, email: str) -> None:
    """The login and the mail lead to a new password, which logs nobody in and ends every session."""
    elsewhere, browser = visit(email), visit()
    with ApiClient(shared.url, verify=False) as program:
        program.log_in(email)
        assert 'href="/forgot-password"' in browser.get("/login").text
        path = forget(visit, shared, email)
        answer = browser.submit(path, new_password=NEW)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
        done = "Your password was changed, and you are logged out everywhere. Please log in."
        assert messages(browser.get("/login").text) == [done]
        assert browser.get("/account").status_code == 303
        assert elsewhere.get("/account").status_code == 303
        assert program.get("/api/users/me").status_code == 401
    assert browser.log_in(email).status_code == 401
    assert browser.log_in(email, NEW).status_code == 303


def test_a_password_manager_learns_whose_it_is(shared: Running, visit: Visit, email: str) -> None:
    """The email address stands hidden beside the new password, and the meter knows it."""
    page = visit().get(forget(visit, shared, email)).text
    assert re.search(f'<input type="email" autocomplete="username" value="{email}"[^>]* hidden', page)
    assert f'data-words="{email} ' in page


def test_whoever_resets_while_signed_in_is_logged_out(shared: Running, visit: Visit, email: str) -> None:
    """The session in the browser that follows the link is over as well, and its cookie is empty."""
    browser = visit(email)
    path = forget(visit, shared, email)
    assert browser.submit(path, new_password=NEW).status_code == 303
    assert "access_token" not in read_cookie(shared, browser.cookies["session"])
    answer = browser.get("/account")
    assert answer.status_code == 303
    assert messages(browser.get("/login").text)[0].startswith("Your password was changed")


def test_a_link_works_once(shared: Running, visit: Visit, email: str) -> None:
    """A used link leads to a page that offers another, and so does an older link of the same account."""
    older = forget(visit, shared, email)
    visit().submit("/forgot-password", email=email)
    read_mails(shared.outbox, to=email, count=2)
    path = mailed(shared, "reset-password", to=email)
    browser = visit()
    assert browser.submit(path, new_password=NEW).status_code == 303
    token = browser.csrf_token()
    for used in {path, older}:
        for answer in (
            browser.get(used),
            browser.post(used, data={"csrf_token": token, "new_password": NEW + "!"}),
        ):
            assert answer.status_code == 400
            assert "This link does not work" in answer.text
            assert 'href="/forgot-password"' in answer.text
    assert browser.log_in(email, NEW).status_code == 303


def test_a_weak_password_does_not_use_the_link(shared: Running, visit: Visit, email: str) -> None:
    """The form is shown again with the reason at the field, and without what was typed."""
    path, browser = forget(visit, shared, email), visit()
    for typed, message in (("too-short-5Qx", "At least 15"), ("", "Please choose a new password.")):
        answer = browser.submit(path, new_password=typed)
        assert answer.status_code == 422
        assert "<title>Error: " in answer.text
        assert message in answer.text
        assert 'href="#new_password"' in answer.text
        assert not typed or typed not in answer.text
    assert browser.submit(path, new_password=NEW).status_code == 303


def test_nobody_learns_who_has_an_account(shared: Running, visit: Visit, email: str) -> None:
    """Active, disabled and unknown email addresses get the same status, headers and page (security.md, 23)."""
    user = shared.make_user(f"off-{email}")
    shared.wait(shared.auth.administration.set_active(user.id, False, Client("test")))
    seen = []
    for address in (email, f"off-{email}", f"nobody-{email}"):
        browser = visit()
        answer = browser.submit("/forgot-password", email=address)
        page = browser.get("/login")
        assert messages(page.text) == [ON_ITS_WAY]
        seen.append((comparable(answer), comparable(page)))
    assert seen[0] == seen[1] == seen[2]
    assert read_mails(shared.outbox, to=email)
    assert read_mails(shared.outbox, to=f"off-{email}", count=0) == []


def test_what_is_no_address_is_told(visit: Visit) -> None:
    """Text that is no email address is a 422 with what was typed."""
    answer = visit().submit("/forgot-password", email="no address")
    assert (answer.status_code, 'value="no address"' in answer.text) == (422, True)


def test_the_old_password_counts_until_then(shared: Running, visit: Visit, email: str) -> None:
    """Asking for a link changes nothing and ends no session."""
    browser = visit(email)
    forget(visit, shared, email)
    assert browser.get("/account").status_code == 200
    assert visit().log_in(email, PASSWORD).status_code == 303
