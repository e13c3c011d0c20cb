"""What every store guarantees for the search of users and for cursors."""

from __future__ import annotations

import base64
import contextlib
import random
import unicodedata

import pytest

from app.auth.models import User
from app.auth.ports import Store
from app.auth.refusals import CursorInvalid
from tests.store.records import all_found, make_event, make_user

#: Letters that query languages treat specially, whose capitals have another length, or that end a range.
LETTERS = "aAbZzéÉßİ\u0131ﬁ\u017f%_.*^$\\[({\ud7ff\ue000\uffff\U0001f600\U0010ffff"


def folded(value: str) -> str:
    """The text as a search compares it."""
    nfkc = unicodedata.normalize("NFKC", value)
    return " ".join(unicodedata.normalize("NFKC", nfkc.casefold()).split())


def wanted(users: list[User], query: str) -> list[str]:
    """The ids that a search has to find, in order, worked out in the simplest way."""
    start = folded(query)
    by_email = sorted(
        (user for user in users if user.email_key.startswith(start)), key=lambda user: user.email_key
    )
    if not start:
        return [user.id for user in by_email]
    rest = [user for user in users if user not in by_email]
    by_name = sorted(
        (user for user in rest if folded(user.name).startswith(start)),
        key=lambda user: (folded(user.name), user.email_key),
    )
    rest = [user for user in rest if user not in by_name]
    by_last_name = sorted(
        (user for user in rest if (folded(user.name).split() or [""])[-1].startswith(start)),
        key=lambda user: (folded(user.name).split()[-1], user.email_key),
    )
    return [user.id for user in (*by_email, *by_name, *by_last_name)]


def some_users(count: int) -> list[User]:
    """Users with email addresses and names made of `LETTERS`, the same each time and many of them alike."""
    dice = random.Random(7)

    def word(longest: int) -> str:
        return "".join(dice.choice(LETTERS) for _ in range(dice.randint(1, longest)))

    return [
        make_user(
            f"u{number}",
            email_key=f"{folded(word(3))}{number}@x",
            name=" ".join(word(2) for _ in range(dice.randint(0, 3))),
        )
        for number in range(count)
    ]


async def test_a_search_finds_each_user_once_in_three_phases(store: Store) -> None:
    """Email addresses come first, then names, then last names, whatever their letters and however long the
    pages."""
    users = some_users(250)
    assert await store.add_users(users) == []
    queries = set(LETTERS) | {user.name[:2] for user in users[:40]}
    queries |= {user.email_key[:2] for user in users[:20]} | {user.name[-1:] for user in users[:20]} | {""}
    found = 0
    for number, query in enumerate(sorted(queries)):
        ids = wanted(users, query)
        assert await all_found(store, query, limit=number % 5 * 7 + 2) == ids, query
        found += len(ids)
    assert found > 1000


async def test_an_address_a_name_and_a_last_name_are_found(store: Store) -> None:
    """They are found in this order, by their beginnings alone; capitals and white space make no difference."""
    for user_id, name in (
        ("ada", "Countess"), ("u1", "Ada Lovelace"), ("u2", "Grace  Ada"), ("u3", "Ádám"), ("u4", "Nevada Ida"),
        ("u5", "ADA"), ("u6", "Ada Middle Name"), ("u7", ""),
    ):  # fmt: skip
        await store.add_user(make_user(user_id, name=name))
    for query in ("ada", "ADA", "  Ada ", "\uff21da"):
        assert await all_found(store, query) == ["ada", "u5", "u1", "u6", "u2"]
    assert await all_found(store, "ada  L") == ["u1"]
    assert await all_found(store, "love") == ["u1"]
    assert await all_found(store, "middle") == []
    assert await all_found(store, "ada@example.org") == ["ada"]
    assert await all_found(store, "ada@example.org.uk") == []
    assert await all_found(store, " ") == ["ada", "u1", "u2", "u3", "u4", "u5", "u6", "u7"]


async def test_the_end_of_a_range_is_exact(store: Store) -> None:
    """The highest code point, and the last one before the surrogates, neither hide nor add a user."""
    high, before = "\U0010ffff", "\ud7ff"
    keys = [
        high,
        high * 2,
        f"a{high}",
        f"a{high}{high}b",
        "b",
        before,
        f"{before}x",
        "\ue000",
        f"a{before}",
        "a\ue000",
    ]
    users = [make_user(f"u{number}", email_key=key, name=f"x {key}") for number, key in enumerate(keys)]
    await store.add_users(users)
    for query in (high, high * 2, high * 3, f"a{high}", before, f"a{before}", "a", "x", f"x {high}"):
        assert await all_found(store, query, limit=2) == wanted(users, query), query


async def test_everybody_is_listed_by_address(store: Store) -> None:
    """Pages are ordered by `email_key`, bytewise, without gaps or repeats."""
    keys = ["a@x", "b@x", "B@x", "ä@x", "z@x", "\ue000@x", "\U0001f600@x"]
    await store.add_users([make_user(key, email_key=key) for key in keys])
    in_order = sorted(keys, key=str.encode)
    for limit in (1, 2, 3, 7, 100):
        assert await all_found(store, limit=limit) == in_order
    page = await store.find_users(limit=2)
    assert [user.id for user in page.items] == in_order[:2]
    assert (await store.find_users(limit=7)).cursor is None


