"""The admin page about invitations: made, mailed, listed, withdrawn."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.auth.models import ADMIN, Link
from tests.kit.cookies import make_stale, read_cookie
from tests.kit.duet import Browser, Running, make_settings, messages, running
from tests.kit.mails import link_in, mail_with_link
from tests.web.conftest import Visit

INVITES = "/admin/invites"
_numbers = itertools.count()


@pytest.fixture
def admin(shared: Running, visit: Visit) -> Browser:
    """An admin on the pages."""
    email = f"admin{next(_numbers)}@example.com"
    shared.make_user(email, roles=[ADMIN])
    return visit(email)


@pytest.fixture
def invited(shared: Running) -> Iterator[str]:
    """An email address without an account. Afterwards no invitation is open."""
    yield f"new{next(_numbers)}@example.com"
    for link in open_invites(shared):
        shared.wait(shared.auth.invitations.store.take_link(link.id, now=shared.auth.clock.now()))


def open_invites(shared: Running) -> list[Link]:
    """The invitations that count."""
    found: list[Link] = shared.wait(shared.auth.invitations.open())
    return found


def test_an_invite_by_mail(shared: Running, admin: Browser, invited: str) -> None:
    """It is mailed, only this answer shows its link, and it keeps its email address, roles and days."""
    answer = admin.submit(INVITES, email=f" {invited} ", roles="editor, writer", expires_in_days="3")
    assert answer.status_code == 200
    assert f'on its way by mail to <strong class="break">{invited}</strong>' in answer.text
    (link,) = open_invites(shared)
    assert (link.email, link.roles, (link.expires_at - link.created_at).days) == (invited, ("editor", "writer"), 3)
    url = shared.auth.invitations.url(link)
    assert url in html.unescape(answer.text)
    assert link_in(mail_with_link(shared.outbox, "invite", to=invited)) == url
    page = admin.get(INVITES)
    assert invited in page.text
    assert url.rpartition("/")[2] not in page.text
    assert url.rpartition("/")[2] not in str(read_cookie(shared, admin.cookies["session"]))


def test_an_invite_as_a_link(shared: Running, admin: Browser, visit: Visit, invited: str) -> None:
    """Without an email address nothing is mailed, and anyone who has the link can make the account."""
    answer = admin.submit(INVITES, email="", roles="", expires_in_days="7")
    assert "It was not mailed" in answer.text
    found = re.search(r"<code>http://[^/]+(/invite/[^<]+)</code>", answer.text)
    assert found
    assert visit().get(html.unescape(found[1])).status_code == 200
    assert "Whoever has the link" in admin.get(INVITES).text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"email": "no address"}, "That is not an e-mail address."),
        ({"roles": "Not A Role!"}, "A role is a lower-case word"),
        ({"expires_in_days": "0"}, "An invite lives for 1 to 90 days."),
        ({"expires_in_days": "91"}, "An invite lives for 1 to 90 days."),
        ({"expires_in_days": "9" * 40}, "An invite lives for 1 to 90 days."),
        ({"expires_in_days": ""}, "Please enter a number of days."),
        ({"expires_in_days": "soon"}, "Please enter a number of days."),
        ({"email": "x" * 5000}, "That is too long."),
    ],
)
def test_what_can_not_be(shared: Running, admin: Browser, fields: dict[str, str], message: str) -> None:
    """The form is shown again with what was typed and the reason, and there is no invitation."""
    answer = admin.submit(INVITES, **{"email": "", "roles": "", "expires_in_days": "7", **fields})
    assert answer.status_code == 422
    assert any(one.startswith(message) for one in messages(answer.text))
    assert all(html.escape(value) in answer.text for value in fields.values())
    assert open_invites(shared) == []


def test_an_address_that_has_an_account(shared: Running, admin: Browser, email: str) -> None:
    """The admin is told that the account needs no invitation."""
    answer = admin.submit(INVITES, email=email, roles="", expires_in_days="7")
    assert answer.status_code == 422
    assert "There is an account with this e-mail address already." in answer.text


def test_withdrawing(shared: Running, admin: Browser, visit: Visit, invited: str) -> None:
    """From then on the link is worthless; withdrawing it a second time says that it is gone already."""
    admin.submit(INVITES, email=invited, roles="", expires_in_days="7")
    (link,) = open_invites(shared)
    path = "/invite/" + shared.auth.invitations.url(link).rpartition("/")[2]
    assert visit().get(path).status_code == 200
    assert admin.submit(f"{INVITES}/{link.id}/withdraw", page=INVITES).headers["Location"] == INVITES
    assert messages(admin.get(INVITES).text) == ["The invite was withdrawn."]
    assert visit().get(path).status_code == 400
    admin.submit(f"{INVITES}/{link.id}/withdraw", page=INVITES)
    assert messages(admin.get(INVITES).text) == ["That invite was used, withdrawn or too old already."]


def test_changes_want_a_fresh_login_of_an_admin(
    shared: Running, admin: Browser, visit: Visit, email: str, invited: str
) -> None:
    """A stale login is asked for the password, others get the 404 page, and no invitation is made or withdrawn."""
    admin.submit(INVITES, email=invited, roles="", expires_in_days="7")
    (link,) = open_invites(shared)
    make_stale(shared, admin)
    assert admin.get(INVITES).status_code == 200
    for browser, status, page in ((admin, 303, INVITES), (visit(email), 404, "/account")):
        for path in (INVITES, f"{INVITES}/{link.id}/withdraw"):
            answer = browser.submit(path, page=page, email="", roles="admin", expires_in_days="7")
            assert answer.status_code == status
            assert answer.headers.get("Location", "/reauthenticate").startswith("/reauthenticate")
    assert visit(email).get(INVITES).status_code == 404
    assert open_invites(shared) == [link]


def test_where_registration_is_closed(tmp_path: Path) -> None:
    """There is no form, and a request that is sent all the same is refused with the reason."""
    with running(make_settings(tmp_path, registration="closed")) as duet, Browser(duet.url) as browser:
        duet.make_user(roles=[ADMIN])
        browser.log_in()
        assert "Registration is closed" in browser.get(INVITES).text
        answer = browser.submit(INVITES, email="", roles="", expires_in_days="7")
        assert (answer.status_code, "Registration is closed" in answer.text) == (403, True)
