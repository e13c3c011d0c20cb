"""The admin pages about accounts: found, viewed, changed, logged out, deleted."""

from __future__ import annotations

import html
import itertools
import re

import httpx
import pytest

from app.auth.models import ADMIN, User
from tests.kit.cookies import make_stale
from tests.kit.duet import PASSWORD, Browser, Running, make_settings, messages, running
from tests.kit.mails import mail_with_link
from tests.web.conftest import Visit

_numbers = itertools.count()


@pytest.fixture
def other(shared: Running) -> User:
    """An account to act on."""
    return shared.make_user(f"other{next(_numbers)}@example.com", name="Grace Hopper", roles=["editor"])


@pytest.fixture
def admin(shared: Running, visit: Visit) -> Browser:
    """An admin on the pages."""
    email = f"admin{next(_numbers)}@example.com"
    shared.make_user(email, roles=[ADMIN])
    return visit(email)


def act(browser: Browser, user: User, name: str, **fields: str) -> httpx.Response:
    """Presses a button on the page of `user`; `name` is the last part of its address, empty for the roles."""
    page = f"/admin/users/{user.id}"
    return browser.submit(f"{page}/{name}" if name else page, page=page, **fields)


def stored(shared: Running, user: User) -> User:
    """The account as it is now."""
    found: User = shared.wait(shared.auth.accounts.get(user.id))
    return found


def shown(text: str) -> list[str]:
    """The email addresses in the list."""
    return [html.unescape(one) for one in re.findall(r'<th scope="row"[^>]*><a[^>]*>([^<]+)</a>', text)]


def test_admin_leads_to_the_users(admin: Browser) -> None:
    """`/admin` leads to the list of users."""
    answer = admin.get("/admin")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/users")


def test_the_list_goes_on_page_by_page(shared: Running, admin: Browser) -> None:
    """A page has 50 accounts; 'Next' shows each once and in order, and 'Back to the first' leads back."""
    mark = f"many{next(_numbers)}-"
    emails = [f"{mark}{number:03}@example.com" for number in range(101)]
    for email in emails:
        shared.make_user(email)
    page = admin.get("/admin/users", params={"query": mark})
    seen = [shown(page.text)]
    assert "Back to the first" not in page.text
    while found := re.search(r'href="([^"]+)" rel="next"', page.text):
        page = admin.get(html.unescape(found[1]))
        seen.append(shown(page.text))
        back = re.search(r'href="([^"]+)">Back to the first<', page.text)
        assert back
        assert html.unescape(back[1]) == f"/admin/users?query={mark}"
    assert [len(one) for one in seen] == [50, 50, 1]
    assert list(itertools.chain(*seen)) == emails


@pytest.mark.parametrize("query", ["{local}@", "GRACE", "hopp"])
def test_the_search(admin: Browser, other: User, query: str) -> None:
    """Accounts are found by the beginning of email address, name or last name, and the box keeps the search."""
    query = query.format(local=other.email.partition("@")[0])
    page = admin.get("/admin/users", params={"query": f" {query} "})
    assert other.email in shown(page.text)
    assert f'value="{query}"' in page.text


def test_a_search_without_a_match_says_so(admin: Browser) -> None:
    """Anything that was typed, even markup, is searched for and shown as text."""
    page = admin.get("/admin/users", params={"query": '"><script>x</script>'})
    assert page.status_code == 200
    assert "<script>x" not in page.text
    assert "begins like that" in page.text


def test_a_cursor_of_nobodys(admin: Browser) -> None:
    """A cursor of rubbish is a 400 page."""
    assert admin.get("/admin/users?cursor=rubbish").status_code == 400


def test_the_page_of_an_account(shared: Running, visit: Visit, admin: Browser, other: User) -> None:
    """It shows who the person is, what can be done and where they are logged in, and nothing secret."""
    with Browser(shared.url, headers={"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"}) as theirs:
        theirs.log_in(other.email)
        text = html.unescape(admin.get(f"/admin/users/{other.id}").text)
    for part in (
        other.email,
        "Grace Hopper",
        "editor",
        other.id,
        "Firefox on Linux",
        "127.0.0.1",
        'value="editor"',
    ):
        assert part in text
    assert other.password_hash not in text
    assert f'href="/admin/audit?user={other.id}"' in text


def test_nobody_has_that_id(admin: Browser, other: User) -> None:
    """An unknown id is a 404 page, for viewing and for every action."""
    assert admin.get("/admin/users/nobody").status_code == 404
    assert admin.get("/admin/users/nobody/delete").status_code == 404
    for name in ("", "/disable", "/enable", "/send-reset", "/end-sessions", "/delete"):
        answer = admin.submit(f"/admin/users/nobody{name}", page=f"/admin/users/{other.id}", roles="editor")
        assert answer.status_code == 404, name


def test_disabling_and_enabling(shared: Running, visit: Visit, admin: Browser, other: User) -> None:
    """A disabled account is out at once, and can't log in until it is enabled again."""
    theirs = visit(other.email)
    assert act(admin, other, "disable").headers["Location"] == f"/admin/users/{other.id}"
    page = admin.get(f"/admin/users/{other.id}").text
    assert messages(page) == ["The account was disabled, and is logged out everywhere."]
    assert "Send a password reset" not in page  # no mail would be sent
    assert theirs.get("/").status_code == 303
    assert theirs.log_in(other.email).status_code == 401
    act(admin, other, "enable")
    assert theirs.log_in(other.email).status_code == 303


