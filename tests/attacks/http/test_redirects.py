"""Duet redirects people to its own pages alone (security.md, item 19)."""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin, urlsplit

import pytest

from tests.attacks.conftest import Visit
from tests.kit.duet import PASSWORD, Running
from tests.kit.live import status, talk
from tests.web.test_redirects import UNSAFE, origin_after


@pytest.mark.parametrize(
    "target", [*UNSAFE, "/%0d%0a/evil.example\r\nSet-Cookie:x=1", "\ufeff//evil.example", "\u3000//evil"]
)
def test_s19_next_stays_here(visit: Visit, email: str, target: str) -> None:
    """`next` never leads to another host, at the login or where the password is proven again."""
    browser = visit()
    token = browser.csrf_token(f"/login?next={quote(target, safe='')}"[:4000])
    form = {"csrf_token": token, "email": email, "password": PASSWORD}
    answers = [browser.post("/login", params={"next": target}, data=form)]
    answers.append(browser.get("/login", params={"next": target}))
    browser.log_out()
    form["csrf_token"] = browser.csrf_token()
    answers.append(browser.post("/login", data={**form, "next": target}))
    answers.append(browser.submit("/reauthenticate", password=PASSWORD, next=target))
    for answer in answers:
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        assert not {"x", "session=evil"} & set(answer.cookies)


@pytest.mark.parametrize(
    "target",
    [
        "/%0d%0aSet-Cookie:%20session=evil",
        "/%2F%2Fevil.example",
        "/@evil.example",
        "/a:b",
        "/?next=//evil.example",
    ],
)
def test_s19_what_is_followed_stays_here(visit: Visit, email: str, target: str) -> None:
    """Encoded line breaks and slashes stay encoded, so a browser that follows the redirect ends at this host."""
    browser = visit()
    form = {"csrf_token": browser.csrf_token(), "email": email, "password": PASSWORD, "next": target}
    answer = browser.post("/login", data=form)
    location = answer.headers["Location"]
    assert urlsplit(urljoin(str(browser.base_url), location)).netloc == browser.base_url.netloc.decode()
    assert origin_after(location) == "https://duet.example"
    assert all("evil" not in header for header in answer.headers.get_list("Set-Cookie"))


PATHS = [
    "//evil.example",
    "///evil.example/account",
    "/\\evil.example",
    "//evil.example/%2e%2e",
    "/account//evil.example/",
    "/%5cevil.example",
    "/%09/evil.example",
    "/%0d%0aLocation:%20//evil.example",
    "/account?%0d%0aX-Injected:1",
    "/.//evil.example",
]


def test_s19_the_pages_own_redirects_stay_here_whatever_the_path(house: Running) -> None:
    """A path of many slashes, backslashes or line breaks leads to no other host through a redirect."""
    host = urlsplit(house.url).netloc
    for path in PATHS:
        answer = talk(house.url, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert status(answer) in (303, 308, 400, 404), path
        headers = answer.partition(b"\r\n\r\n")[0].decode("latin-1")
        for location in re.findall(r"(?im)^location: *(.*?)\r?$", headers):
            assert origin_after(location) == "https://duet.example", (path, location)
        assert not re.search(r"(?im)^x-injected", headers)


def test_s19_a_referer_leads_nowhere(visit: Visit, email: str) -> None:
    """A form whose session is over leads to the login, and from there only to pages of this site."""
    browser = visit(email)
    token = browser.csrf_token("/account")
    browser.log_out()
    for referer in ("https://evil.example/x", "//evil.example", "javascript:alert(1)", "http://[::1"):
        answer = browser.post("/account/data", data={"csrf_token": token}, headers={"Referer": referer})
        assert answer.status_code in (303, 400)
        assert "evil" not in answer.headers.get("Location", "")
