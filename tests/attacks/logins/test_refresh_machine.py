"""The life of logins: steps in any order on two processes, checked against a model of what must work."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.auth.errors import InvalidCredentials
from app.auth.models import TokenPair
from tests.attacks.logins.refresh_model import Login, Person
from tests.attacks.logins.two_processes import PROCESSES, TwoProcesses, Work

#: How much is tried. An occasional run with five times as many examples finds what these miss.
EXAMPLES: Final = 30
STEPS: Final = 30
MAX_LOGINS: Final = 8
#: How many seconds the clock may be wrong for a while.
AHEAD: Final = st.sampled_from([1200, 3600, 86_400])

#: The ways to end one login.
HOW: Final = st.sampled_from(["access", "refresh", "owner"])

process_ = st.sampled_from(PROCESSES)
is_browser_ = st.sampled_from([False, False, True])


class RefreshMachine(RuleBasedStateMachine):
    """One person with several logins. `site` performs the steps, and `person` says what must come of them."""

    logins: Bundle[Login] = Bundle("logins")

    def __init__(self) -> None:
        super().__init__()
        self.site = TwoProcesses()
        self.person = Person(PROCESSES)
        #: Logins that were tried: for hypothesis, what may come next must not depend on a race.
        self.begun = 0
        self.ahead = self.behind = 0
        self.is_old = False

    def teardown(self) -> None:
        """Ends both processes."""
        self.site.close()

    @property
    def now(self) -> datetime:
        """The current instant."""
        return self.site.clock.now()

    def some(self, login: Login, *, is_browser: bool) -> Login:
        """Returns `login` if it is alive and of that kind, else another one that is, else `login` all the same."""
        fit = [one for one in self.person.living(self.now) if one.is_browser == is_browser]
        return login if login in fit or not fit else fit[-1]

    # Beginning

    @initialize(target=logins, is_browser=is_browser_)
    def first(self, is_browser: bool) -> Login:
        """Somebody is logged in from the start."""
        return self.begin(0, is_browser)

    @precondition(lambda self: self.begun < MAX_LOGINS and self.person.is_active)
    @rule(target=logins, process=process_, is_browser=is_browser_)
    def log_in(self, process: int, is_browser: bool) -> Login:
        """Logs in with the current password."""
        return self.begin(process, is_browser)

    def begin(self, process: int, is_browser: bool) -> Login:
        """A login with the right password works."""
        self.begun += 1
        pair = self.site.run(self.site.log_in(process, self.person.word, is_browser=is_browser))
        assert (pair.refresh_token is None) == is_browser
        self.check_current(pair)
        return self.person.begin(pair, self.now, is_browser=is_browser)

    @rule(process=process_, is_browser=is_browser_)
    def fail_to_log_in(self, process: int, is_browser: bool) -> None:
        """A login fails with the other password, or while the account is disabled."""
        for word in range(2):
            if word != self.person.word or not self.person.is_active:
                with pytest.raises(InvalidCredentials):
                    self.site.run(self.site.log_in(process, word, is_browser=is_browser))

    # Continuing

    @rule(login=logins, process=process_)
    def refresh(self, login: Login, process: int) -> None:
        """The current token works exactly as long as the login lives."""
        self.refresh_once(login, process)

    @rule(
        login=logins, process=process_, age=st.sampled_from([1, 1, 2, 3]), seconds=st.sampled_from([0, 30, 31, 31])
    )
    def replay(self, login: Login, process: int, age: int, seconds: int) -> None:
        """Replays an older token: either its answer was lost, or somebody copied it."""
        login = self.some(login, is_browser=False)
        while len(login.pairs) <= age and not login.is_browser and login.lives(self.now):
            self.refresh_once(login, process)
        self.wait(seconds, False)
        self.replay_once(login, 1 - process, age)

    @rule(login=logins, first=process_, number=st.integers(2, 6))
    def refresh_at_once(self, login: Login, first: int, number: int) -> None:
        """Several callers with the current token get one successor, the same for all."""
        login = self.some(login, is_browser=False)
        if login.is_browser:
            return
        lives = login.lives(self.now)
        pairs = self.site.at_once(
            *[self.site.refresh((first + one) % 2, login.pairs[-1]) for one in range(number)]
        )
        assert len(pairs) == (number if lives else 0)
        if pairs:
            assert len({pair.refresh_token for pair in pairs}) == 1
            assert pairs[0].refresh_token not in {old.refresh_token for old in login.given}
            login.rotate(pairs[0], self.now)
            login.given += pairs[1:]
            self.refresh_once(login, first)  # all of them have the current one

    @rule(login=logins, process=process_, which=st.integers(0, 20), tabs=st.integers(1, 4))
    def browse(self, login: Login, process: int, which: int, tabs: int) -> None:
        """Tabs show any token that this browser ever had: they stay logged in or logged out, as the login is."""
        login = login if login.is_browser else self.some(login, is_browser=True)
        if login.is_browser:
            self.browse_once(login, process, login.given[which % len(login.given)], tabs)

    @precondition(lambda self: not self.is_old)
    @rule(login=logins, process=process_, is_browser=st.booleans(), times=st.integers(1, 5))
    def go_on_for_weeks(self, login: Login, process: int, is_browser: bool, times: int) -> None:
        """Now and then weeks pass in use: each use pushes the idle limit on, and none pushes the absolute one."""
        self.is_old = True  # once: most logins from before are over afterwards
        login = self.some(login, is_browser=is_browser)
        for _ in range(times):
            self.wait(20 * 86_400, True)
            self.refresh_once(login, process)
            if login.is_browser:
                self.browse_once(login, process, login.given[0], 1)

    def browse_once(self, login: Login, process: int, shown: TokenPair, tabs: int) -> None:
        """All tabs show the same token at the same moment."""
        expected = self.person.browsing(login, process, self.now)
        pairs = self.site.at_once(*[self.site.browse(process, shown) for _ in range(tabs)])
        assert len(pairs) in ((0, tabs) if expected is None else (tabs * expected,))
        for pair in pairs:
            if pair not in login.given:
                login.renew(pair, self.now)
        if expected:
            assert self.person.access(login, pairs[0], process, self.now) is not False

    def refresh_once(self, login: Login, process: int) -> None:
        """The current token works exactly as long as the login lives."""
        if login.is_browser:
            return
        pairs = self.site.at_once(self.site.refresh(process, login.pairs[-1]))
        assert bool(pairs) == login.lives(self.now)
        for pair in pairs:
            assert pair.refresh_token not in [other.refresh_token for other in login.given]
            self.check_current(pair)
            login.rotate(pair, self.now)

    def replay_once(self, login: Login, process: int, age: int) -> None:
        """An older token yields the successor if it is the parent within the grace, and else ends the login."""
        if len(login.pairs) <= age:
            return
        lives = login.lives(self.now)
        pairs = self.site.at_once(self.site.refresh(process, login.pairs[-1 - age]))
        if lives and login.is_in_grace(age, self.now):
            (pair,) = pairs
            assert pair.refresh_token == login.pairs[-1].refresh_token
            login.given.append(pair)
        else:
            assert not pairs
            if lives:
                login.end(process, self.now)

    def check_current(self, pair: TokenPair) -> None:
        """New tokens carry the current rights."""
        assert pair.principal.roles == self.person.roles
        assert pair.principal.rights_version == self.person.rights

    # Ending

    @rule(
        login=logins,
        process=process_,
        which=st.integers(0, 20),
        how=st.sampled_from(["access", "refresh", "owner"]),
    )
    def end_one(self, login: Login, process: int, which: int, how: str) -> None:
        """Ends one by any token it was ever given (RFC 7009), or by its owner, possibly a second time."""
        pair = login.given[which % len(login.given)]
        if how == "owner":
            self.site.run(self.site.log_out(process, pair.principal))
        else:
            refresh_token = pair.refresh_token if how == "refresh" else None
            self.site.run(self.site.revoke(process, refresh_token or pair.access_token))
        login.end(process, self.now)

    @rule(login=logins, process=process_, how=st.sampled_from(["change", "change", "reset", "off", "off and on"]))
    def end_many(self, login: Login, process: int, how: str) -> None:
        """A change of the password ends all logins but its own, or all end; none of them comes back."""
        if how.startswith("off"):
            self.site.run(self.site.set_active(process, False))
            self.switched_off(process)
            if how == "off and on":
                self.change_rights(1 - process, None)
        elif how == "reset" and self.person.is_active:
            self.site.run(self.site.reset_password(process, 1 - self.person.word))
            self.new_word(process)
        elif how == "change" and login.lives(self.now):
            self.site.run(self.site.change_password(process, login.given[-1].principal, self.person.word))
            self.new_word(process, keep=login)

    @rule(process=process_, roles=st.sampled_from([None, (), ("editor",), ("author", "editor")]))
    def change_rights(self, process: int, roles: tuple[str, ...] | None) -> None:
        """Older access tokens stop counting and nobody is logged out; or the account is enabled again, with no
        logins."""
        if roles is None or not self.person.is_active:
            self.site.run(self.site.set_active(process, True))
            self.person.is_active = True
        else:
            self.site.run(self.site.set_roles(process, roles))
            self.person.roles = frozenset(roles)
        self.person.change_rights(process, self.now)

    def switched_off(self, process: int) -> None:
        """The account is disabled."""
        self.person.is_active = False
        self.person.change_rights(process, self.now)
        self.person.end_all(process, self.now)

    def new_word(self, process: int, *, keep: Login | None = None) -> None:
        """The password has changed; where no session goes on, older access tokens are out of date as well."""
        self.person.word = 1 - self.person.word
        if keep is None:
            self.person.change_rights(process, self.now)
        self.person.end_all(process, self.now, keep=keep)

    # At the same moment

    @rule(
        login=logins,
        process=process_,
        is_browser=is_browser_,
        how=st.sampled_from(["log-out", "log-out", "new password", "change", "disabling"]),
        order=st.randoms(use_true_random=False),
    )
    def end_while_in_use(
        self, login: Login, process: int, is_browser: bool, how: str, order: random.Random
    ) -> None:
        """Refreshes or tabs meet an ending: whichever comes first, nothing of the login works afterwards."""
        login = self.some(login, is_browser=is_browser)
        others = [other for other in self.person.living(self.now) if other is not login]
        if not login.lives(self.now) or (how == "change" and not others):
            return
        site, word = self.site, self.person.word
        endings = {
            "log-out": lambda: site.log_out(process, login.pairs[0].principal),
            "new password": lambda: site.set_password(process, 1 - word),
            "change": lambda: site.change_password(process, others[0].given[-1].principal, word),
            "disabling": lambda: site.set_active(process, False),
        }
        used = site.browse if login.is_browser else site.refresh
        work: list[Work] = [
            used(one, login.given[-1] if login.is_browser else login.pairs[-1]) for one in (0, 1, 0)
        ]
        work.append(endings[how]())
        order.shuffle(work)
        login.given += [pair for pair in site.at_once(*work) if pair not in login.given]
        if how == "log-out":
            login.end(process, self.now)
        elif how == "disabling":
            self.switched_off(process)
        else:
            self.new_word(process, keep=others[0] if how == "change" else None)

    @precondition(lambda self: self.begun < MAX_LOGINS and self.person.is_active)
    @rule(process=process_, is_browser=is_browser_, comes_first=st.booleans())
    def log_in_while_the_password_changes(self, process: int, is_browser: bool, comes_first: bool) -> None:
        """A login with the old password is refused, or is let in only until the change is done."""
        self.begun += 1
        work: list[Work] = [
            self.site.log_in(1 - process, self.person.word, is_browser=is_browser),
            self.site.set_password(process, 1 - self.person.word),
        ]
        for pair in self.site.at_once(*(work if comes_first else reversed(work))):
            self.person.begin(pair, self.now, is_browser=is_browser)
        self.new_word(process)

    # Time, and what processes know

    @rule(seconds=st.sampled_from([1, 10, 60, 600, 900]), polls=st.booleans())
    def wait(self, seconds: int, polls: bool) -> None:
        """Time passes, and the processes may or may not hear of each other."""
        self.site.clock.step(seconds=seconds)
        for process in PROCESSES if polls else ():
            self.poll(process)

    @rule(process=process_)
    def poll(self, process: int) -> None:
        """One of the processes reads what the other one ended, and forgets what has run out."""
        self.site.run(self.site.poll(process))
        self.person.hear(process)

    @rule(seconds=st.sampled_from([1, 59, 61, 600]))
    def step_back(self, seconds: int) -> None:
        """The clock is set back. Each process asks the store every second, so before and after that too."""
        self.wait(0, True)
        self.wait(-seconds, True)

    @precondition(lambda self: not self.ahead)
    @rule(seconds=AHEAD)
    def run_ahead(self, seconds: int) -> None:
        """The clock becomes wrong."""
        self.ahead = seconds
        self.wait(seconds, True)

    @precondition(lambda self: self.ahead)
    @rule(login=logins, process=process_)
    def set_right(self, login: Login, process: int) -> None:
        """The clock is right again, so what was issued a moment before comes from the future."""
        self.refresh_once(self.some(login, is_browser=False), process)
        self.step_back(self.ahead)
        self.behind, self.ahead = self.ahead, 0

    @precondition(lambda self: self.behind)
    @rule()
    def catch_up(self) -> None:
        """The time reaches what the wrong clock once showed."""
        self.wait(self.behind, True)
        self.behind = 0

    @rule(process=process_)
    def restart(self, process: int) -> None:
        """One of the processes starts again, and has forgotten everything."""
        self.site.restart(process)
        self.person.forget(process, self.now)

    # What works

    @invariant()
    def access_tokens_work_as_the_model_says(self) -> None:
        """Every access token that was ever issued works at every process as the model says."""
        for login in self.person.logins:
            for pair in login.given:
                for process in PROCESSES:
                    expected = self.person.access(login, pair, process, self.now)
                    assert expected in (None, self.site.lets_in(process, pair))

    @invariant()
    def the_list_shows_what_lives(self) -> None:
        """The page with somebody's devices names the logins that live, and no others."""
        assert self.site.run(self.site.listed()) == {one.session_id for one in self.person.living(self.now)}


TestRefreshMachine = RefreshMachine.TestCase
TestRefreshMachine.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
