"""Tells a team's own code that somebody registered, logged in or out, got other roles or was deleted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import structlog

from app.auth.extending.bounded import Bounds, is_async, place_of
from app.auth.models import Client, User
from app.auth.policy import PolicyError

#: How long a handler may take. After that it is cancelled.
HANDLER_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class SignalKind(StrEnum):
    """What happened. The value is the key in `Extension(on=…)`."""

    REGISTERED = "registered"
    LOGGED_IN = "logged_in"
    LOGGED_OUT = "logged_out"
    ROLES_CHANGED = "roles_changed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Signal:
    """What a handler is told, after it happened."""

    kind: SignalKind
    #: The user whom it concerns.
    user_id: str
    at: datetime
    #: Where it came from.
    client: Client
    #: The account as it is now, or as it last was if it is deleted; None if it was not at hand.
    user: User | None = None
    #: The login that began or ended.
    session_id: str = ""


Handler = Callable[[Signal], Awaitable[object]]


class Signals:
    """Calls the handlers of each kind, in the order in which they were connected.

    Args:
        seconds: how long one handler may take.
    """

    def __init__(self, *, seconds: float = HANDLER_SECONDS) -> None:
        self._bounds = Bounds(seconds)
        self._handlers: dict[SignalKind, list[tuple[str, Handler]]] = {kind: [] for kind in SignalKind}

    def connect(self, kind: SignalKind | str, handler: Handler, *, owner: str) -> None:
        """Has `handler` called whenever something of `kind` has happened in this process.

        Args:
            kind: the kind that it waits for.
            handler: an `async` function of a `Signal`, which runs on the event loop.
            owner: the extension, for messages.

        Raises:
            PolicyError: there is no such kind, or the handler is not `async`.
        """
        if kind not in SignalKind.__members__.values():
            raise PolicyError(f"extension {owner}: there is no signal {kind!r}; there are {', '.join(SignalKind)}")
        if not is_async(handler):
            # A plain function would run on the event loop, and hold everybody up for as long as it takes.
            raise PolicyError(f"extension {owner}: its handler of the signal '{kind}' must be async")
        self._handlers[SignalKind(kind)].append((owner, handler))

    async def send(self, signal: Signal) -> None:
        """Calls the handlers one after another, and waits for each of them.

        None of them breaks anything: one that fails or takes too long is logged, without the user it was about.
        """
        for owner, handler in self._handlers[signal.kind]:
            try:
                await self._bounds.run(handler, signal)
            except Exception as error:
                # Only its type and place, because its message could hold an email address or a name.
                log.error(
                    "signal_handler_failed",
                    owner=owner,
                    kind=signal.kind,
                    error=type(error).__name__,
                    place=place_of(error),
                )
