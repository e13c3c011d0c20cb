"""Defines how a store does one step of refresh token rotation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from app.auth.models import SessionOfUser


@dataclass(frozen=True, slots=True)
class Rotation:
    """The session advances from `generation` to the next one, at `now`."""

    generation: int
    now: datetime
    idle_expires_at: datetime


#: Looks at a session and its user, and says what to do. It must not wait for anything, and may be called in one of
#: the store's threads.
Judge: TypeAlias = Callable[[SessionOfUser], Rotation | None]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the judge was shown, and what came of it."""

    found: SessionOfUser
    is_rotated: bool
