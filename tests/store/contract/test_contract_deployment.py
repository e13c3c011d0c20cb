"""What every store guarantees for the key pairs and the running processes of a deployment."""

from __future__ import annotations

import asyncio
from datetime import UTC

import pytest

from app.auth.ports import Store
from tests.store.records import DAY, MS, NOW, make_instance, make_signing_key, opened

# key pairs


async def test_a_signing_key_comes_back_as_stored(store: Store) -> None:
    """Every field survives, and instants to the millisecond; before the first key the list is empty."""
    assert await store.signing_keys() == []
    key = make_signing_key("k1", signs_from=NOW + MS, retired_at=NOW + 2 * MS)
    assert await store.add_signing_key(key)
    assert await store.signing_keys() == [key]
    assert (await store.signing_keys())[0].created_at.tzinfo is UTC


async def test_signing_keys_are_listed_oldest_first(store: Store) -> None:
    """Keys of all algorithms are ordered by when they were made, not by when they were stored."""
    keys = [
        make_signing_key(
            f"k{number}", algorithm=algorithm, previous=f"k{number - 1}", created_at=NOW + number * MS
        )
        for number, algorithm in enumerate(("EdDSA", "EdDSA", "ES256", "EdDSA"))
    ]
    for key in reversed(keys):
        assert await store.add_signing_key(key)
    assert await store.signing_keys() == keys


async def test_a_signing_key_has_one_successor(store: Store) -> None:
    """Each key has one successor, and each algorithm has one first key."""
    assert await store.add_signing_key(make_signing_key("k1"))
    assert not await store.add_signing_key(make_signing_key("k2"))
    assert await store.add_signing_key(make_signing_key("k3", algorithm="ES256"))
    assert await store.add_signing_key(make_signing_key("k4", previous="k1"))
    assert not await store.add_signing_key(make_signing_key("k5", previous="k1"))
    assert {key.id for key in await store.signing_keys()} == {"k1", "k3", "k4"}


async def test_of_fifty_who_add_a_signing_key_at_once_one_does(database_url: str) -> None:
    """Containers that rotate at the same moment, each with its own store object, go on with one key."""
    async with opened(database_url) as one, opened(database_url) as other:
        previous = ""
        for turn in range(2):
            done = await asyncio.gather(
                *(
                    store.add_signing_key(make_signing_key(f"{turn}-{number}-{store is one}", previous=previous))
                    for number in range(25)
                    for store in (one, other)
                )
            )
            assert done.count(True) == 1
            [added] = [key.id for key in await other.signing_keys() if key.previous == previous]
            previous = added
        assert len(await one.signing_keys()) == 2


async def test_a_signing_keys_id_used_twice_is_a_mistake(store: Store) -> None:
    """The id is the key's thumbprint, so a repeated one is a ValueError, and the first key stays as it is."""
    await store.add_signing_key(make_signing_key("k1"))
    with pytest.raises(ValueError):
        await store.add_signing_key(make_signing_key("k1", previous="k0", public="other"))
    assert await store.signing_keys() == [make_signing_key("k1")]


async def test_what_is_sealed_is_replaced_by_who_saw_it(store: Store) -> None:
    """A wrong expectation changes nothing, a right one changes only the seal, and the seal can be emptied."""
    await store.add_signing_key(make_signing_key("k1"))
    await store.add_signing_key(make_signing_key("k2", previous="k1"))
    assert not await store.set_sealed("k1", "new", expected="other")
    assert not await store.set_sealed("k3", "new", expected="sealed")
    assert await store.set_sealed("k1", "new", expected="sealed")
    assert not await store.set_sealed("k1", "newer", expected="sealed")
    assert await store.set_sealed("k1", "", expected="new")
    assert {key.id: key for key in await store.signing_keys()} == {
        "k1": make_signing_key("k1", sealed=""),
        "k2": make_signing_key("k2", previous="k1"),
    }


async def test_of_many_who_seal_anew_at_once_one_does(store: Store) -> None:
    """The seal of the one that succeeded is stored."""
    await store.add_signing_key(make_signing_key("k1"))
    done = await asyncio.gather(*(store.set_sealed("k1", f"new {n}", expected="sealed") for n in range(20)))
    assert done.count(True) == 1
    assert [key.sealed for key in await store.signing_keys()] == [f"new {done.index(True)}"]


