"""Tells when a key pair signs, and until when its tokens count, from the stored keys and the time.

The keys of an algorithm form a chain, in which each one succeeds an earlier one. The last key whose time has come
signs.
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

#: The shortest time for which a key is published before it signs. Every process polls several times within it.
MIN_LEAD: Final = timedelta(seconds=5)


class KeyState(StrEnum):
    """What a key is good for."""

    #: Verifies, and will sign later.
    PUBLISHED = "published"
    SIGNING = "signing"
    #: No longer signs, but its last token may still be alive.
    VERIFYING = "verifying"
    #: None of its tokens is alive. It is kept so that a browser that comes back with an old one is recognised.
    KEPT = "kept"
    #: Somebody retired it.
    RETIRED = "retired"
    #: It is sealed under a secret that this deployment does not have, so nothing that it signed is trusted.
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A stored key as this process sees it.

    `starts_at` is when this process may begin to sign with it. `private` is None once it no longer signs.
    `is_ours` says that a secret of this deployment sealed it.
    """

    row: SigningKey
    jwk: dict[str, Any]
    public: PublicKey
    private: PrivateKey | None = field(repr=False)
    is_ours: bool
    starts_at: datetime

    @property
    def takes_over(self) -> bool:
        """Whether it signs at any time, so that the keys before it stop signing then."""
        row = self.row
        return self.is_ours and (row.retired_at is None or row.retired_at > row.signs_from)


def in_order(rows: Iterable[SigningKey]) -> list[SigningKey]:
    """Returns the chain from its first key on. Its links give the order, not the time, because clocks differ."""
    left = {row.id: row for row in sorted(rows, key=lambda row: (row.created_at, row.id))}
    successors = {row.previous: row for row in left.values()}
    chain: list[SigningKey] = []
    while left:
        # The first key whose predecessor is gone or never existed. There is more than one such key only after a
        # removal in a race.
        first = next((row for row in left.values() if row.previous not in left), next(iter(left.values())))
        following: SigningKey | None = first
        while following is not None and left.pop(following.id, None) is not None:
            chain.append(following)
            following = successors.get(following.id)
    return chain


def starts_at(row: SigningKey, seen_at: datetime) -> datetime:
    """Returns when a process that first saw the key at `seen_at` may sign with it, by its own clock.

    It waits, from when it saw the key, for as long as the key was to be published. So no process signs with a key
    that another has not seen yet, even if their clocks differ. A process that saw the key late goes by the written
    instant, and no process starts more than the leeway before or after that.
    """
    lead = row.signs_from - row.created_at
    return min(max(seen_at + lead, row.signs_from - LEEWAY), row.signs_from + LEEWAY)


def successor_signs_from(chain: Sequence[KnownKey], index: int) -> datetime | None:
    """Returns when a later key begins to sign, by the written instants; None if there is none."""
    return min((key.row.signs_from for key in chain[index + 1 :] if key.takes_over), default=None)


def ends_at(chain: Sequence[KnownKey], index: int, lifetime: timedelta) -> datetime | None:
    """Returns from when on none of its tokens can be alive; None if it has no successor.

    A process may sign with it for a leeway longer than is written.
    """
    successor = successor_signs_from(chain, index)
    return None if successor is None else successor + LEEWAY + lifetime


def retired_at(chain: Sequence[KnownKey], index: int) -> datetime | None:
    """Returns from when on nothing that the key signed is trusted; None if it is not retired.

    That is when this process begins to sign with a later key, because before that it would refuse what it signs
    itself. At the latest, it is a leeway after the written instant.
    """
    written = chain[index].row.retired_at
    if written is None:
        return None
    return min([written + LEEWAY, *(key.starts_at for key in chain[index + 1 :] if key.takes_over)])


def state_of(chain: Sequence[KnownKey], index: int, now: datetime, lifetime: timedelta) -> KeyState:
    """Returns what the key is good for, by the written instants."""
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
