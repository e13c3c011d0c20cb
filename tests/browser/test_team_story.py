"""The story of a new team, from an empty folder: a real `duet serve`, Chromium, and the mails they get."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.people import OpenProfile, fill, heading, log_in, notes, path, press
from tests.deploy.process import Served, served
from tests.kit.duet import PASSWORD, ApiClient
from tests.kit.mails import link_in, mail_with_link

ADMIN, MEMBER = "grace@example.com", "ada@example.com"
NEW_PASSWORD = "another long passphrase"


@pytest.fixture
def team(tmp_path: Path, database_url: str) -> Iterator[Served]:
    """A Duet that was just started for the first time, with limits on, on each store."""
    secret = {} if database_url.startswith("sqlite") else {"SECRET_KEY": "kept for the tests: 8Zqv2mWx4Tk7"}
    with served(tmp_path, DATABASE_URL=database_url, REGISTRATION="invite", **secret) as one:
        yield one


def set_up_link(team: Served) -> str:
    """The link that the terminal shows on the first start."""
    deadline = time.monotonic() + 60
    while True:
        found = re.search(r"http\S+/setup/\S+", team.log.read_text())
        if found:
            return found[0]
        assert time.monotonic() < deadline, "no set-up link was printed"
        time.sleep(0.05)


def button(page: Page, name: str) -> None:
    """Presses the button in the page's body that leads on."""
    press(page, page.locator("main").get_by_role("button", name=name))


def test_a_new_team(team: Served, tmp_path: Path, open_profile: OpenProfile, complaints: list[str]) -> None:
    """The story goes through setup link, invitation, account, wrong passwords until the wait, reset, sessions
    ended elsewhere, and a disabled account."""
    outbox = tmp_path / "data" / "outbox"
    office, home, phone = (open_profile(team.url).new_page() for _ in range(3))

    # The first admin follows the link in the terminal, which is then used up.
    office.goto(set_up_link(team))
    fill(office, "Create account", email=ADMIN, name="Grace Hopper", password=PASSWORD)
    log_in(office, ADMIN)
    assert heading(office) == "Hello, Grace Hopper"
    assert phone.goto(set_up_link(team)).status == 400  # type: ignore[union-attr]

    # She makes an invitation and gives the link to Ada, who makes her account with it. Nobody can without one.
    assert home.goto("/register").status == 403  # type: ignore[union-attr]
    office.goto("/admin/invites")
    fill(office, "Make an invite", roles="editor")
    home.goto(office.locator("main code", has_text="/invite/").inner_text())
    fill(home, "Create account", email=MEMBER, name="Ada Lovelace", password=PASSWORD)
    log_in(home, MEMBER)
    assert heading(home) == "Hello, Ada Lovelace"

    # She confirms her email address with the mailed link.
    home.goto(link_in(mail_with_link(outbox, "verify-email", to=MEMBER)))
    button(home, "Yes, it is mine")
    assert notes(home) == ["Your e-mail address is confirmed."]

    # Somebody guesses her password on the phone until the page says how long to wait.
    phone.goto("/login")
    for _ in range(10):
        fill(phone, "Log in", email=MEMBER, password="not her password at all")
    fill(phone, "Log in", email=MEMBER, password=PASSWORD)
    assert re.search(r"Please wait \d+ seconds?", phone.locator("main").inner_text())

    # It was Ada herself, who has forgotten it. The link in the mail gets her in at once, and ends every session.
    press(phone, phone.get_by_role("link", name="Forgot your password?"))
    fill(phone, "Mail me a link", email=MEMBER)
    phone.goto(link_in(mail_with_link(outbox, "reset-password", to=MEMBER)))
    fill(phone, "Save the new password", new_password=NEW_PASSWORD)
    log_in(phone, MEMBER, NEW_PASSWORD)
    home.goto("/account")
    assert path(home) == "/login?next=/account"
    assert "password was changed" in notes(home)[0]

    # Back at home she ends the phone's session, and the phone is out with its next page.
    log_in(home, MEMBER, NEW_PASSWORD, path="/account/sessions")
    button(home, "End all others")
    phone.goto("/account")
    assert path(phone) == "/login?next=/account"

    # The admin disables her account, and she is out at once, on both halves.
    with ApiClient(team.url) as program:
        assert program.log_in(MEMBER, NEW_PASSWORD).status_code == 200
        assert program.get("/api/users/me").status_code == 200
        office.goto("/admin/users?query=ada@")
        press(office, office.get_by_role("link", name=MEMBER))
        button(office, "Disable")
        assert program.get("/api/users/me").status_code == 401
        assert program.refresh().status_code == 400
    home.goto("/account")
    assert path(home) == "/login?next=/account"
    assert "disabled" in notes(home)[0]

    # The log says what happened and who did it.
    office.goto(f"/admin/audit?user={MEMBER}")
    log = office.locator("main").inner_text()
    for event in ("registered", "email_verified", "login_failed", "password_reset", "account_disabled"):
        assert event in log
    assert complaints == []
