"""Describes the running processes of a deployment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Instance:
    """One running process. What it tells about its settings reveals no secret."""

    id: str
    started_at: datetime
    #: When it last reported that it is alive, by its own clock.
    seen_at: datetime
    #: Identifies the machine and its set of process ids: `pid` means something only together with it.
    host: str
    pid: int
    #: The name that people know it by.
    name: str
    issuer: str
    #: The algorithm of the access tokens that it issues.
    algorithm: str
    #: Fingerprints of its secrets, separated by spaces: the first one signs, all verify.
    secrets: str
