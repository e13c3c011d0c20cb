"""Running processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Instance:
    """One running process. What it tells of its settings shows no secret."""

    id: str
    started_at: datetime
    #: When it last said that it lives, by its own clock.
    seen_at: datetime
    #: Which machine and which world of process ids: `pid` says something to those with the same alone.
    host: str
    pid: int
    #: How a person knows it.
    name: str
    issuer: str
    #: Of the access tokens that it issues.
    algorithm: str
    #: Fingerprints of its secrets, separated by spaces: the first one signs, all verify.
    secrets: str
