"""What people see of the data about them: the log of their account, and the file to download."""

from __future__ import annotations

import html
import re

from app.auth.models import Client
from tests.kit.duet import PASSWORD, Running
from tests.web.conftest import Visit
from tests.web.views.account.test_sessions_page import rows


def test_the_log_of_one_s_own_account(shared: Running, visit: Visit, email: str) -> None:
    """The log shows only one's own events, in words, with IP address and device, the newest first."""
    shared.make_user(f"b-{email}")
    visit(f"b-{email}", headers={"User-Agent": "other/1.0"})
    visit().log_in(email, "wrong")
    browser = visit(email, headers={"User-Agent": "mine/1.0"})
    browser.submit("/account/password", current_password=PASSWORD, new_password=PASSWORD + " 2")
    found = rows(browser.get("/account/activity").text)
    events = [re.split(r" \d+ \w+ \d{4}, ", row)[0] for row in found]
    assert events == ["Password changed", "Logged in", "Log-in failed", "Account made"]
    assert "127.0.0.1 mine" in found[1]
    assert not any("other" in row for row in found)


def test_a_long_log_comes_in_pages(shared: Running, visit: Visit, email: str) -> None:
    """The links to earlier events show each event once; a made-up cursor is a 400."""
    browser = visit(email)
    user_id = shared.wait(shared.auth.accounts.find(email)).id
    for _ in range(60):
        event = shared.auth.audit.event("wrong_password", client=Client("test"), user_id=user_id)
        shared.wait(shared.auth.accounts.store.add_audit_event(event))
    first = browser.get("/account/activity").text
    assert len(rows(first)) == 50
    [earlier] = re.findall(r'href="(/account/activity\?cursor=[^"]+)"', first)
    second = browser.get(html.unescape(earlier)).text
    assert len(rows(second)) == 12
    assert "Account made" in rows(second)[-1]
    assert "Back to the newest" in second
    assert 'rel="next"' not in second
    assert browser.get("/account/activity?cursor=made-up").status_code == 400


def test_the_data_is_a_file(shared: Running, visit: Visit, email: str) -> None:
    """It is a JSON attachment that holds the account and no secret; the page itself does not fetch it."""
    browser = visit(email)
    page = browser.get("/account/data")
    assert (page.status_code, "attachment" in str(page.headers)) == (200, False)
    answer = browser.submit("/account/data")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="duet-data.json"'
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.json()["account"]["email"] == email
    user = shared.wait(shared.auth.accounts.find(email))
    assert user.password_hash not in answer.text
    assert email not in visit().submit("/account/data", page="/login").text
