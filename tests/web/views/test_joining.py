"""How accounts begin on the pages: by registration, by invitation, and by the first admin's setup link."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.duet import PASSWORD, Browser, Running, make_settings, messages, running
from tests.web.conftest import Visit
from tests.web.views.links import comparable, invitation, mailed, path_of

READY = "Your account is ready. Please log in."
MAILED = "Your account is ready. Please log in. We mailed you a link to confirm your address."
FOLLOW = "Almost done: please follow the link that we mailed to you. Then you can log in."


def test_a_registration_makes_an_account(visit: Visit) -> None:
    """Registering leads to the login, which lets the newcomer in; the name may be left empty."""
    browser = visit()
    answer = browser.submit("/register", email="new.one@example.com", password=PASSWORD, name="")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert messages(browser.get("/login").text) == [MAILED]
    assert browser.log_in("New.One@Example.com").status_code == 303
    assert "Not given yet" in browser.get("/").text


def test_nobody_gets_more_rights_by_a_form(shared: Running, visit: Visit) -> None:
    """Fields that are not part of the form are ignored."""
    browser = visit()
    extra = {"roles": "admin", "is_active": "1", "_id": "1", "is_email_verified": "1"}
    answer = browser.submit("/register", email="eve@example.com", password=PASSWORD, name="Eve", **extra)
    assert answer.status_code == 303
    user = shared.wait(shared.auth.accounts.find("eve@example.com"))
    assert (user.roles, user.is_email_verified) == ((), False)
    browser.log_in("eve@example.com")
    assert browser.submit("/account", name="Eve", **extra).status_code == 303
    assert shared.wait(shared.auth.accounts.find("eve@example.com")).roles == ()


def test_a_closed_registration_is_closed_on_the_page(tmp_path: Path) -> None:
    """The form and the POST are a 403 that says so, and the login does not offer it."""
    with (
        running(make_settings(tmp_path, registration="closed")) as duet,
        Browser(duet.url, verify=False) as browser,
    ):
        token = browser.csrf_token()
        assert "/register" not in browser.get("/login").text
        form = {"csrf_token": token, "email": "ada@example.com", "password": PASSWORD, "name": ""}
        for answer in (browser.get("/register"), browser.post("/register", data=form)):
            assert answer.status_code == 403
            assert "Registration is closed." in answer.text
            assert "You cannot register here" in answer.text
        assert duet.wait(duet.auth.administration.search()).items == []


# with email addresses to be confirmed


@pytest.fixture
def verifying(tmp_path: Path) -> Iterator[Running]:
    """A Duet that lets nobody in before the email address is confirmed."""
    with running(make_settings(tmp_path, require_verified_email=True)) as duet:
        yield duet


def test_a_taken_address_looks_like_a_new_one(verifying: Running) -> None:
    """Where email addresses are confirmed, registering tells nobody who has an account (security.md, item 23)."""
    verifying.make_user("taken@example.com")
    seen = []
    for address in ("taken@example.com", "fresh@example.com", "Taken@Example.com"):
        with Browser(verifying.url, verify=False) as browser:
            answer = browser.submit("/register", email=address, password=PASSWORD, name="Eve")
            page = browser.get(answer.headers["Location"])
            assert messages(page.text) == [FOLLOW]
            seen.append((comparable(answer), comparable(page)))
    assert seen[0] == seen[1] == seen[2]
    assert verifying.wait(verifying.auth.accounts.find("taken@example.com")).name == "Ada"


def test_nobody_logs_in_before_the_address_is_verified(verifying: Running) -> None:
    """Until the mailed link is followed, the right password is answered like a wrong one."""
    with Browser(verifying.url, verify=False) as browser:
        browser.submit("/register", email="new@example.com", password=PASSWORD, name="")
        refused = browser.log_in("new@example.com")
        wrong = browser.log_in("new@example.com", "wrong")
        assert comparable(refused) == comparable(wrong)
        assert refused.status_code == 401
        assert 'href="/resend-verification"' in browser.get("/login").text
        link = mailed(verifying, "verify-email", to="new@example.com")
        answer = browser.submit(link)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
        assert browser.log_in("new@example.com").status_code == 303
        assert "not confirmed" not in browser.get("/account").text


# invitations


def test_an_invitation_for_an_address_is_for_that_alone(shared: Running, visit: Visit) -> None:
    """The page shows email address and roles; another address that is sent is ignored; the link proves its own."""
    path = invitation(shared, email="grace@example.com", roles=["editor"])
    browser = visit()
    page = browser.get(path).text
    assert 'value="grace@example.com"' in page
    assert "readonly" in page
    assert ">editor<" in page
    answer = browser.submit(path, email="eve@example.com", password=PASSWORD, name="Grace")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert messages(browser.get("/login").text) == [READY]
    user = shared.wait(shared.auth.accounts.find("grace@example.com"))
    assert (user.name, user.roles, user.is_email_verified) == ("Grace", ("editor",), True)
    assert browser.log_in("grace@example.com").status_code == 303


def test_an_open_invitation_takes_any_address_once(shared: Running, visit: Visit) -> None:
    """The second person who opens it is told that it was used, and gets no account."""
    path = invitation(shared)
    browser = visit()
    token = browser.csrf_token(path)
    answer = browser.submit(path, email="one@example.com", password=PASSWORD, name="")
    assert answer.status_code == 303
    assert messages(browser.get("/login").text) == [MAILED]
    form = {"csrf_token": token, "email": "two@example.com", "password": PASSWORD, "name": ""}
    for again in (browser.get(path), browser.post(path, data=form)):
        assert again.status_code == 400
        assert "This invitation does not work" in again.text
    assert browser.log_in("two@example.com").status_code == 401


def test_a_failed_try_does_not_use_the_invitation(shared: Running, visit: Visit, email: str) -> None:
    """After a weak password or a taken address the form is shown again, and the link still counts."""
    path = invitation(shared)
    browser = visit()
    for fields, message in (
        ({"email": "n1@example.com", "password": "short"}, "At least 15"),
        ({"email": email, "password": PASSWORD}, "There is an account with this"),
        ({"email": "no address", "password": PASSWORD}, "That is not an e-mail address."),
    ):
        answer = browser.submit(path, name="Nadia", **fields)
        assert answer.status_code == 422
        assert message in answer.text
        assert 'value="Nadia"' in answer.text
        assert fields["password"] not in answer.text
    assert browser.submit(path, email="n1@example.com", password=PASSWORD, name="").status_code == 303


def test_an_invitation_opens_a_closed_door(tmp_path: Path) -> None:
    """With REGISTRATION=invite nobody can register without an invitation, and those who have one can."""
    with (
        running(make_settings(tmp_path, registration="invite")) as duet,
        Browser(duet.url, verify=False) as browser,
    ):
        assert browser.get("/register").status_code == 403
        answer = browser.submit(invitation(duet), email="ada@example.com", password=PASSWORD, name="")
        assert answer.status_code == 303
        assert browser.log_in().status_code == 303


# the first admin


@pytest.fixture
def new_site(tmp_path: Path) -> Iterator[Running]:
    """A Duet without any account."""
    with running(make_settings(tmp_path)) as duet:
        yield duet


def test_the_set_up_link_makes_the_first_admin_once(new_site: Running) -> None:
    """With email address, name and password the link is used up, and the admin sees what only admins see."""
    path = path_of(new_site.wait(new_site.auth.registration.setup_url()))
    assert path.startswith("/setup/")
    with Browser(new_site.url, verify=False) as browser:
        weak = browser.submit(path, email="boss@example.com", password="weak", name="Boss")
        assert (weak.status_code, 'value="boss@example.com"' in weak.text) == (422, True)
        answer = browser.submit(path, email="boss@example.com", password=PASSWORD, name="Boss")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
        assert messages(browser.get("/login").text) == [READY]
        again = browser.get(path)
        assert again.status_code == 400
        assert "If this site has been set up, please log in." in again.text
        browser.log_in("boss@example.com")
        assert browser.get("/admin/users").status_code == 200


def test_a_site_with_people_has_no_set_up(shared: Running, visit: Visit, email: str) -> None:
    """There is no link, and a made-up one is a 400."""
    assert shared.wait(shared.auth.registration.setup_url()) is None
    assert visit().get("/setup/made.up").status_code == 400
