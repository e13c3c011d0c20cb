"""Logging in and out on the pages."""

from __future__ import annotations

from tests.duet import Browser, Running, messages


def test_a_login_leads_to_where_the_person_was_going(duet: Running, browser: Browser) -> None:
    """After the login the person is on the page that asked for it, its query included."""
    duet.make_user()
    answer = browser.get("/account/sessions?from=mail")
    assert answer.status_code == 303
    assert messages(browser.get(answer.headers["Location"]).text) == ["Please log in."]
    answer = browser.log_in(next="/account/sessions?from=mail")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/sessions?from=mail")
    assert browser.get("/account/sessions?from=mail").status_code == 200
