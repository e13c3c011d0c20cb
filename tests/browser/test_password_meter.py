"""The field for a new password says what is wanted, how far one has come, and why a password was refused."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import OpenProfile, fill, log_in, register
from tests.kit.duet import PASSWORD, Running


def says(page: Page, password: str, text: str) -> None:
    """Types `password` into the field, and waits until the meter says `text`."""
    page.fill("[data-new-password]", password)
    expect(page.locator(".meter output")).to_have_text(text)


def share(page: Page) -> int:
    """How far the bar has come, in percent."""
    value: int = page.locator("meter").evaluate("meter => meter.value")
    return value


def test_the_meter_counts_down_and_names_what_is_wrong(page: Page, complaints: list[str]) -> None:
    """It is read out when the typing pauses, knows the form's other fields, and violates no policy."""
    page.goto("/register")
    page.fill("[name=email]", "ada@example.com")
    page.fill("[name=name]", "Ada Lovelace")
    output = page.locator(".meter output")
    assert output.get_attribute("aria-live") == "polite"
    expect(output).to_have_text("")
    says(page, "seven k", "Eight more characters")
    says(page, "x", "14 more characters")
    says(page, "e\u0301" * 14, "One more character")
    assert 0 < share(page) < 99
    for password, text in {
        "abcabcabcabcabc": "It repeats itself",
        "a" * 1024: "It repeats itself",
        "qwertyuiopasdfg": "It is a row of keys",
        "98765432109876543": "It is a row of keys",
        "azertyuiopqsdfg": "It is a row of keys",
        "adalovelace1234": "It is made of your name or address",
        "L0vel4ce-L0vel4ce-1": "It is made of your name or address",
        "P@ssw0rd12345678": "It is a common password",
        "Duet Duet Duet Du3t!": "It is a common password",
    }.items():
        says(page, password, text)
        assert share(page) < 99
    for password in ("8391047265018374", "ada and a trip to the sea", "the password of my bicycle", PASSWORD):
        says(page, password, "Good")
        assert share(page) == 100
    page.fill("[name=name]", "Correct Horse Battery")
    expect(output).to_have_text("It is made of your name or address")
    assert complaints == []


def test_the_meter_agrees_with_the_server_on_a_name_that_is_not_in_the_form(duet: Running, page: Page) -> None:
    """On the page that changes the password the meter knows the person already."""
    duet.make_user(name="Ada Lovelace")
    log_in(page)
    page.goto("/account/password")
    says(page, "adalovelace1234", "It is made of your name or address")
    fill(page, "Change password", current_password=PASSWORD, new_password="adalovelace1234")
    wrong = page.locator("#new_password-error")
    assert "It is made of your name, your address" in wrong.inner_text()
    described = page.get_attribute("[name=new_password]", "aria-describedby") or ""
    assert described.split() == ["new_password-hint", "new_password-error"]


def test_a_password_is_shown_on_demand(page: Page) -> None:
    """The button's name says what it does, and the password is hidden again when the form is sent."""
    page.goto("/register")
    page.fill("[name=password]", "short")
    field = page.locator("[name=password]")
    page.get_by_role("button", name="Show password", exact=True).click()
    assert field.get_attribute("type") == "text"
    page.get_by_role("button", name="Hide password", exact=True).click()
    assert field.get_attribute("type") == "password"
    page.get_by_role("button", name="Show password", exact=True).press("Enter")
    assert field.get_attribute("type") == "text"
    page.evaluate("document.forms[0].addEventListener('submit', event => event.preventDefault())")
    page.get_by_role("button", name="Create account").click()
    assert field.get_attribute("type") == "password"


def test_nothing_that_is_typed_leaves_the_page(page: Page) -> None:
    """The meter asks no server; a file of the page that loads late, such as its icon, carries none of the text."""
    asked: list[str] = []
    page.goto("/register")
    page.on("request", lambda request: asked.append(request.url))
    says(page, PASSWORD, "Good")
    page.get_by_role("button", name="Show password").click()
    assert [url for url in asked if urlsplit(url).path != "/static/duet.svg"] == []


def test_what_is_wanted_is_said_before_and_why_not_after(duet: Running, open_profile: OpenProfile) -> None:
    """This holds without JavaScript too, where there is no meter and no button, because the server decides."""
    page = open_profile(duet.url, java_script_enabled=False).new_page()
    page.goto("/register")
    hint = page.locator("#password-hint").inner_text()
    assert "At least 15 characters" in hint
    assert "pasting is fine" in hint
    assert not page.locator(".meter").is_visible()
    assert page.get_by_role("button", name="Show").count() == 0
    register(page, password="adalovelace1234")
    assert "It is made of your name, your address" in page.locator("#password-error").inner_text()
    assert page.input_value("[name=password]") == ""
    register(page, password="passwordpassword")
    assert "It repeats itself" in page.locator("#password-error").inner_text()
    register(page)
    log_in(page)
    assert "Ada" in page.locator("main").inner_text()


@pytest.mark.parametrize("width", [320, 900])
def test_the_meter_moves_nothing_sideways(duet: Running, open_profile: OpenProfile, width: int) -> None:
    """The meter's longest line fits a small phone."""
    page = open_profile(duet.url, viewport={"width": width, "height": 700}).new_page()
    page.goto("/register")
    page.fill("[name=name]", "Ada Lovelace")
    says(page, "adalovelace1234", "It is made of your name or address")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
