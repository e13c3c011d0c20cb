"""Where `next` may lead, judged as a browser would read it (security.md, item 19)."""

from __future__ import annotations

from urllib.parse import quote, urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.web.redirects import is_safe_target
from tests.kit.duet import PASSWORD
from tests.web.conftest import Visit

SITE = "https://duet.example/login"

UNSAFE = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,x",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/ /evil.example",
    "/account\r\nSet-Cookie: session=evil",
    "/account\x00",
    "/account\x7f",
    "/account//evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "evil.example",
    "@evil.example",
    "?next=/",
    "#",
    "",
    "/" + "a" * 2000,
    "//[::1",
]
SAFE = [
    "/",
    "/account",
    "/account/sessions?from=mail",
    "/account?next=https://evil.example",
    "/account?q=a%0d%0ab",
    "/%2F%2Fevil.example",
    "/@evil.example",
    "/a:b",
    "/notes/%C3%A4",
    "/#top",
]


@pytest.mark.parametrize("target", UNSAFE)
def test_an_unsafe_target_is_told(target: str) -> None:
    """Another host or scheme, a control character, a relative path or an overlong target is called unsafe."""
    assert not is_safe_target(target)


@pytest.mark.parametrize("target", SAFE)
def test_a_safe_target_is_told(target: str) -> None:
    """A path of this site is safe, with any query."""
    assert is_safe_target(target)


def origin_after(target: str, base: str = SITE) -> str:
    """The origin a browser ends at, by the WHATWG URL standard's rules where they are laxer than RFC 3986's.

    It strips controls and blanks at both ends, drops tabs and line breaks, reads a backslash as a slash, and in a
    special scheme takes any number of slashes, none included, for two.
    """
    text = target.strip("".join(map(chr, range(0x21))))
    for char in "\t\n\r":
        text = text.replace(char, "")
    head, mark, tail = text.partition("?")
    text = head.replace("\\", "/") + mark + tail
    scheme, colon, rest = text.partition(":")
    if colon and scheme.isascii() and scheme[:1].isalpha() and scheme.replace("+", "").replace("-", "").isalnum():
        if scheme.lower() not in ("http", "https"):
            return f"{scheme.lower()}:"
        return f"{scheme.lower()}://{rest.lstrip('/').split('/')[0].split('@')[-1]}"
    if text.startswith("//"):
        return f"https://{text.lstrip('/').split('/')[0].split('@')[-1]}"
    parts = urlsplit(urljoin(base, text))
    return f"{parts.scheme}://{parts.netloc}"


_WORDS = "/ // \\ evil.example account ? # : @ http https javascript %2f %5c %0d%0a .. . [ ]"
_BLANKS = "\t\n\r \x00\x0b\u2028\uff0f\u3002\u00df"
PIECES = st.lists(st.sampled_from([*_WORDS.split(), *_BLANKS]), max_size=8).map("".join)


@given(PIECES | st.text(max_size=20) | st.text(max_size=20).map("/".__add__))
@example("/\\evil.example")
@example("/\t/evil.example")
@example("//evil.example")
def test_what_is_called_safe_stays_here(target: str) -> None:
    """A browser that resolves a safe target stays on this site, however the target was put together."""
    if is_safe_target(target):
        assert origin_after(target) == "https://duet.example"
        assert urlsplit(urljoin(SITE, target)).netloc == "duet.example"


def test_the_rules_of_the_comparison_see_what_leads_away() -> None:
    """The stand-in for a browser sees that the nasty targets leave this site; otherwise it would prove nothing."""
    for target in (
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "https:evil.example",
        " //evil.example",
    ):
        assert origin_after(target) == "https://evil.example", target
    assert origin_after("java\tscript:alert(1)") == "javascript:"


@pytest.mark.parametrize("target", UNSAFE)
def test_a_login_with_an_unsafe_next_leads_home(visit: Visit, email: str, target: str) -> None:
    """An unsafe `next` leads home, whether it comes in the query or in the form."""
    browser = visit()
    token = browser.csrf_token(f"/login?next={quote(target, safe='')}"[:4000])
    form = {"csrf_token": token, "email": email, "password": PASSWORD, "next": target}
    answer = browser.post("/login", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_next_survives_a_failed_try(visit: Visit, email: str) -> None:
    """The form that is shown again still knows where the person was going."""
    browser = visit()
    answer = browser.submit("/login", email=email, password="wrong", next="/account/sessions?from=mail")
    assert answer.status_code == 401
    assert 'name="next" value="/account/sessions?from=mail"' in answer.text
    assert "evil" not in browser.submit("/login", email=email, password="wrong", next="//evil.example").text


def test_an_address_that_needs_quoting_comes_back_whole(visit: Visit, email: str) -> None:
    """Letters of any language, and a query that contains an address, come through the login unchanged."""
    browser = visit()
    asked = "/account?q=%C3%A4%26b&to=https://example.com/%2F"
    location = browser.get(asked).headers["Location"]
    page = browser.get(location).text
    assert 'name="next"' in page
    value = page.split('name="next" value="')[1].split('"')[0].replace("&amp;", "&")
    assert browser.log_in(email, next=value).headers["Location"] == asked
