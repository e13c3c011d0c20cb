"""Settings that are addresses have one form, in which they are compared everywhere."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from app.mail.message import sender_of
from app.settings import SettingsError, make
from tests.kit.duet import PASSWORD, Browser, make_settings, running

SITES = {
    "https://bücher.example": "https://xn--bcher-kva.example",
    "https://BÜCHER.example/": "https://xn--bcher-kva.example",
    "https://straße.example": "https://xn--strae-oqa.example",
    "https://xn--bcher-kva.example": "https://xn--bcher-kva.example",
    "https://例え.テスト:8443": "https://xn--r8jz45g.xn--zckzah:8443",
    "https://bücher。example": "https://xn--bcher-kva.example",
    "HTTPS://Duet.Example.COM": "https://duet.example.com",
    "https://duet.example.com.": "https://duet.example.com",
    "https://duet.example.com:443": "https://duet.example.com",
    "http://duet.example.com:80/": "http://duet.example.com",
    "http://duet.example.com:443": "http://duet.example.com:443",
    "http://duet.example.com:": "http://duet.example.com",
    "http://127.0.0.1:8000": "http://127.0.0.1:8000",
    "http://[::1]:8000/": "http://[::1]:8000",
    "http://[0:0:0:0:0:0:0:1]": "http://[::1]",
}


@pytest.mark.parametrize("given", SITES)
def test_the_address_of_the_site_has_one_form(given: str) -> None:
    """However it is written, it is what browsers send as the origin (RFC 6454 §6)."""
    assert make(public_url=given).public_url == SITES[given]


@pytest.mark.parametrize(
    "given",
    ["https://a b.example", "https://a,b.example", "https://b%C3%BCcher.example", "https://\u200b", "https://.",
     "https://☃\u2028.example", "https://[::1", "https://[x]", "https://@duet.example.com", "https://-ü.example"],
)  # fmt: skip
def test_what_is_no_host_is_refused(given: str) -> None:
    """No browser would send it."""
    with pytest.raises(SettingsError, match=r"^PUBLIC_URL"):
        make(public_url=given)


@pytest.mark.parametrize("given", ["http://BÜCHER.example:80/", "http://bücher.example."])
def test_a_site_with_other_letters_has_forms_that_work(given: str, tmp_path: Path) -> None:
    """A browser names the site in Punycode, in Origin and in Host, and so does the issuer."""
    with running(make_settings(tmp_path, public_url=given)) as site:
        site.make_user()
        plain = "http://xn--bcher-kva.example"
        with Browser(site.url, headers={"Origin": plain}) as browser:
            assert browser.log_in(password=PASSWORD).status_code == 303
            browser.headers["Origin"] = "http://bcher.example"
            assert browser.get("/login").status_code in (200, 303)
            assert browser.submit("/logout", page="/account/sessions").status_code == 403
        assert httpx.get(f"{site.url}/.well-known/oauth-authorization-server").json()["issuer"] == plain


SENDERS = {
    "A, B <x@example.com>": ("A, B", "x@example.com"),
    '"A, B" <x@example.com>': ("A, B", "x@example.com"),
    "Duet <x@example.com>": ("Duet", "x@example.com"),
    "J. Doe (Support) <x@example.com>": ("J. Doe (Support)", "x@example.com"),
    "Support @ Acme; Inc: <x@example.com>": ("Support @ Acme; Inc:", "x@example.com"),
    "Back\\slash, <x@example.com>": ("Back\\slash,", "x@example.com"),
    "Büro, Köln <x@example.com>": ("Büro, Köln", "x@example.com"),
    "x@example.com": ("Duet", "x@example.com"),
    "<x@example.com>": ("Duet", "x@example.com"),
    " x@example.com ": ("Duet", "x@example.com"),
}


@pytest.mark.parametrize("given", SENDERS)
def test_a_sender_s_name_may_have_any_letters(given: str) -> None:
    """A comma in a name does not make two addresses of a sender, with or without quotation marks."""
    sender = sender_of(make(mail_from=given).mail_from, "http://duet.example.com")
    assert (sender.display_name, sender.addr_spec) == SENDERS[given]


@pytest.mark.parametrize(
    "given",
    ["a@example.com, b@example.com", "A <a@example.com>, B <b@example.com>",
     'A "B" C <a@example.com>', "A <>", '"A" B" <a@example.com>', '"A", "B" <a@example.com>',
     '"A <a@example.com>', "A <a@example.com", "A a@example.com"],
)  # fmt: skip
def test_a_sender_is_one_address(given: str) -> None:
    """Two addresses, or half a quotation, are refused, and none of them is picked."""
    with pytest.raises(SettingsError, match=r"^MAIL_FROM"):
        make(mail_from=given)