def test_roles(shared: Running, visit: Visit, admin: Browser, other: User) -> None:
    """Roles count at once and are typed with commas or spaces; an empty field takes them all away."""
    theirs = visit(other.email)
    assert theirs.get("/admin/routes").status_code == 404
    assert act(admin, other, "", roles=" admin,editor  writer ").status_code == 303
    assert stored(shared, other).roles == ("admin", "editor", "writer")
    assert theirs.get("/admin/routes").status_code == 200
    act(admin, other, "", roles="")
    assert stored(shared, other).roles == ()
    assert theirs.get("/admin/routes").status_code == 404


def test_roles_that_can_not_be_kept(shared: Running, admin: Browser, other: User) -> None:
    """The form is shown again with what was typed and the reason, and nothing is changed."""
    answer = act(admin, other, "", roles="Not <A> Role")
    assert answer.status_code == 422
    assert 'value="Not &lt;A&gt; Role"' in answer.text
    assert "A role is a lower-case word" in answer.text
    assert stored(shared, other).roles == ("editor",)


def test_the_last_admin_stays(visit: Visit, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The last admin can't be disabled, demoted or deleted; each answer says why, and they are still an admin."""
    with running(make_settings(tmp_path_factory.mktemp("alone"))) as duet, Browser(duet.url) as browser:
        alone = duet.make_user(roles=[ADMIN])
        browser.log_in()
        for name in ("disable", "delete"):
            assert act(browser, alone, name).status_code == 303
            (message,) = messages(browser.get(f"/admin/users/{alone.id}").text)[:1]
            assert message.startswith("This is the last active admin.")
        answer = act(browser, alone, "", roles="editor")
        assert answer.status_code == 422
        assert "This is the last active admin." in answer.text
        assert browser.get("/admin/users").status_code == 200


def test_ending_all_sessions(visit: Visit, admin: Browser, other: User) -> None:
    """Every session of that account is out, and the admin is told how many there were."""
    theirs = [visit(other.email), visit(other.email)]
    act(admin, other, "end-sessions")
    page = admin.get(f"/admin/users/{other.id}").text
    assert messages(page) == ["2 sessions were ended."]
    assert "logged in nowhere" in page
    assert [one.get("/").status_code for one in theirs] == [303, 303]


def test_sending_a_reset(shared: Running, admin: Browser, other: User) -> None:
    """The owner gets the link by mail and the admin never sees it; the password counts until the link is used."""
    answer = act(admin, other, "send-reset")
    assert answer.status_code == 303
    mail = mail_with_link(shared.outbox, "reset-password", to=other.email)
    assert mail["To"] == other.email
    page = admin.get(f"/admin/users/{other.id}")
    assert messages(page.text) == ["A link to set a new password is on its way by mail."]
    assert "/reset-password/" not in page.text


def test_deleting_asks_once_more(shared: Running, visit: Visit, admin: Browser, other: User) -> None:
    """The link leads to a page that names the account and changes nothing; its button deletes."""
    theirs = visit(other.email)
    page = admin.get(f"/admin/users/{other.id}/delete")
    assert (page.status_code, other.email in page.text) == (200, True)
    assert theirs.get("/").status_code == 200
    answer = admin.submit(f"/admin/users/{other.id}/delete")
    assert answer.headers["Location"] == "/admin/users"
    assert "The account was deleted." in messages(admin.get("/admin/users").text)
    assert admin.get(f"/admin/users/{other.id}").status_code == 404
    assert theirs.get("/").status_code == 303


@pytest.mark.parametrize("name", ["end-sessions", "delete"])
def test_an_admin_who_acts_on_the_own_account(shared: Running, visit: Visit, name: str) -> None:
    """Such an action logs the admin out, and the login says why."""
    me = shared.make_user(f"me{next(_numbers)}@example.com", roles=[ADMIN])
    shared.make_user(f"deputy{next(_numbers)}@example.com", roles=[ADMIN])
    browser = visit(me.email)
    assert "This is your own account." in browser.get(f"/admin/users/{me.id}").text
    assert act(browser, me, name).headers["Location"] == "/login"
    (message,) = messages(browser.get("/login").text)
    assert message.startswith(("All your sessions were ended", "Your account was deleted"))
    assert browser.get("/").status_code == 303


ACTS = ("", "/disable", "/enable", "/send-reset", "/end-sessions", "/delete")


@pytest.mark.parametrize("name", ACTS)
def test_every_change_wants_a_fresh_login(shared: Running, admin: Browser, other: User, name: str) -> None:
    """If the password was proven too long ago it is asked for and nothing is done; viewing still works."""
    make_stale(shared, admin)
    page = f"/admin/users/{other.id}"
    assert admin.get(page).status_code == 200
    answer = admin.submit(f"{page}{name}", page=page, roles="writer")
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/reauthenticate")
    assert stored(shared, other) == other
    admin.submit("/reauthenticate", password=PASSWORD)
    assert admin.submit(f"{page}{name}", page=page, roles="writer").headers["Location"].startswith("/admin/users")


@pytest.mark.parametrize("name", ACTS)
def test_others_can_not_act(shared: Running, visit: Visit, email: str, other: User, name: str) -> None:
    """For everybody but admins these pages do not exist, whatever is sent, and a stranger is led to the login."""
    for browser, status in ((visit(email), 404), (visit(), 303)):
        token = browser.csrf_token("/account" if status == 404 else "/login")
        answer = browser.post(f"/admin/users/{other.id}{name}", data={"csrf_token": token, "roles": "admin"})
        assert answer.status_code == status
    assert stored(shared, other) == other


@pytest.mark.parametrize("name", ACTS)
def test_every_change_needs_its_token(shared: Running, admin: Browser, other: User, name: str) -> None:
    """A form without a CSRF token changes nothing."""
    assert admin.post(f"/admin/users/{other.id}{name}", data={"roles": "writer"}).status_code == 400
    assert stored(shared, other) == other