async def test_a_renamed_user_is_found_by_the_new_name(store: Store) -> None:
    """The old name no longer finds the user, and a removed name finds nobody."""
    await store.add_user(make_user(name="Ada Lovelace"))
    await store.set_name("u1", "Grace Hopper")
    assert await all_found(store, "gra") == await all_found(store, "hop") == ["u1"]
    assert await all_found(store, "ada") == await all_found(store, "love") == []
    await store.set_name("u1", "Grace")
    assert await all_found(store, "hop") == []
    await store.set_name("u1", "")
    assert await all_found(store, "gra") == []


async def test_a_user_with_another_address_is_found_by_that(store: Store) -> None:
    """The search uses the current email address."""
    await store.add_user(make_user(name="Ada"))
    await store.set_email("u1", "Grace@x", "grace@x", expected_key="u1@example.org")
    assert await all_found(store, "gra") == await all_found(store, "ada") == ["u1"]
    assert await all_found(store, "u1") == []


async def test_a_page_goes_on_where_the_last_user_was_removed(store: Store) -> None:
    """A cursor names a position and not a user."""
    await store.add_users([make_user(f"u{number}", name="Ada") for number in range(4)])
    page = await store.find_users("ada", limit=2)
    await store.delete_user("u1", at=make_user().created_at)
    rest = await store.find_users("ada", limit=2, cursor=page.cursor or "")
    assert [user.id for user in rest.items] == ["u2", "u3"]


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_below_one_finds_nobody(store: Store, limit: int) -> None:
    """A limit below one never means 'all of them' by accident."""
    await store.add_user(make_user())
    page = await store.find_users(limit=limit)
    assert (page.items, page.cursor) == ([], None)


async def test_a_very_long_query_is_answered(store: Store) -> None:
    """Only the first 320 characters of a query or a name count, and endless combining marks cost no work."""
    await store.add_user(make_user(name="a" * 1000))
    assert await all_found(store, "a" * 320) == await all_found(store, "a" * 100_000) == ["u1"]
    assert await all_found(store, "a" * 319 + "b") == []
    assert await all_found(store, "a\u0300\u0323" * 500_000) == []


# cursors


def encoded(text: str) -> str:
    """A cursor with that content."""
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


GARBAGE = [
    " ", "x", "!", "é", "\0", "\ud800", "=", "a" * 5, "A" * 100_000, "WzAsImEiXQ==", "WzAsImEiXQ\n", "{}", "null",
    *map(encoded, (
        "x", "1", "{}", "[]", "[0]", "[null]", "[0,1]", '["0","a"]', '[true,"a"]', '[false,"a"]', '[0,null]',
        '[0.0,"a"]', '[0,"a","b"]', '[0,["a"]]', '[0,{"$gt":""}]', '[1,"a",1]', '[1,"a","b","c"]',
        '[3,"a","b"]', '[-1,"a","b"]', '[0,"a\\u0000"]', '[1,"a","\\ud800"]', '[0,"\ud800"]', "[NaN]",
        '[NaN,"a"]', '[Infinity,"a"]', "[" * 5000, f'[{"9" * 5000},"a"]', f'[{2**63},"a"]', f'[{10**17},"a"]',
        f'[0,"{"a" * 10_000}"]', '\ufeff[0,"a"]', '[0,"a"]x',
    )),
]  # fmt: skip


async def test_what_is_no_cursor_is_refused(store: Store) -> None:
    """It is refused for users and for events, with a query and without."""
    await store.add_user(make_user("a"))
    await store.add_audit_event(make_event("e1"))
    accepted = []
    for cursor in GARBAGE:
        for call in (
            lambda cursor=cursor: store.find_users(cursor=cursor),
            lambda cursor=cursor: store.find_users("a", cursor=cursor),
            lambda cursor=cursor: store.audit_events(cursor=cursor),
        ):
            with contextlib.suppress(CursorInvalid):
                accepted.append((cursor, await call()))
    assert accepted == []


async def test_a_cursor_of_another_query_is_refused(store: Store) -> None:
    """It would show users whom the query does not find, or begin in the middle of those that it does find."""
    await store.add_users([make_user(f"{letter}{number}", name="Bob") for letter in "ab" for number in range(3)])
    everybody, of_a, named_bob = [await store.find_users(query, limit=2) for query in ("", "a", "bob")]
    for content in ('[1,"a"]', '[-1,"a"]', '[1,"a","b"]'):  # from the audit log, or for an unknown phase
        with pytest.raises(CursorInvalid):
            await store.find_users(cursor=encoded(content))
    for query, page in (("b", everybody), ("b", of_a), ("", named_bob), ("ada", named_bob)):
        assert page.cursor
        with pytest.raises(CursorInvalid):
            await store.find_users(query, cursor=page.cursor)
