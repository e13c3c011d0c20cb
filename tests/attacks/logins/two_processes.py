"""Auth in two processes on one store and one clock, with one account: what the refresh machine acts on."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from app.auth.errors import InvalidCredentials, InvalidGrant, NotAuthenticated, TokenNotCurrent
from app.auth.models import LetterKind, Principal, TokenPair
from tests.auth.house import API, WEB, FakeClock, House, house_on
from tests.kit.naughty import quiet

EMAIL: Final = "ada@example.com"
WORDS: Final = ["correct horse battery", "staple horse correct"]
PROCESSES: Final = range(2)
REFUSED: Final = (InvalidCredentials, InvalidGrant, NotAuthenticated)
T = TypeVar("T")
#: Something to do that may result in a pair of tokens.
Work: TypeAlias = Coroutine[Any, Any, TokenPair | None]


class TwoProcesses:
    """Both processes, and a loop that runs them. They print nothing."""

    def __init__(self) -> None:
        self._closing = ExitStack()
        self._closing.enter_context(quiet())
        folder = self._closing.enter_context(tempfile.TemporaryDirectory())
        self._runner = self._closing.enter_context(asyncio.Runner())
        self._url = f"sqlite:///{Path(folder) / 'duet.db'}"
        self.clock = FakeClock()
        self._running = [AsyncExitStack() for _ in PROCESSES]
        self.houses = [self._start(process) for process in PROCESSES]
        self.user_id = self.run(self.houses[0].auth.accounts.create(EMAIL, WORDS[0], client=API)).id

    def _start(self, process: int) -> House:
        return self.run(self._running[process].enter_async_context(house_on(self._url, clock=self.clock)))

    def restart(self, process: int) -> None:
        """Ends a process, and starts it again."""
        self.run(self._running[process].aclose())
        self.houses[process] = self._start(process)

    def close(self) -> None:
        """Ends both."""
        for process in self._running:
            self.run(process.aclose())
        self._closing.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`."""
        return self._runner.run(work)

    def at_once(self, *work: Work) -> list[TokenPair]:
        """Does all of it at the same moment and returns the resulting pairs. Only refusals may be raised."""

        async def gather() -> list[TokenPair | BaseException | None]:
            return await asyncio.gather(*work, return_exceptions=True)

        found = self.run(gather())
        for failure in found:
            if isinstance(failure, BaseException) and not isinstance(failure, REFUSED):
                raise failure
        return [pair for pair in found if isinstance(pair, TokenPair)]

    def lets_in(self, process: int, pair: TokenPair) -> bool:
        """Whether an access token counts at a process."""
        try:
            self.houses[process].auth.sessions.authenticate(pair.access_token)
        except NotAuthenticated:
            return False
        return True

    async def log_in(self, process: int, word: int, *, is_browser: bool) -> TokenPair:
        """Logs in with one of the two passwords."""
        client = WEB if is_browser else API
        return await self.houses[process].auth.sessions.log_in(EMAIL, WORDS[word], client)

    async def refresh(self, process: int, pair: TokenPair) -> TokenPair:
        """Exchanges the refresh token of a pair."""
        return await self.houses[process].auth.refreshing.refresh(pair.refresh_token or "", API)

    async def browse(self, process: int, pair: TokenPair) -> TokenPair:
        """Shows the access token of a pair as the gate does: it is renewed where that is needed."""
        auth = self.houses[process].auth
        try:
            auth.sessions.authenticate(pair.access_token)
            return pair
        except TokenNotCurrent as stale:
            return await auth.renewals.renew(stale.principal)

    async def revoke(self, process: int, token: str) -> None:
        """Revokes by any token (RFC 7009)."""
        await self.houses[process].auth.sessions.revoke_token(token, API)

    async def log_out(self, process: int, principal: Principal) -> None:
        """Logs out on the owner's behalf."""
        await self.houses[process].auth.endings.log_out(principal, API)

    async def change_password(self, process: int, principal: Principal, old: int) -> None:
        """Changes one password to the other on the owner's behalf; the session that does so goes on."""
        change = self.houses[process].auth.credentials.change_password
        await change(principal, WORDS[old], WORDS[1 - old], API)

    async def set_password(self, process: int, word: int) -> None:
        """Sets the password as the operator of the site does."""
        await self.houses[process].auth.credentials.set_password(self.user_id, WORDS[word], API)

    async def reset_password(self, process: int, word: int) -> None:
        """Resets the password by the link in a mail."""
        house = self.houses[process]
        await house.auth.credentials.forgot(EMAIL, API)
        token = await house.mailed_token(LetterKind.RESET_PASSWORD, EMAIL)
        await house.auth.credentials.reset(token, WORDS[word], API)

    async def set_active(self, process: int, is_active: bool) -> None:
        """Enables or disables the account as an admin."""
        await self.houses[process].auth.administration.set_active(self.user_id, is_active, API)

    async def set_roles(self, process: int, roles: tuple[str, ...]) -> None:
        """Sets the roles as an admin."""
        await self.houses[process].auth.administration.set_roles(self.user_id, roles, API)

    async def poll(self, process: int) -> None:
        """Reads what the other process ended, and forgets what has run out."""
        await self.houses[process].auth.revocations.poll()

    async def listed(self) -> set[str]:
        """The ids of the sessions that the person sees."""
        store, now = self.houses[0].store, self.clock.now()
        return {session.id for session in await store.sessions_of(self.user_id, now=now)}
