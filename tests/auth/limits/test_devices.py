"""Devices are known by what only they have, are reported by mail when they are new, and prove nothing else."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from app.auth.errors import InvalidCredentials
from app.auth.limits import keys_of, known_browser
from app.auth.models import API_CLIENT, WEB_CLIENT, Client, LetterKind
from tests.auth.house import API, OTHER_PASSWORD, WEB, House, house_on
from tests.kit.duet import PASSWORD

EMAIL = "ada@example.com"


async def log_in(house: House, client: Client, email: str = EMAIL) -> Client:
    """Log in and return the client with the device cookie that it has afterwards."""
    pair = await house.auth.sessions.log_in(email, PASSWORD, client)
    return replace(client, devices=(pair.device, *client.devices)) if pair.device else client


async def is_known(house: House, client: Client) -> bool:
    """Whether the account knows that browser."""
    return known_browser(client, await house.store.user_to_log_in(EMAIL, devices=keys_of(client))) is not None


async def news(house: House) -> list[str]:
    """The IP addresses of which the mails about a new device told."""
    return [mail.params["ip"] for mail in await house.mails() if mail.kind is LetterKind.NEW_DEVICE]


async def test_a_browser_is_known_by_its_cookie(each_house: House) -> None:
    """Neither its name nor its IP address matters, for it may travel, and it gets only one id."""
    house = each_house
    await house.make_user()
    known = await log_in(house, WEB)
    assert len(known.devices) == 1
    again = await log_in(house, replace(known, ip="198.51.100.1", user_agent="updated"))
    assert again.devices == known.devices
    assert await news(house) == []


async def test_the_first_login_is_no_news_and_another_device_is(each_house: House) -> None:
    """The mail goes to the account's email address and says when, from where and with what the login happened."""
    house = each_house
    await house.make_user("Ada@example.com")
    await log_in(house, WEB)
    assert await house.mails() == []
    other = Client(WEB_CLIENT, ip="198.51.100.1", user_agent="Another/1.0")
    known = await log_in(house, other)
    [mail] = await house.mails()
    assert (mail.kind, mail.to, mail.link) == (LetterKind.NEW_DEVICE, "Ada@example.com", "")
    assert mail.params == {
        "ip": "198.51.100.1",
        "user_agent": "Another/1.0",
        "at": house.clock.now().isoformat(timespec="seconds"),
    }
    await log_in(house, known)
    assert await news(house) == []


async def test_a_program_is_known_by_address_and_name(house: House) -> None:
    """A program is known by IP address and name; it keeps no cookie and gets no id, and an id that it sends is
    ignored."""
    await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    assert pair.device is None
    await log_in(house, API)
    assert await news(house) == []
    for other in (replace(API, ip="198.51.100.2"), replace(API, user_agent="other/1.0")):
        await log_in(house, other)
        assert await news(house) == [other.ip]
        await log_in(house, other)
        assert await news(house) == []


async def test_a_browser_that_two_people_use_is_known_to_both(house: House) -> None:
    """Each account gets its own id in the browser, and neither adopts the other's."""
    for email in (EMAIL, "grace@example.com"):
        await house.make_user(email)
        await log_in(house, API, email)
    browser = await log_in(house, WEB)
    browser = await log_in(house, browser, "grace@example.com")
    assert len(set(browser.devices)) == 2
    assert await news(house) == [WEB.ip, WEB.ip]
    for email in (EMAIL, "grace@example.com"):
        assert (await log_in(house, browser, email)).devices == browser.devices
    assert await news(house) == []


async def test_a_planted_id_is_not_adopted(house: House) -> None:
    """The person who planted an id knows it, so it must not become a known device."""
    await house.make_user()
    planted = Client(WEB_CLIENT, ip="192.0.2.66", devices=("P" * 22,))
    browser = await log_in(house, planted)
    assert len(browser.devices) == 2
    assert not await is_known(house, planted)
    assert await is_known(house, browser)


async def test_a_failed_login_makes_no_device(house: House) -> None:
    """A stranger's guesses cause no mail and leave nothing that would pass a block later."""
    await house.make_user()
    await log_in(house, API)
    with pytest.raises(InvalidCredentials):
        await house.auth.sessions.log_in(EMAIL, OTHER_PASSWORD, WEB)
    assert await news(house) == []
    assert not await is_known(house, replace(WEB, devices=("x" * 22,)))
    found = await house.store.user_to_log_in(EMAIL, devices=[])
    assert found is not None
    assert found.has_devices  # the API client's device


async def test_the_database_holds_no_device_s_id(tmp_path: Path) -> None:
    """A reader of the database finds hashes, and can neither pass for a browser nor see where it came from."""
    path = tmp_path / "duet.db"
    async with house_on(f"sqlite:///{path}") as house:
        await house.make_user()
        browser = await log_in(house, WEB)
        await log_in(house, Client(API_CLIENT, ip="203.0.113.99", user_agent="a-program"))
    with sqlite3.connect(path) as database:
        rows = repr(database.execute("SELECT * FROM devices").fetchall())
    database.close()
    for private in (*browser.devices, WEB.ip, "203.0.113.99", "a-program"):
        assert private not in rows
