"""When a key pair signs, and until when its tokens count: what follows from the stored keys and from the time.

The keys of an algorithm are a chain, each the successor of one before. The last one whose time has come signs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from app.auth.clock import LEEWAY
from app.auth.keys.pairs import PrivateKey, PublicKey
from app.auth.models import SigningKey

#: The shortest time for which a key is published before it signs: some polls of every process.
MIN_LEAD: Final = timedelta(seconds=5)


class KeyState(StrEnum):
    """What a key is good for."""

    #: Verifies, and signs from some time on.
    PUBLISHED = "published"
    SIGNING = "signing"
    #: Signs no more; its last token may still live.
    VERIFYING = "verifying"
    #: No token of it lives. It is kept so that a browser that comes back with an old one is recognised.
    KEPT = "kept"
    #: Somebody ended it.
    RETIRED = "retired"
    #: Sealed under a secret that this deployment does not have: nothing that it signed is believed.
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A stored key as this process sees it.

    `starts_at` is when this process may sign with it; `private` is None once it no longer signs; `is_ours` says
    that a secret of this deployment sealed it.
    """

    row: SigningKey
    jwk: dict[str, Any]
    public: PublicKey
    private: PrivateKey | None = field(repr=False)
    is_ours: bool
    starts_at: datetime

    @property
    def takes_over(self) -> bool:
        """Whether it signs at any time, so that the keys before it don't from then on."""
        row = self.row
        return self.is_ours and (row.retired_at is None or row.retired_at > row.signs_from)


def in_order(rows: Iterable[SigningKey]) -> list[SigningKey]:
    """The chain, from its first key on. By the links, not by the time: clocks differ."""
    left = {row.id: row for row in sorted(rows, key=lambda row: (row.created_at, row.id))}
    successors = {row.previous: row for row in left.values()}
    chain: list[SigningKey] = []
    while left:
        # The first whose predecessor is gone, or never was; there is more than one only after a removal in a race.
        first = next((row for row in left.values() if row.previous not in left), next(iter(left.values())))
        following: SigningKey | None = first
        while following is not None and left.pop(following.id, None) is not None:
            chain.append(following)
            following = successors.get(following.id)
    return chain


def starts_at(row: SigningKey, seen_at: datetime) -> datetime:
    """When a process that first saw the key at `seen_at` may sign with it, by its own clock.

    As long after it was seen as it was to be published for: so clocks that differ don't make one process sign with
    what another has not seen yet. A process that saw it late goes by the instant that is written; and none is more
    than the leeway away from that.
    """
    lead = row.signs_from - row.created_at
    return min(max(seen_at + lead, row.signs_from - LEEWAY), row.signs_from + LEEWAY)


def successor_signs_from(chain: Sequence[KnownKey], index: int) -> datetime | None:
    """From when on, by the instants that are written, a later key signs; None if there is none."""
    return min((key.row.signs_from for key in chain[index + 1 :] if key.takes_over), default=None)


def ends_at(chain: Sequence[KnownKey], index: int, lifetime: timedelta) -> datetime | None:
    """From when on no token of it can live: a process may sign with it for a leeway longer than is written."""
    successor = successor_signs_from(chain, index)
    return None if successor is None else successor + LEEWAY + lifetime


def retired_at(chain: Sequence[KnownKey], index: int) -> datetime | None:
    """From when on nothing that the key signed is believed; None if it is not retired.

    Not before this process signs with a later key: else, for a moment, it would refuse what it signs itself.
    """
    written = chain[index].row.retired_at
    if written is None:
        return None
    return min([written + LEEWAY, *(key.starts_at for key in chain[index + 1 :] if key.takes_over)])


def state_of(chain: Sequence[KnownKey], index: int, now: datetime, lifetime: timedelta) -> KeyState:
    """What the key is good for, by the instants that are written."""
    key, ends = chain[index], ends_at(chain, index, lifetime)
    if key.row.retired_at is not None and now >= key.row.retired_at:
        return KeyState.RETIRED
    if not key.is_ours:
        return KeyState.LOST
    if ends is not None and now >= ends:
        return KeyState.KEPT
    successor = successor_signs_from(chain, index)
    if successor is not None and now >= successor:
        return KeyState.VERIFYING
    return KeyState.PUBLISHED if now < key.row.signs_from else KeyState.SIGNING