async def test_a_signing_key_is_retired_earlier_and_never_later(store: Store) -> None:
    """The earliest instant counts, however many are given and in whatever order."""
    await store.add_signing_key(make_signing_key("k1"))
    assert await store.retire_signing_key("k1", at=NOW + DAY)
    assert not await store.retire_signing_key("k1", at=NOW + DAY)
    assert not await store.retire_signing_key("k1", at=NOW + 2 * DAY)
    assert [key.retired_at for key in await store.signing_keys()] == [NOW + DAY]
    await asyncio.gather(*(store.retire_signing_key("k1", at=NOW + n * MS) for n in (7, 2, 9, 4)))
    assert await store.signing_keys() == [make_signing_key("k1", retired_at=NOW + 2 * MS)]
    assert not await store.retire_signing_key("k2", at=NOW)


async def test_a_removed_signing_key_is_gone(store: Store) -> None:
    """A key is removed once and no other with it, and then another may follow the same predecessor."""
    await store.add_signing_key(make_signing_key("k1"))
    await store.add_signing_key(make_signing_key("k2", previous="k1"))
    assert await store.remove_signing_key("k1")
    assert not await store.remove_signing_key("k1")
    assert await store.signing_keys() == [make_signing_key("k2", previous="k1")]
    assert await store.add_signing_key(make_signing_key("k3"))


async def test_purging_leaves_signing_keys_alone(store: Store) -> None:
    """How long keys are needed depends on the lifetimes of what they signed, which the store does not know."""
    await store.add_signing_key(make_signing_key("k1", retired_at=NOW - 500 * DAY))
    assert await store.purge(now=NOW + 500 * DAY, sessions_before=NOW, audit_before=NOW) == 0
    assert len(await store.signing_keys()) == 1


# running processes


async def test_a_process_comes_back_as_announced(store: Store) -> None:
    """Every field survives, and everyone who opens the store sees each process."""
    assert await store.instances() == []
    instance = make_instance("i1", seen_at=NOW + MS)
    await store.announce(instance)
    assert await store.instances() == [instance]
    assert (await store.instances())[0].seen_at.tzinfo is UTC


async def test_a_process_that_announces_itself_again_is_there_once(store: Store) -> None:
    """The record has what the process said last, whatever changed in it and whatever its clock said."""
    await store.announce(make_instance("i1"))
    later = make_instance("i1", seen_at=NOW - DAY, name="other", pid=7, secrets="c d")
    await store.announce(later)
    assert await store.instances() == [later]


async def test_processes_are_listed_earliest_started_first(store: Store) -> None:
    """The order in which the records were stored does not matter."""
    started = [make_instance(f"i{number}", started_at=NOW + number * MS) for number in range(3)]
    for instance in reversed(started):
        await store.announce(instance)
    assert await store.instances() == started


async def test_a_process_that_withdraws_is_gone(store: Store) -> None:
    """A process withdraws without affecting another, and withdrawing twice is safe."""
    for instance_id in ("i1", "i2"):
        await store.announce(make_instance(instance_id))
    await store.withdraw("i1")
    await store.withdraw("i1")
    await store.withdraw("never there")
    assert await store.instances() == [make_instance("i2")]


async def test_fifty_that_announce_themselves_at_once_are_all_there(database_url: str) -> None:
    """All fifty are stored in every round, over two stores as two processes have them."""
    async with opened(database_url) as one, opened(database_url) as other:
        await asyncio.gather(
            *(
                store.announce(make_instance(f"i{number % 25:02}", seen_at=NOW + number * MS))
                for number in range(50)
                for store in (one, other)
            )
        )
        assert [each.id for each in await one.instances()] == [f"i{number:02}" for number in range(25)]
        assert await one.instances() == await other.instances()


async def test_a_process_that_died_without_a_word_is_purged_after_a_day(store: Store) -> None:
    """The day is counted from when the process was last seen."""
    await store.announce(make_instance("old", started_at=NOW - 9 * DAY, seen_at=NOW - DAY - MS))
    kept = make_instance("young", started_at=NOW - 9 * DAY, seen_at=NOW - DAY)
    await store.announce(kept)
    assert await store.purge(now=NOW, sessions_before=NOW, audit_before=NOW) == 1
    assert await store.instances() == [kept]
