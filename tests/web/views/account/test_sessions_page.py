"""The list of one's sessions, in words that a person understands, each with a button that ends it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from app.web.display.filters import ago
from tests.kit.cookies import read_cookie, session_id_of
from tests.kit.duet import ApiClient, Running, messages
from tests.web.conftest import Visit

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1"


def rows(page: str) -> list[str]:
    """The rows of the table, without markup."""
    body = page.split("<tbody")[1].split("</tbody>")[0]
    return [
        " ".join(re.sub(r"<[^>]+>", " ", row.partition(">")[2]).split())
        for row in body.split('<tr role="row"')[1:]
    ]


def test_a_person_understands_the_list(shared: Running, visit: Visit, email: str) -> None:
    """Each row names browser, system, IP address and time; this session is first, marked, and ends by logging
    out."""
    visit(headers={"User-Agent": SAFARI}).log_in(email)
    browser = visit(headers={"User-Agent": FIREFOX})
    browser.log_in(email)
    with ApiClient(shared.url, verify=False, headers={"User-Agent": "report/1.0"}) as program:
        program.log_in(email)
        page = browser.get("/account/sessions").text
    found = rows(page)
    assert "Firefox on Windows This one Browser 127.0.0.1 now" in found[0]
    assert "Log out of this session" in found[0]
    assert {("Safari on iPhone" in row, "report" in row) for row in found[1:]} == {(True, False), (False, True)}
    assert all("127.0.0.1 now" in row and "End the session of" in row for row in found[1:])
    exact = re.findall(r'<time datetime="([^"]+)" title="(\d+ \w+ \d{4}, \d\d:\d\d\sUTC)">now</time>', page)
    assert len(exact) == 6
    assert all(abs(datetime.now(UTC) - datetime.fromisoformat(at)) < timedelta(minutes=1) for at, _ in exact)


def test_the_end_of_this_one_is_a_log_out(shared: Running, visit: Visit, email: str) -> None:
    """Its button leads to the login, and the session is over for anyone who copied the cookie."""
    browser, other = visit(email), visit(email)
    session_id = session_id_of(shared, browser)
    answer = browser.submit(f"/account/sessions/{session_id}/end", page="/account/sessions")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "access_token" not in read_cookie(shared, browser.cookies["session"])
    assert messages(browser.get("/login").text) == ["You are logged out."]
    assert browser.get("/account").status_code == 303
    assert len(rows(other.get("/account/sessions").text)) == 1


def test_the_others_end_one_by_one_or_all_at_once(shared: Running, visit: Visit, email: str) -> None:
    """Each way shows a message, and an ended session is out with its next request."""
    browser, one, two, three = (visit(email) for _ in range(4))
    session_id = session_id_of(shared, one)
    browser.submit(f"/account/sessions/{session_id}/end", page="/account/sessions")
    assert messages(browser.get("/account/sessions").text) == ["The session was ended."]
    assert [other.get("/account").status_code for other in (one, two, three)] == [303, 200, 200]
    browser.submit("/account/sessions/end-others", page="/account/sessions")
    assert messages(browser.get("/account/sessions").text) == ["All other sessions were ended."]
    assert [other.get("/account").status_code for other in (two, three, browser)] == [303, 303, 200]
    assert "You are logged in nowhere else." in browser.get("/account/sessions").text


def test_somebody_elses_session_can_not_be_ended(shared: Running, visit: Visit, email: str) -> None:
    """Its id, known or guessed, is answered with the message for a session that has ended already."""
    shared.make_user(f"b-{email}")
    ada, eve = visit(email), visit(f"b-{email}")
    session_id = session_id_of(shared, ada)
    answer = eve.submit(f"/account/sessions/{session_id}/end", page="/account/sessions")
    assert answer.status_code == 303
    assert messages(eve.get("/account/sessions").text) == ["That session has ended already."]
    assert ada.get("/account/sessions").status_code == 200


NOW = datetime(2026, 11, 24, 20, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(0), "now"),
        (timedelta(seconds=59), "now"),
        (timedelta(seconds=-90), "now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=5, seconds=59), "5 minutes ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=30), "30 days ago"),
        (timedelta(days=31), "24 October 2026"),
    ],
    ids=str,
)
def test_how_long_ago_in_words(before: timedelta, words: str) -> None:
    """Times are rounded down, as people say them; a time in the future, from a clock that is ahead, is 'now'."""
    assert ago(NOW - before, NOW) == words
