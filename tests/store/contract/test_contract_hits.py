"""What every store guarantees for the counters of the rate limits."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from app.auth.models import Bucket
from app.auth.ports import Store
from tests.store.contract.test_contract_values import HOSTILE
from tests.store.records import DAY, MINUTE, MS, NOW, make_bucket

SECOND = timedelta(seconds=1)


async def hits_at_once(store: Store, bucket: Bucket, *, now: datetime) -> tuple[int, datetime | None]:
    """How many hits in a row were counted, and until when the next one is blocked."""
    for number in range(100):
        until = await store.hit(bucket, now=now)
        if until is not None:
            return number, until
    return 100, None


async def test_free_hits_and_then_growing_waits(store: Store) -> None:
    """Three hits are free; the third blocks for 5 s, and each further one for twice as long, up to 5 minutes."""
    bucket, now = make_bucket(), NOW
    assert await hits_at_once(store, bucket, now=now) == (3, NOW + 5 * SECOND)
    waits = []
    for _ in range(10):
        until = await store.hit(bucket, now=now)
        assert until is not None
        waits.append((until - now) // SECOND)
        assert await store.hit(bucket, now=until - MS) == until  # refused hits are not counted
        now = until
        assert await store.hit(bucket, now=now) is None
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300]


async def test_all_is_forgotten_a_window_after_the_first_hit(store: Store) -> None:
    """The window is exact to the millisecond, and counted from the first hit, not from the last."""
    bucket = make_bucket(window=MINUTE)
    for second in (0, 20, 40):
        assert await store.hit(bucket, now=NOW + second * SECOND) is None
    assert await store.hit(bucket, now=NOW + 41 * SECOND) == NOW + 45 * SECOND
    assert await store.hit(bucket, now=NOW + MINUTE - MS) is None  # the fourth hit, at the very end
    assert await store.hit(bucket, now=NOW + MINUTE - MS) is not None
    assert await hits_at_once(store, bucket, now=NOW + MINUTE) == (3, NOW + MINUTE + 5 * SECOND)


async def test_no_block_outlasts_the_window(store: Store) -> None:
    """If the window ends before the block does, the caller is told the end of the window and is free then."""
    bucket = make_bucket(free=2, first_wait=DAY, longest_wait=DAY, window=MINUTE)
    assert await store.hit(bucket, now=NOW) is None
    assert await store.hit(bucket, now=NOW + SECOND) is None
    assert await store.hit(bucket, now=NOW + 2 * SECOND) == NOW + MINUTE
    assert await store.hit(bucket, now=NOW + MINUTE) is None


async def test_a_hit_taken_back_never_happened(store: Store) -> None:
    """The block that the hit caused is gone, and the next hit causes it instead, for no longer."""
    bucket = make_bucket()
    for _ in range(2):
        assert await hits_at_once(store, bucket, now=NOW) != (0, None)
        await store.take_back_hits("bucket")
    assert await hits_at_once(store, bucket, now=NOW) == (1, NOW + 5 * SECOND)


async def test_hits_taken_back_never_go_below_zero(store: Store) -> None:
    """Taking back more hits than were counted gives only the usual free ones, and the next hit begins the
    window."""
    bucket = make_bucket(window=MINUTE)
    await store.take_back_hits("bucket")
    assert await store.hit(bucket, now=NOW) is None
    for _ in range(3):
        await store.take_back_hits("bucket")
    later = NOW + MINUTE - SECOND
    assert await hits_at_once(store, bucket, now=later) == (3, later + 5 * SECOND)
    assert await store.hit(bucket, now=NOW + MINUTE + SECOND) == later + 5 * SECOND


async def test_a_bucket_that_is_forgotten_begins_anew(store: Store) -> None:
    """A bucket is forgotten whether it is blocked or not, and no other bucket with it."""
    bucket, other = make_bucket(), make_bucket("other")
    for each in (bucket, other):
        assert (await hits_at_once(store, each, now=NOW))[0] == 3
    await store.forget_hits("bucket")
    await store.forget_hits("nothing")
    assert (await hits_at_once(store, bucket, now=NOW))[0] == 3
    assert (await hits_at_once(store, other, now=NOW))[0] == 0


async def test_one_free_hit_blocks_at_once(store: Store) -> None:
    """The one free hit is counted and blocks the second."""
    assert await hits_at_once(store, make_bucket(free=1), now=NOW) == (1, NOW + 5 * SECOND)


async def test_very_many_hits_block_for_the_longest_wait(store: Store) -> None:
    """However often the wait is doubled, no power of two overflows."""
    bucket = make_bucket(free=1, first_wait=MS, longest_wait=DAY, window=3650 * DAY)
    now = NOW
    for _ in range(100):
        assert await store.hit(bucket, now=now) is None
        until = await store.hit(bucket, now=now)
        assert until is not None
        assert until - now <= DAY
        now = until
    assert await store.hit(bucket, now=now) is None
    assert await store.hit(bucket, now=now) == now + DAY


@pytest.mark.parametrize("longest", [timedelta(0), MS, 3 * SECOND])
async def test_the_longest_wait_limits_the_first(store: Store, longest: timedelta) -> None:
    """A longest wait below the first wait replaces it, and a longest wait of zero blocks nobody."""
    bucket = make_bucket(free=1, longest_wait=longest)
    assert await store.hit(bucket, now=NOW) is None
    assert await store.hit(bucket, now=NOW) == (NOW + longest if longest else None)


async def test_any_string_is_a_key(store: Store) -> None:
    """No key has a special meaning, and no two keys are the same."""
    for key in ("", *HOSTILE, "x" * 2000):
        assert (await hits_at_once(store, make_bucket(key), now=NOW))[0] == 3
        await store.take_back_hits(key)
        assert (await hits_at_once(store, make_bucket(key), now=NOW))[0] == 1
    for key in HOSTILE:
        await store.forget_hits(key)
        assert (await hits_at_once(store, make_bucket(key), now=NOW))[0] == 3


async def test_counters_that_ran_out_are_purged(store: Store) -> None:
    """A counter that still counts is not purged."""
    await store.hit(make_bucket("short", window=MINUTE), now=NOW)
    await store.hit(make_bucket("long", free=1), now=NOW)
    assert await store.purge(now=NOW + MINUTE, sessions_before=NOW, audit_before=NOW) == 0
    assert await store.purge(now=NOW + MINUTE + MS, sessions_before=NOW, audit_before=NOW) == 1
    assert await store.hit(make_bucket("long", free=1), now=NOW) is not None
