"""What every store guarantees when many ask at once for what only one, or a limited number, may have."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import combinations_with_replacement

import pytest

from app.auth.errors import LastAdmin
from app.auth.ports import Store
from app.auth.refusals import EmailTaken
from tests.store.contract.test_contract_rights import ACTS
from tests.store.records import (
    DAY,
    NOW,
    all_found,
    make_bucket,
    make_letter,
    make_link,
    make_token,
    make_user,
    note_device,
    opened,
)

PAIRS = list(combinations_with_replacement(("demote", "disable", "delete"), 2))
ROUNDS = 8


@pytest.mark.parametrize("acts", PAIRS, ids="-".join)
async def test_two_admins_who_take_each_other_away_leave_one(database_url: str, acts: tuple[str, str]) -> None:
    """Of two at the same moment, over two stores as two processes have them, one is told that there is no other
    admin."""
    async with opened(database_url) as one, opened(database_url) as other:
        await one.add_users([make_user(f"{who}0", roles=("admin",)) for who in "ab"])
        for number in range(ROUNDS):
            pair = [f"a{number}", f"b{number}"]
            results = await asyncio.gather(
                ACTS[acts[number % 2]](one, pair[0]),
                ACTS[acts[1 - number % 2]](other, pair[1]),
                return_exceptions=True,
            )
            refused = [isinstance(result, LastAdmin) for result in results]
            assert sorted(refused) == [False, True], results
            assert await one.has_admin()
            # The remaining admin goes too, so that the next round begins with two again.
            await one.add_user(make_user("help", roles=("admin",)))
            assert await one.delete_user(pair[refused.index(True)], at=NOW)
            await one.add_users([make_user(f"{who}{number + 1}", roles=("admin",)) for who in "ab"])
            assert await one.delete_user("help", at=NOW)


async def test_many_admins_who_go_at_once_leave_one(database_url: str) -> None:
    """Eight admins are each removed by another one, over two stores."""
    async with opened(database_url) as one, opened(database_url) as other:
        admins = [f"a{number}" for number in range(8)]
        await one.add_users([make_user(user_id, roles=("admin",)) for user_id in admins])
        acts = [*ACTS.values(), *ACTS.values()]
        results = await asyncio.gather(
            *(act((one, other)[number % 2], admins[number]) for number, act in zip(range(8), acts, strict=False)),
            return_exceptions=True,
        )
        assert [type(result) for result in results if isinstance(result, Exception)] == [LastAdmin]
        assert await one.has_admin()


async def test_whoever_becomes_an_admin_meanwhile_is_counted(database_url: str) -> None:
    """A demotion that races with somebody else's promotion never takes the last admin away."""
    async with opened(database_url) as one, opened(database_url) as other:
        await one.add_user(make_user("a", roles=("admin",)))
        await one.add_user(make_user("b"))
        for _ in range(20):
            await asyncio.gather(
                other.set_rights("b", at=NOW, roles=["admin"]),
                one.set_rights("b", at=NOW, roles=["x"]),
                other.set_rights("a", at=NOW, roles=[]),
                one.set_rights("b", at=NOW, roles=[]),
                return_exceptions=True,
            )
            assert await one.has_admin()
            await one.set_rights("a", at=NOW, roles=["admin"])
            await one.set_rights("b", at=NOW, roles=[])


async def test_a_link_is_taken_by_one_of_fifty(database_url: str) -> None:
    """One of fifty callers gets the link in each round, over two stores."""
    async with opened(database_url) as one, opened(database_url) as other:
        for number in range(4):
            await one.add_link(make_link(f"l{number}"))
            taken = await asyncio.gather(
                *(store.take_link(f"l{number}", now=NOW) for _ in range(25) for store in (one, other))
            )
            assert [link for link in taken if link] == [make_link(f"l{number}")]


