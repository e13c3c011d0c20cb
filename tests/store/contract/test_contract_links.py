"""What every store guarantees for one-time links and for mails that wait."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.auth.ports import Store
from tests.store.records import DAY, MS, NOW, make_letter, make_link

# links


async def test_a_link_comes_back_as_stored(store: Store) -> None:
    """Every field survives, roles in their order."""
    link = make_link("l1", user_id="u1", email="Ada@x", roles=("b", "a"), created_by="u2", created_at=NOW - MS)
    await store.add_link(link)
    assert await store.link("l1", now=NOW) == link
    assert await store.link("l2", now=NOW) is None
    assert await store.take_link("l1", now=NOW) == link


async def test_a_link_is_taken_once(store: Store) -> None:
    """Looking at a link changes nothing, and taking it removes it."""
    await store.add_link(make_link("l1"))
    for _ in range(2):
        assert await store.link("l1", now=NOW) == make_link("l1")
    assert await store.take_link("l1", now=NOW) == make_link("l1")
    assert await store.take_link("l1", now=NOW) is None
    assert await store.link("l1", now=NOW) is None


async def test_a_link_counts_until_the_millisecond_of_its_limit(store: Store) -> None:
    """At the limit it is neither shown, nor listed, nor taken."""
    await store.add_link(make_link("l1", expires_at=NOW + MS))
    assert await store.link("l1", now=NOW + MS) is None
    assert await store.take_link("l1", now=NOW + MS) is None
    assert await store.links_for("invite", now=NOW + MS) == []
    assert await store.link("l1", now=NOW) is not None
    assert await store.take_link("l1", now=NOW) is not None


async def test_a_link_id_used_twice_is_a_mistake(store: Store) -> None:
    """A repeated id is a ValueError, and the first link stays."""
    await store.add_link(make_link("l1"))
    with pytest.raises(ValueError):
        await store.add_link(make_link("l1", purpose="setup"))
    assert await store.link("l1", now=NOW) == make_link("l1")


async def test_links_of_a_purpose_are_listed_newest_first(store: Store) -> None:
    """The list has only the links of that purpose, and no more than asked for."""
    links = [make_link(f"l{number}", created_at=NOW + number * MS) for number in range(4)]
    for link in (*links, make_link("other", purpose="setup")):
        await store.add_link(link)
    assert await store.links_for("invite", now=NOW) == links[::-1]
    assert await store.links_for("invite", now=NOW, limit=2) == [links[3], links[2]]
    assert await store.links_for("invite", now=NOW, limit=0) == []
    assert await store.links_for("nothing", now=NOW) == []


async def test_links_of_a_user_are_removed_by_purpose(store: Store) -> None:
    """Links of other purposes and of other users stay."""
    for link_id, user_id, purpose in (
        ("l1", "u1", "reset-password"),
        ("l2", "u1", "change-email"),
        ("l3", "u1", "verify-email"),
        ("l4", "u2", "reset-password"),
    ):
        await store.add_link(make_link(link_id, user_id=user_id, purpose=purpose))
    await store.remove_links("u1", ["reset-password", "change-email"])
    await store.remove_links("u1", [])
    left = [link_id for link_id in ("l1", "l2", "l3", "l4") if await store.link(link_id, now=NOW)]
    assert left == ["l3", "l4"]


# letters


async def test_a_letter_comes_back_as_stored(store: Store) -> None:
    """Every field survives, except for the number of attempts and the instant of the next one."""
    letter = make_letter("m1", user_id="u1", params='{"a": "b"}', attempts=2, due_at=NOW - MS)
    await store.add_letter(letter)
    assert await store.claim_letter(now=NOW, until=NOW + DAY) == replace(letter, attempts=3, due_at=NOW + DAY)


async def test_letters_are_claimed_in_the_order_they_are_due(store: Store) -> None:
    """A claimed letter is hidden until its time comes again, and one that is not due waits."""
    for letter_id, due in (("late", NOW + 2 * MS), ("second", NOW), ("first", NOW - MS)):
        await store.add_letter(make_letter(letter_id, due_at=due))
    claimed = [await store.claim_letter(now=NOW, until=NOW + DAY) for _ in range(3)]
    assert [letter and letter.id for letter in claimed] == ["first", "second", None]
    again = await store.claim_letter(now=NOW + DAY, until=NOW + 2 * DAY)
    assert again is not None
    assert (again.id, again.attempts) == ("late", 1)
    again = await store.claim_letter(now=NOW + DAY, until=NOW + 2 * DAY)
    assert again is not None
    assert again.attempts == 2


async def test_a_letter_is_put_off_and_removed(store: Store) -> None:
    """The attempts stay counted, and a letter that is not there is ignored."""
    await store.add_letter(make_letter("m1"))
    assert await store.claim_letter(now=NOW, until=NOW + DAY) is not None
    await store.put_letter_off("m1", due_at=NOW + MS)
    await store.put_letter_off("m2", due_at=NOW)
    assert await store.claim_letter(now=NOW, until=NOW + DAY) is None
    letter = await store.claim_letter(now=NOW + MS, until=NOW + DAY)
    assert letter is not None
    assert letter.attempts == 2
    await store.remove_letter("m1")
    await store.remove_letter("m1")
    assert await store.claim_letter(now=NOW + 2 * DAY, until=NOW + 3 * DAY) is None
