"""A step of refresh token rotation, as the store takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from app.auth.models import SessionOfUser


@dataclass(frozen=True, slots=True)
class Rotation:
    """The session goes on from `generation` to the next, at `now`."""

    generation: int
    now: datetime
    idle_expires_at: datetime


#: Looks at a session and its user, and tells what is to be done. It must wait for nothing, and may be called in a
#: thread of the store's.
Judge: TypeAlias = Callable[[SessionOfUser], Rotation | None]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the judge was shown, and what became of it."""

    found: SessionOfUser
    is_rotated: bool
