"""What every store guarantees for personal access tokens and known devices."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.auth.ports import Store
from tests.store.records import DAY, MS, NOW, make_token, make_user, new_password

# tokens


async def test_a_token_comes_back_as_stored_with_its_user(store: Store) -> None:
    """Every field survives; only the hash finds the token, whether or not it has expired."""
    user = make_user()
    await store.add_user(user)
    token = make_token("t1", read_only=True, expires_at=NOW - MS, last_used_at=NOW - DAY)
    assert await store.add_token(token, limit=5)
    assert await store.token_with_user("hash of t1") == (token, user)
    assert await store.token_with_user("t1") is None
    assert await store.tokens_of("u1") == [token]


async def test_a_token_without_its_user_is_none(store: Store) -> None:
    """A token that a race with a deletion left behind lets nobody in."""
    await store.add_token(make_token("t1"), limit=5)
    assert await store.token_with_user("hash of t1") is None


async def test_a_user_has_no_more_tokens_than_the_limit(store: Store) -> None:
    """Expired tokens count and other users' do not; a removal makes room again."""
    assert await store.add_token(make_token("t1", expires_at=NOW - DAY), limit=2)
    assert await store.add_token(make_token("t2"), limit=2)
    assert not await store.add_token(make_token("t3"), limit=2)
    assert await store.add_token(make_token("other", "u2"), limit=2)
    assert not await store.add_token(make_token("none", "u3"), limit=0)
    assert await store.remove_token("u1", "t1")
    assert await store.add_token(make_token("t3"), limit=2)


async def test_a_tokens_hash_used_twice_is_a_mistake(store: Store) -> None:
    """The token would let in two users, so it is a ValueError, and the first user keeps it."""
    await store.add_user(make_user())
    await store.add_token(make_token("t1"), limit=5)
    with pytest.raises(ValueError):
        await store.add_token(make_token("t2", token_hash="hash of t1"), limit=5)
    assert await store.token_with_user("hash of t1") == (make_token("t1"), make_user())


async def test_tokens_are_listed_newest_first(store: Store) -> None:
    """Only the user's own tokens are listed."""
    tokens = [make_token(f"t{number}", created_at=NOW + number * MS) for number in range(3)]
    for token in (*tokens, make_token("other", "u2")):
        await store.add_token(token, limit=5)
    assert await store.tokens_of("u1") == tokens[::-1]
    assert await store.tokens_of("nobody") == []


async def test_a_tokens_last_use_is_noted(store: Store) -> None:
    """Nothing else changes, and a token that is gone is ignored."""
    await store.add_token(make_token("t1"), limit=5)
    await store.touch_token("t1", at=NOW + MS)
    await store.touch_token("t2", at=NOW + MS)
    assert await store.tokens_of("u1") == [make_token("t1", last_used_at=NOW + MS)]


async def test_a_token_is_removed_by_its_user_alone(store: Store) -> None:
    """Another user's id removes nothing, and a new password removes all of the user's tokens at once."""
    for number in range(3):
        await store.add_token(make_token(f"t{number}"), limit=5)
    await store.add_token(make_token("other", "u2"), limit=5)
    assert not await store.remove_token("u2", "t0")
    assert await store.remove_token("u1", "t0")
    assert not await store.remove_token("u1", "t0")
    await store.add_user(make_user())
    assert await store.replace_password(new_password())
    assert await store.tokens_of("u1") == []
    assert await store.tokens_of("u2") == [make_token("other", "u2")]


async def test_expired_tokens_are_purged(store: Store) -> None:
    """Tokens that expired before the instant are removed."""
    for token_id, expires in (("t1", NOW - MS), ("t2", NOW), ("t3", NOW + DAY)):
        await store.add_token(make_token(token_id, expires_at=expires), limit=5)
    assert await store.purge(now=NOW, sessions_before=NOW, audit_before=NOW) == 1
    kept = {token.id: token for token in await store.tokens_of("u1")}
    assert kept == {"t2": replace(make_token("t2"), expires_at=NOW), "t3": make_token("t3")}
