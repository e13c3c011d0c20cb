"""What must hold of one person's logins, whatever happens: the model that the refresh machine is compared with.

It knows no token and no store. It counts what was done, where and when, and says of each thing that was handed out
whether it must work (`True`), must not (`False`), or may (`None`), because the process that is asked can't know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from app.auth.models import TokenPair

LIFETIME: Final = timedelta(minutes=15)
IDLE: Final = timedelta(days=30)
ABSOLUTE: Final = timedelta(days=90)
GRACE: Final = timedelta(seconds=30)
LEEWAY: Final = timedelta(seconds=60)
#: How far back before its start a process reads which sessions ended.
REMEMBERED: Final = LIFETIME + 2 * timedelta(seconds=70)


@dataclass(eq=False)
class Login:
    """A login: what it was given, and which processes know that it is over."""

    is_browser: bool
    #: One pair for each generation, the current one last. A browser's login has one pair.
    pairs: list[TokenPair]
    began: datetime
    renewed: datetime
    rotated: datetime | None = None
    #: Every pair that was ever handed out.
    given: list[TokenPair] = field(default_factory=list)
    ended: datetime | None = None
    #: The processes that heard of its end, and those that started too late to hear of it.
    known_to: set[int] = field(default_factory=set)
    lost_to: set[int] = field(default_factory=set)

    @property
    def session_id(self) -> str:
        """The id of the session."""
        return self.pairs[0].principal.session_id

    def lives(self, now: datetime) -> bool:
        """Whether it was not ended and is within its limits."""
        return self.ended is None and now < min(self.renewed + IDLE, self.began + ABSOLUTE)

    def is_in_grace(self, age: int, now: datetime) -> bool:
        """Whether the refresh token of `age` generations ago still yields the current one."""
        return age == 1 and self.rotated is not None and now - self.rotated <= GRACE

    def end(self, process: int, now: datetime) -> None:
        """Ends it; `process`, which ended it, knows."""
        self.ended = self.ended or now
        self.known_to.add(process)

    def renew(self, pair: TokenPair, now: datetime) -> None:
        """A browser's token was renewed through the store."""
        self.renewed = now
        self.given.append(pair)

    def rotate(self, pair: TokenPair, now: datetime) -> None:
        """Adds a new generation."""
        self.rotated = now
        self.renew(pair, now)
        self.pairs.append(pair)

    def has_token_for(self, now: datetime) -> bool:
        """Whether any of its access tokens counts, going by the clock alone."""
        return any(is_in_time(pair, now) for pair in self.given)


def is_in_time(pair: TokenPair, now: datetime) -> bool:
    """Whether an access token counts, going by the clock alone."""
    return pair.principal.issued_at - LEEWAY <= now < pair.principal.expires_at


@dataclass
class Person:
    """An account and its logins, as several processes on one store know them."""

    processes: range
    #: Which of two passwords is the right one.
    word: int = 0
    is_active: bool = True
    roles: frozenset[str] = frozenset()
    rights: int = 1
    rights_changed: datetime | None = None
    logins: list[Login] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rights_known = dict.fromkeys(self.processes, 1)
        self.rights_lost = dict.fromkeys(self.processes, 0)
        #: The ids of access tokens that came from the future when a process restarted: its clock was behind what
        #: it once told, and it forgets what ended too soon for them (docs/adr/0016).
        self.from_future: dict[int, set[str]] = {process: set() for process in self.processes}

    # What happens

    def begin(self, pair: TokenPair, now: datetime, *, is_browser: bool) -> Login:
        """Somebody logged in."""
        login = Login(is_browser, [pair], now, now, given=[pair])
        self.logins.append(login)
        return login

    def end_all(self, process: int, now: datetime, *, keep: Login | None = None) -> None:
        """Ends every login that was not over yet; `process` learns of the end of no others."""
        for login in self.logins:
            if login is not keep and login.ended is None:
                login.end(process, now)

    def change_rights(self, process: int, now: datetime) -> None:
        """Older access tokens no longer count."""
        self.rights += 1
        self.rights_changed = now
        self.rights_known[process] = self.rights
        self.rights_lost[process] = 0

    def hear(self, process: int) -> None:
        """`process` reads what ended since it last did."""
        for login in self.logins:
            if login.ended is not None and process not in login.lost_to:
                login.known_to.add(process)
        if self.rights > self.rights_lost[process]:
            self.rights_known[process] = self.rights

    def forget(self, process: int, now: datetime) -> None:
        """`process` starts again, and reads what ended recently. By the clock, everything older has run out."""
        since = now - REMEMBERED
        for login in self.logins:
            given = [pair.principal for pair in login.given]
            self.from_future[process] |= {one.token_id for one in given if one.issued_at > now}
            login.known_to.discard(process)
            if login.ended is not None and login.ended < since:
                login.lost_to.add(process)
        if self.rights_changed is not None and self.rights_changed < since:
            self.rights_known[process], self.rights_lost[process] = 0, self.rights
        self.hear(process)

    # What must work

    def living(self, now: datetime) -> Iterator[Login]:
        """The logins that live."""
        return (login for login in self.logins if login.lives(now))

    def access(self, login: Login, pair: TokenPair, process: int, now: datetime) -> bool | None:
        """Whether an access token works at a process."""
        version = pair.principal.rights_version
        if not is_in_time(pair, now):
            return False
        if process in login.known_to or version < self.rights_known[process]:
            return None if self.may_miss(pair, process) else False
        return True if login.lives(now) and version == self.rights else None

    def may_miss(self, pair: TokenPair, process: int) -> bool:
        """Whether a process may have forgotten too soon what ended an access token."""
        return pair.principal.token_id in self.from_future[process]

    def browsing(self, login: Login, process: int, now: datetime) -> bool | None:
        """Whether a process lets in a browser of this login, with any of its tokens."""
        if login.lives(now):
            return True
        if not login.has_token_for(now):
            return False
        if process in login.known_to:
            return None if any(self.may_miss(pair, process) for pair in login.given) else False
        return None
