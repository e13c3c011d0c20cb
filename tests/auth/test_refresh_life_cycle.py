"""The life cycle of refresh tokens, in any order of steps, against a model that says what must work."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.auth.errors import InvalidCredentials, InvalidGrant, NotAuthenticated
from app.auth.models import TokenPair
from tests.auth.house import API, House, house_on

T = TypeVar("T")

EMAIL = "ada@example.com"
IDLE, ABSOLUTE, GRACE = timedelta(days=30), timedelta(days=90), timedelta(seconds=30)
WORDS = ["correct horse battery", "staple horse correct"]


@dataclass
class Model:
    """What a session must be."""

    pairs: list[TokenPair]
    began: datetime
    renewed: datetime
    ended: bool = False
    rotated: datetime | None = None
    #: Every pair that was ever handed out.
    given: list[TokenPair] = field(default_factory=list)

    def lives(self, now: datetime) -> bool:
        """Whether it was not ended, and is within its limits."""
        return not self.ended and now < min(self.renewed + IDLE, self.began + ABSOLUTE)


class RefreshLifeCycle(RuleBasedStateMachine):
    """One person, several sessions; whatever happens, what works is what the model says."""

    sessions: Bundle[Model] = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.closing = AsyncExitStack()
        self.folder = tempfile.TemporaryDirectory()
        self.models: list[Model] = []
        self.word, self.active, self.rights = 0, True, 1

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`."""
        return self.runner.run(work)

    @initialize(target=sessions)
    def start(self) -> Model:
        """A new database with one account, which is logged in."""
        url = f"sqlite:///{Path(self.folder.name) / 'duet.db'}"
        self.house: House = self.run(self.closing.enter_async_context(house_on(url)))
        user = self.run(self.house.auth.accounts.create(EMAIL, WORDS[0], client=API))
        self.user_id = user.id
        return self._begin()

    def _begin(self) -> Model:
        pair = self.run(self.house.auth.sessions.log_in(EMAIL, WORDS[self.word], API))
        model = Model([pair], self.now, self.now, given=[pair])
        self.models.append(model)
        return model

    def teardown(self) -> None:
        """Closes the database."""
        self.run(self.closing.aclose())
        self.runner.close()
        self.folder.cleanup()

    @property
    def now(self) -> datetime:
        """The instant."""
        return self.house.clock.now()

    @precondition(lambda self: len(self.models) < 6 and self.active)
    @rule(target=sessions)
    def log_in(self) -> Model:
        """Once more, with the password of the day."""
        return self._begin()

    @rule()
    def fail_to_log_in(self) -> None:
        """With the other password, or while the account is switched off."""
        for word in range(2):
            if word != self.word or not self.active:
                with pytest.raises(InvalidCredentials):
                    self.run(self.house.auth.sessions.log_in(EMAIL, WORDS[word], API))

    def try_refresh(self, pair: TokenPair) -> TokenPair | None:
        """What its refresh token yields, None if it is refused."""
        try:
            return self.run(self.house.auth.sessions.refresh(pair.refresh_token or "", API))
        except InvalidGrant:
            return None

    @rule(model=sessions)
    def refresh(self, model: Model) -> None:
        """With the current token."""
        self.refresh_once(model)

    def refresh_once(self, model: Model) -> None:
        """With the current token: works exactly while the session lives."""
        pair = self.try_refresh(model.pairs[-1])
        assert (pair is not None) == model.lives(self.now)
        if pair is not None:
            assert pair.refresh_token not in [other.refresh_token for other in model.given]
            model.renewed = model.rotated = self.now
            model.pairs.append(pair)
            model.given.append(pair)

    @rule(model=sessions, age=st.integers(1, 3))
    def replay(self, model: Model, age: int) -> None:
        """With an older token."""
        self.replay_once(model, age)

    def replay_once(self, model: Model, age: int) -> None:
        """With an older one: the successor for the parent within the grace, else the end of the session."""
        if len(model.pairs) <= age:
            return
        pair = self.try_refresh(model.pairs[-1 - age])
        assert model.rotated is not None
        if model.lives(self.now) and age == 1 and self.now - model.rotated <= GRACE:
            assert pair is not None
            assert pair.refresh_token == model.pairs[-1].refresh_token
            model.given.append(pair)
        else:
            assert pair is None
            model.ended = model.ended or model.lives(self.now)

    @rule(model=sessions, seconds=st.sampled_from([0, 1, 30, 31]), times=st.sampled_from([1, 1, 2]))
    def lose_an_answer(self, model: Model, seconds: int, times: int) -> None:
        """A refresh whose answer never arrives, and the same token again, sooner or later, or once too late."""
        for _ in range(times):
            self.refresh_once(model)
        self.house.clock.step(seconds=seconds)
        self.replay_once(model, times)

    @rule(model=sessions, by_token=st.booleans())
    def log_out(self, model: Model, by_token: bool) -> None:
        """By the caller, or by revoking any token of the session, also a second time."""
        sessions = self.house.auth.sessions
        pair = model.pairs[0]
        self.run(
            sessions.revoke_token(pair.refresh_token or "", API)
            if by_token
            else sessions.log_out(pair.principal, API)
        )
        model.ended = True

    @rule(model=sessions)
    def change_password(self, model: Model) -> None:
        """Out of a session that lives: the others end."""
        if not model.lives(self.now):
            return
        old, self.word = self.word, 1 - self.word
        self.run(
            self.house.auth.credentials.change_password(
                model.pairs[-1].principal, WORDS[old], WORDS[self.word], API
            )
        )
        for other in self.models:
            other.ended = other.ended or other is not model

    @rule(active=st.sampled_from([True, True, False]))
    def set_active(self, active: bool) -> None:
        """Switches the account off, which ends all, or on, which brings nothing back."""
        self.run(self.house.auth.administration.set_active(self.user_id, active, API))
        self.active, self.rights = active, self.rights + 1
        for model in self.models:
            model.ended = model.ended or not active

    @rule(step=st.sampled_from([1, 1, 10, 10, 30, 31, 600, 900, 86_400, 20 * 86_400]), polls=st.booleans())
    def wait(self, step: int, polls: bool) -> None:
        """Seconds or days go by, and the revocation list may be read again and forget."""
        self.house.clock.step(seconds=step)
        if polls:
            self.run(self.house.auth.revocations.poll())

    @invariant()
    def what_works_is_what_the_model_says(self) -> None:
        """Every access token that was ever handed out, and the list of sessions."""
        living = set()
        for model in self.models:
            if model.lives(self.now):
                living.add(model.pairs[0].principal.session_id)
            for pair in model.given:
                try:
                    self.house.auth.sessions.authenticate(pair.access_token)
                    works = True
                except NotAuthenticated:
                    works = False
                is_current = pair.principal.rights_version == self.rights and self.now < pair.principal.expires_at
                assert works == (model.lives(self.now) and is_current)
        found = self.run(self.house.store.sessions_of(self.user_id, now=self.now))
        assert {session.id for session in found} == living


TestRefreshLifeCycle = RefreshLifeCycle.TestCase
TestRefreshLifeCycle.settings = settings(
    max_examples=35, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
