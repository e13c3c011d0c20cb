"""Somebody whose login is worth stealing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.attacks.raw import bearer
from tests.kit.duet import ApiClient, Browser, Running


@dataclass(frozen=True)
class Victim:
    """Somebody who is logged in on both halves."""

    duet: Running
    email: str
    id: str
    token: str
    cookie: str

    @property
    def both(self) -> tuple[str, str]:
        """The header lines that show both credentials."""
        return bearer(self.token), f"Cookie: {self.cookie}"


@contextmanager
def signed_in(house: Running, email: str) -> Iterator[Victim]:
    """Yields a person without any role, and their token and cookie."""
    user = house.make_user(email)
    with ApiClient(house.url, verify=False) as api, Browser(house.url, verify=False) as browser:
        assert api.log_in(user.email).status_code == 200
        assert browser.log_in(user.email).status_code == 303
        cookie = f"session={browser.cookies['session']}"
        yield Victim(house, user.email, user.id, api.access_token, cookie)
