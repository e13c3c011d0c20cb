"""People and programs who go on when a server is gone, and know what was acknowledged to them."""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

from tests.kit.duet import PASSWORD

_numbers = itertools.count()
#: The pause before something is tried again, in seconds.
PAUSE = 0.05


def new_email() -> str:
    """An email address that nobody has."""
    return f"person{next(_numbers)}@example.com"


def new_password() -> str:
    """A password that nobody has. It holds no words, so judging it takes a fifth of what a sentence takes."""
    return secrets.token_urlsafe(12)


def status_of(answer: httpx.Response | None) -> int:
    """The status of an answer; 0 if none came."""
    return 0 if answer is None else answer.status_code


class Person:
    """An account, used over the API and on the pages. An answer that never came is None.

    Args:
        urls: where Duet answers; the person's requests go to one after the other.
    """

    def __init__(self, *urls: str, email: str = "", password: str = PASSWORD, timeout: float = 30) -> None:
        self.email = email or new_email()
        self.password = password
        self.access_token = self.refresh_token = ""
        self._urls = itertools.cycle(urls)
        # Without `verify=False`, each client would read all public certificate authorities.
        self._http = httpx.AsyncClient(timeout=timeout, trust_env=False, verify=False)

    async def __aenter__(self) -> Person:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def call(self, method: str, path: str, *, url: str = "", **given: Any) -> httpx.Response | None:
        """Sends a request. Returns the answer if one came whole."""
        try:
            return await self._http.request(method, f"{url or next(self._urls)}{path}", **given)
        except httpx.HTTPError:
            return None

    async def until_answered(self, method: str, path: str, **given: Any) -> httpx.Response:
        """The first answer that is neither lost nor a 503."""
        while True:
            answer = await self.call(method, path, **given)
            if answer is not None and answer.status_code != 503:
                return answer
            await asyncio.sleep(PAUSE)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies of the browser."""
        return {cookie.name: cookie.value or "" for cookie in self._http.cookies.jar}

    # The API

    def bearer(self, token: str = "") -> dict[str, str]:
        """The header of an API call."""
        return {"Authorization": f"Bearer {token or self.access_token}"}

    async def register(self, **given: Any) -> httpx.Response | None:
        """Registers the account."""
        return await self.call(
            "POST", "/api/users", json={"email": self.email, "password": self.password}, **given
        )

    async def token(self, password: str = "", **given: Any) -> httpx.Response | None:
        """Asks for tokens by password."""
        form = {"grant_type": "password", "username": self.email, "password": password or self.password}
        return await self.call("POST", "/api/auth/token", data=form, **given)

    async def log_in(self, **given: Any) -> Person:
        """Gets tokens, in as many tries as it takes. Raises `RuntimeError` if it is refused."""
        while True:
            answer = await self.token(**given)
            if answer is not None and answer.status_code == 200:
                return self.keep(answer)
            if answer is not None and answer.status_code != 503:
                raise RuntimeError(f"no login: {answer.status_code} {answer.text}")
            await asyncio.sleep(PAUSE)

    async def join(self) -> Person:
        """Registers the account and logs in."""
        answer = await self.register()
        assert status_of(answer) == 201, answer
        return await self.log_in()

    async def refresh(self, refresh_token: str = "", **given: Any) -> httpx.Response | None:
        """Exchanges a refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token or self.refresh_token}
        return await self.call("POST", "/api/auth/token", data=form, **given)

    def keep(self, answer: httpx.Response) -> Person:
        """Uses the tokens in that answer from now on."""
        self.access_token, self.refresh_token = answer.json()["access_token"], answer.json()["refresh_token"]
        return self

    async def me(self, token: str = "", **given: Any) -> httpx.Response | None:
        """Asks who one is."""
        return await self.call("GET", "/api/users/me", headers=self.bearer(token), **given)

    async def change_password(self, new: str, **given: Any) -> httpx.Response | None:
        """Changes the password, with the present one."""
        words = {"current_password": self.password, "new_password": new}
        return await self.call("POST", "/api/users/me/password", json=words, headers=self.bearer(), **given)

    # The pages

    async def submit(self, path: str, **fields: str) -> httpx.Response | None:
        """Sends a form, with the token of its page."""
        page = await self.call("GET", path)
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text) if page is not None else None
        if page is None or found is None:
            return page
        return await self.call("POST", path, data={"csrf_token": found[1], **fields})

    async def sign_in(self) -> httpx.Response | None:
        """Logs in on the login page; the session's cookie is kept."""
        return await self.submit("/login", email=self.email, password=self.password)

    async def page(self, path: str = "/", **given: Any) -> httpx.Response | None:
        """Fetches a page."""
        return await self.call("GET", path, **given)


async def at_once(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    """Does all of it at the same moment, and returns the results. The first failure is raised."""
    return list(await asyncio.gather(*work))


async def crowd(count: int, work: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """Runs that many at the same time, each with its number."""
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(work(number))