async def test_fifty_claims_give_each_letter_to_one(database_url: str) -> None:
    """Twenty letters go to twenty of fifty callers, the others get none, and no letter is left."""
    async with opened(database_url) as one, opened(database_url) as other:
        for letters in (1, 20, 50):
            ids = [f"{letters}-{number}" for number in range(letters)]
            for letter_id in ids:
                await one.add_letter(make_letter(letter_id))
            claimed = await asyncio.gather(
                *(store.claim_letter(now=NOW, until=NOW + DAY) for _ in range(25) for store in (one, other))
            )
            got = [letter for letter in claimed if letter]
            assert sorted(letter.id for letter in got) == sorted(ids)
            assert {letter.attempts for letter in got} == {1}
            for letter_id in ids:
                await one.remove_letter(letter_id)


async def test_two_hundred_hits_at_once_give_as_many_as_are_free(database_url: str) -> None:
    """Exactly as many hits get through as are free, over two stores, for a new bucket and for one whose wait is
    over."""
    bucket = make_bucket(free=10)
    async with opened(database_url) as one, opened(database_url) as other:

        async def hits(now_seconds: int) -> list[object]:
            now = NOW + timedelta(seconds=now_seconds)
            return list(
                await asyncio.gather(*(store.hit(bucket, now=now) for _ in range(100) for store in (one, other)))
            )

        first = await hits(0)
        assert first.count(None) == 10
        assert {until for until in first if until} == {NOW + timedelta(seconds=5)}
        assert (await hits(4)).count(None) == 0
        assert (await hits(5)).count(None) == 1
        assert (await hits(14)).count(None) == 0
        assert (await hits(15)).count(None) == 1


async def test_hits_and_take_backs_at_once_add_up(database_url: str) -> None:
    """After fifty tries that all turn out right, the counter is at zero."""
    bucket = make_bucket(free=100)
    async with opened(database_url) as one, opened(database_url) as other:

        async def hit_and_take_back(store: Store) -> None:
            assert await store.hit(bucket, now=NOW) is None
            await store.take_back_hits("bucket")

        await asyncio.gather(*(hit_and_take_back(store) for _ in range(25) for store in (one, other)))
        counted = [await one.hit(bucket, now=NOW) for _ in range(101)]
        assert [until is None for until in counted] == [True] * 100 + [False]


async def test_a_device_is_new_to_one_of_many(database_url: str) -> None:
    """Only one call reports the device as new, so one mail is sent."""
    async with opened(database_url) as one, opened(database_url) as other:
        await one.add_user(make_user("u1"))
        new = await asyncio.gather(*(note_device(store, "u1", "d1") for _ in range(20) for store in (one, other)))
        assert new.count(True) == 1


async def test_a_token_is_removed_by_one_of_many(store: Store) -> None:
    """Each removal is reported once."""
    await store.add_token(make_token("t1"), limit=5)
    removed = await asyncio.gather(*(store.remove_token("u1", "t1") for _ in range(20)))
    assert removed.count(True) == 1


async def test_an_address_goes_to_one_of_many_who_change_to_it(store: Store) -> None:
    """All others are told that the email address is taken."""
    await store.add_users([make_user(f"u{number}") for number in range(20)])
    results = await asyncio.gather(
        *(
            store.set_email(f"u{number}", "New@x", "new@x", expected_key=f"u{number}@example.org")
            for number in range(20)
        ),
        return_exceptions=True,
    )
    assert [type(result) for result in results].count(EmailTaken) == 19
    assert len(await all_found(store, "new@")) == 1


async def test_users_added_in_batches_at_once_are_there_once(database_url: str) -> None:
    """A user in two batches is reported as taken to one of them."""
    async with opened(database_url) as one, opened(database_url) as other:
        batches = [[make_user(f"{who}{n}", email_key=f"{n}@x") for n in range(200)] for who in "ab"]
        refused = await asyncio.gather(one.add_users(batches[0]), other.add_users(batches[1]))
        assert sorted(refused[0] + refused[1]) == sorted(f"{n}@x" for n in range(200))
        assert len(await all_found(one, limit=150)) == 200
