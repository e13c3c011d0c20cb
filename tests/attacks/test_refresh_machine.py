"""The life of logins, by any steps in any order over two processes, against a model that says what must work."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.auth.errors import InvalidCredentials, InvalidGrant, NotAuthenticated, TokenNotCurrent
from app.auth.models import LetterKind, TokenPair
from tests.attacks.refresh_model import Login, Person
from tests.auth.house import API, WEB, FakeClock, House, house_on
from tests.naughty import quiet

#: How much is tried. Five times as many examples once in a while find what these miss.
EXAMPLES: Final = 40
STEPS: Final = 25
MAX_LOGINS: Final = 6

EMAIL: Final = "ada@example.com"
WORDS: Final = ["correct horse battery", "staple horse correct"]
PROCESSES: Final = range(2)
#: By how many seconds the clock may be wrong.
AHEAD: Final = st.sampled_from([1200, 3600, 86_400])
REFUSED: Final = (InvalidCredentials, InvalidGrant, NotAuthenticated)
process_ = st.sampled_from(PROCESSES)
T = TypeVar("T")


class RefreshMachine(RuleBasedStateMachine):
    """One person with several logins, on two processes over one store."""

    logins: Bundle[Login] = Bundle("logins")

    def __init__(self) -> None:
        super().__init__()
        self.quiet = ExitStack()
        self.quiet.enter_context(quiet())
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.url = f"sqlite:///{Path(self.folder.name) / 'duet.db'}"
        self.clock = FakeClock()
        self.closing = [AsyncExitStack() for _ in PROCESSES]
        self.houses: list[House] = [self._start(process) for process in PROCESSES]
        user = self.run(self.houses[0].auth.accounts.create(EMAIL, WORDS[0], client=API))
        self.user_id = user.id
        self.person = Person(PROCESSES)
        #: Log-ins that were tried: hypothesis wants what may come next to depend on no race.
        self.begun = 0
        self.ahead = self.behind = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`."""
        return self.runner.run(work)

    def at_once(self, *work: Coroutine[Any, Any, TokenPair | None]) -> list[TokenPair]:
        """Does all of it at the same moment: the pairs that came of it. Refusals are fine, no other failure is."""

        async def gather() -> list[TokenPair | BaseException | None]:
            return await asyncio.gather(*work, return_exceptions=True)

        found = self.run(gather())
        for failure in found:
            if isinstance(failure, BaseException) and not isinstance(failure, REFUSED):
                raise failure
        return [pair for pair in found if isinstance(pair, TokenPair)]

    def _start(self, process: int) -> House:
        return self.run(self.closing[process].enter_async_context(house_on(self.url, clock=self.clock)))

    def teardown(self) -> None:
        """Closes the database."""
        for stack in self.closing:
            self.run(stack.aclose())
        self.runner.close()
        self.folder.cleanup()
        self.quiet.close()

    # beginning

    @initialize(target=logins, is_browser=st.booleans())
    def first(self, is_browser: bool) -> Login:
        """Somebody is logged in from the start."""
        return self._begin(0, is_browser)

    @precondition(lambda self: self.begun < MAX_LOGINS and self.person.is_active)
    @rule(target=logins, process=process_, is_browser=st.booleans())
    def log_in(self, process: int, is_browser: bool) -> Login:
        """With the password of the day."""
        return self._begin(process, is_browser)

    def _begin(self, process: int, is_browser: bool) -> Login:
        self.begun += 1
        pair = self.run(self.log_in_at(process, self.person.word, is_browser=is_browser))
        assert (pair.refresh_token is None) == is_browser
        self.is_current(pair)
        return self.person.begin(pair, self.now, is_browser=is_browser)

    @rule(process=process_, is_browser=st.booleans())
    def fail_to_log_in(self, process: int, is_browser: bool) -> None:
        """With the other password, or while the account is switched off."""
        for word in range(2):
            if word != self.person.word or not self.person.is_active:
                with pytest.raises(InvalidCredentials):
                    self.run(self.log_in_at(process, word, is_browser=is_browser))

    # continuing

    @rule(login=logins, process=process_)
    def refresh(self, login: Login, process: int) -> None:
        """With the current token: works exactly while the login lives."""
        self.refresh_once(login, process)

    @rule(login=logins, process=process_, age=st.integers(1, 3))
    def replay(self, login: Login, process: int, age: int) -> None:
        """With an older token."""
        self.replay_once(login, process, age)

    @rule(
        login=logins,
        process=process_,
        seconds=st.sampled_from([0, 1, 30, 31]),
        times=st.sampled_from([1, 1, 2]),
        polls=st.booleans(),
    )
    def lose_an_answer(self, login: Login, process: int, seconds: int, times: int, polls: bool) -> None:
        """A refresh whose answer never arrives, and the same token again, sooner or later, or once too late."""
        for _ in range(times):
            self.refresh_once(login, process)
        self.wait(seconds, polls)
        self.replay_once(login, 1 - process, times)

    @rule(login=logins, first=process_, number=st.integers(2, 6))
    def refresh_at_once(self, login: Login, first: int, number: int) -> None:
        """Several callers with the current token: one successor, and everybody has it."""
        if login.is_browser:
            return
        lives = login.lives(self.now)
        work = [self.refresh_at((first + one) % 2, login.pairs[-1]) for one in range(number)]
        pairs = self.at_once(*work)
        assert len(pairs) == (number if lives else 0)
        if pairs:
            assert {pair.refresh_token for pair in pairs}.isdisjoint({old.refresh_token for old in login.given})
            login.rotate(pairs[0], self.now)
            login.given += pairs[1:]
            assert len({pair.refresh_token for pair in pairs}) == 1

    @rule(login=logins, process=process_, which=st.integers(0, 20), tabs=st.integers(1, 4))
    def browse(self, login: Login, process: int, which: int, tabs: int) -> None:
        """Tabs with any token that this browser ever had: who is in stays in, who is out stays out."""
        if not login.is_browser:
            return
        shown = login.given[which % len(login.given)]
        expected = self.person.browsing(login, process, self.now)
        pairs = self.at_once(*[self.browse_at(process, shown) for _ in range(tabs)])
        assert len(pairs) in ((0, tabs) if expected is None else (tabs * expected,))
        for pair in pairs:
            if pair not in login.given:
                login.renew(pair, self.now)
        if expected:
            assert self.person.access(login, pairs[0], process, self.now) is not False

    def refresh_once(self, login: Login, process: int) -> None:
        """With the current token: works exactly while the login lives."""
        if login.is_browser:
            return
        pairs = self.at_once(self.refresh_at(process, login.pairs[-1]))
        assert bool(pairs) == login.lives(self.now)
        for pair in pairs:
            assert pair.refresh_token not in [other.refresh_token for other in login.given]
            self.is_current(pair)
            login.rotate(pair, self.now)

    def replay_once(self, login: Login, process: int, age: int) -> None:
        """With an older one: the successor for the parent within the grace, else the end of the login."""
        if len(login.pairs) <= age:
            return
        lives = login.lives(self.now)
        pairs = self.at_once(self.refresh_at(process, login.pairs[-1 - age]))
        if lives and login.is_in_grace(age, self.now):
            (pair,) = pairs
            assert pair.refresh_token == login.pairs[-1].refresh_token
            login.given.append(pair)
        else:
            assert not pairs
            if lives:
                login.end(process, self.now)

    # ending

    @rule(login=logins, process=process_, which=st.integers(0, 20), kind=st.sampled_from(["access", "refresh"]))
    def revoke(self, login: Login, process: int, which: int, kind: str) -> None:
        """By any token that was ever handed out, also a second time (RFC 7009)."""
        pair = login.given[which % len(login.given)]
        token = pair.access_token if kind == "access" or login.is_browser else pair.refresh_token
        self.run(self.houses[process].auth.sessions.revoke_token(token or "", API))
        login.end(process, self.now)

    @rule(login=logins, process=process_)
    def log_out(self, login: Login, process: int) -> None:
        """By its owner, also a second time."""
        self.run(self.end_by_log_out(login, process))
        login.end(process, self.now)

    @rule(login=logins, process=process_)
    def change_password(self, login: Login, process: int) -> None:
        """Out of a login that lives: the others end."""
        if login.lives(self.now):
            self.run(self.end_by_change(login, process))
            self.new_word(process, keep=login)

    @rule(process=process_)
    def reset_password(self, process: int) -> None:
        """By the link of a mail: all end."""
        if self.person.is_active:
            self.run(self.reset_at(process))
            self.new_word(process)

    @rule(process=process_, is_active=st.sampled_from([True, True, False]))
    def set_active(self, process: int, is_active: bool) -> None:
        """Switches the account off, which ends all, or on, which brings nothing back."""
        self.run(self.houses[process].auth.administration.set_active(self.user_id, is_active, API))
        self.person.is_active = is_active
        self.person.change_rights(process, self.now)
        if not is_active:
            self.person.end_all(process, self.now)

    @rule(process=process_, roles=st.sampled_from([(), ("editor",), ("author", "editor")]))
    def set_roles(self, process: int, roles: tuple[str, ...]) -> None:
        """Older access tokens count no longer, and nobody is logged out."""
        self.run(self.houses[process].auth.administration.set_roles(self.user_id, roles, API))
        self.person.roles = frozenset(roles)
        self.person.change_rights(process, self.now)

    # at the same moment

    @rule(
        login=logins,
        process=process_,
        how=st.sampled_from(["log-out", "new password", "change", "disabling"]),
        order=st.randoms(use_true_random=False),
    )
    def end_while_in_use(self, login: Login, process: int, how: str, order: random.Random) -> None:
        """Refreshes, or tabs, against an ending: whichever comes first, afterwards nothing of the login works."""
        others = [other for other in self.person.living(self.now) if other is not login]
        if not login.lives(self.now) or (how == "change" and not others):
            return
        work: list[Coroutine[Any, Any, TokenPair | None]] = [
            self.browse_at(one, login.given[-1]) if login.is_browser else self.refresh_at(one, login.pairs[-1])
            for one in (0, 1, process)
        ]
        if how == "log-out":
            work.append(self.end_by_log_out(login, process))
        elif how == "new password":
            work.append(self.set_password_at(process))
        elif how == "change":
            work.append(self.end_by_change(others[0], process))
        else:
            work.append(self.disable_at(process))
        order.shuffle(work)
        login.given += [pair for pair in self.at_once(*work) if pair not in login.given]
        if how == "log-out":
            login.end(process, self.now)
        elif how == "disabling":
            self.person.is_active = False
            self.person.change_rights(process, self.now)
            self.person.end_all(process, self.now)
        else:
            self.new_word(process, keep=others[0] if how == "change" else None)

    @precondition(lambda self: self.begun < MAX_LOGINS and self.person.is_active)
    @rule(process=process_, is_browser=st.booleans(), comes_first=st.booleans())
    def log_in_while_the_password_changes(self, process: int, is_browser: bool, comes_first: bool) -> None:
        """With the old one: refused, or let in for no longer than it takes."""
        self.begun += 1
        work: list[Coroutine[Any, Any, TokenPair | None]] = [
            self.log_in_at(1 - process, self.person.word, is_browser=is_browser),
            self.set_password_at(process),
        ]
        for pair in self.at_once(*(work if comes_first else reversed(work))):
            self.person.begin(pair, self.now, is_browser=is_browser)
        self.new_word(process)

    # time, and what processes know

    @rule(seconds=st.sampled_from([1, 10, 30, 31, 60, 600, 900, 86_400, 20 * 86_400]), polls=st.booleans())
    def wait(self, seconds: int, polls: bool) -> None:
        """Seconds or days go by, and the processes may hear of each other, or not."""
        self.clock.step(seconds=seconds)
        for process in PROCESSES if polls else ():
            self.poll(process)

    @rule(process=process_)
    def poll(self, process: int) -> None:
        """One of the processes reads what the others ended, and forgets what has run out."""
        self.run(self.houses[process].auth.revocations.poll())
        self.person.hear(process)

    @rule(seconds=st.sampled_from([1, 59, 61, 600]))
    def step_back(self, seconds: int) -> None:
        """The clock is set back; each process asks the store every second, so before that and after."""
        self.wait(0, True)
        self.wait(-seconds, True)

    @precondition(lambda self: not self.ahead)
    @rule(seconds=AHEAD)
    def run_ahead(self, seconds: int) -> None:
        """The clock goes wrong."""
        self.ahead = seconds
        self.wait(seconds, True)

    @precondition(lambda self: self.ahead)
    @rule()
    def set_right(self) -> None:
        """The clock is right again."""
        self.step_back(self.ahead)
        self.behind, self.ahead = self.ahead, 0

    @precondition(lambda self: self.behind)
    @rule()
    def catch_up(self) -> None:
        """It is as late as it once wrongly was."""
        self.wait(self.behind, True)
        self.behind = 0

    @rule(process=process_)
    def restart(self, process: int) -> None:
        """One of the processes starts again, and has forgotten everything."""
        self.run(self.closing[process].aclose())
        self.houses[process] = self._start(process)
        self.person.forget(process, self.now)

    # what works

    @invariant()
    def access_tokens_work_as_the_model_says(self) -> None:
        """Every one that was ever handed out, at every process."""
        for login in self.person.logins:
            for pair in login.given:
                for process in PROCESSES:
                    expected = self.person.access(login, pair, process, self.now)
                    try:
                        self.houses[process].auth.sessions.authenticate(pair.access_token)
                        works = True
                    except NotAuthenticated:
                        works = False
                    assert expected in (None, works)

    @invariant()
    def the_list_shows_what_lives(self) -> None:
        """The page with somebody's devices names the logins that live, and no others."""
        found = self.run(self.houses[0].store.sessions_of(self.user_id, now=self.now))
        assert {one.id for one in found} == {login.session_id for login in self.person.living(self.now)}

    # the parts of the steps

    @property
    def now(self) -> Any:
        """The instant."""
        return self.clock.now()

    def is_current(self, pair: TokenPair) -> None:
        """What is handed out now tells the rights of now."""
        assert pair.principal.roles == self.person.roles
        assert pair.principal.rights_version == self.person.rights

    def new_word(self, process: int, *, keep: Login | None = None) -> None:
        """The password has changed."""
        self.person.word = 1 - self.person.word
        self.person.end_all(process, self.now, keep=keep)

    async def log_in_at(self, process: int, word: int, *, is_browser: bool) -> TokenPair:
        client = WEB if is_browser else API
        return await self.houses[process].auth.sessions.log_in(EMAIL, WORDS[word], client)

    async def refresh_at(self, process: int, pair: TokenPair) -> TokenPair:
        return await self.houses[process].auth.sessions.refresh(pair.refresh_token or "", API)

    async def browse_at(self, process: int, pair: TokenPair) -> TokenPair:
        """As the gate does it."""
        auth = self.houses[process].auth
        try:
            auth.sessions.authenticate(pair.access_token)
            return pair
        except TokenNotCurrent as stale:
            return await auth.renewals.renew(stale.principal)

    async def end_by_log_out(self, login: Login, process: int) -> None:
        await self.houses[process].auth.sessions.log_out(login.pairs[0].principal, API)

    async def end_by_change(self, login: Login, process: int) -> None:
        old, new = WORDS[self.person.word], WORDS[1 - self.person.word]
        principal = login.given[-1].principal
        await self.houses[process].auth.credentials.change_password(principal, old, new, API)

    async def set_password_at(self, process: int) -> None:
        new = WORDS[1 - self.person.word]
        await self.houses[process].auth.credentials.set_password(self.user_id, new, API)

    async def reset_at(self, process: int) -> None:
        house = self.houses[process]
        await house.auth.credentials.forgot(EMAIL, API)
        token = await house.mailed_token(LetterKind.RESET_PASSWORD, EMAIL)
        await house.auth.credentials.reset(token, WORDS[1 - self.person.word], API)

    async def disable_at(self, process: int) -> None:
        await self.houses[process].auth.administration.set_active(self.user_id, False, API)


TestRefreshMachine = RefreshMachine.TestCase
TestRefreshMachine.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
