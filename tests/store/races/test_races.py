"""What every store guarantees when many ask at once, and when callers leave early."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from app.auth.ports import Rotation, Store
from app.auth.refusals import EmailTaken
from tests.store.records import (
    DAY,
    MS,
    NOW,
    add_sessions,
    all_found,
    make_session,
    make_user,
    new_password,
    opened,
    rotate,
    session_of,
)

ROUNDS = 40


async def test_a_hundred_registrations_of_an_address_give_one_user(database_url: str) -> None:
    """All but one are told that the email address is taken, over two stores as two processes have them."""
    async with opened(database_url) as one, opened(database_url) as other:
        results = await asyncio.gather(
            *(
                store.add_user(make_user(f"u{number}{store is one}", email_key="ada@example.org"))
                for number in range(50)
                for store in (one, other)
            ),
            return_exceptions=True,
        )
        assert [type(result) for result in results if result is not None] == [EmailTaken] * 99
        assert len(await all_found(one)) == 1


async def test_fifty_rotations_of_a_generation_give_one_successor(database_url: str) -> None:
    """One succeeds and the others are refused, over two stores as two processes have them."""
    async with opened(database_url) as one, opened(database_url) as other:
        await add_sessions(one, "s1")
        for generation in (1, 2, 3):
            done = await asyncio.gather(
                *(
                    rotate(store, "s1", Rotation(generation, NOW, NOW + DAY))
                    for _ in range(25)
                    for store in (one, other)
                )
            )
            assert done.count(True) == 1
        assert (await session_of(one)).generation == 4


async def test_a_hash_is_replaced_by_one_of_many(store: Store) -> None:
    """Of ten changes from the same hash one succeeds, and its hash is stored."""
    await store.add_user(make_user())
    outcomes = await asyncio.gather(
        *(store.replace_password(new_password("u1", f"new {number}")) for number in range(10))
    )
    done = [replaced is not None for replaced in outcomes]
    assert done.count(True) == 1
    user = await store.user_by_id("u1")
    assert user is not None
    assert user.password_hash == f"new {done.index(True)}"


async def test_changes_of_rights_are_each_counted(store: Store) -> None:
    """Twenty changes at once give twenty versions, each reported once."""
    await store.add_user(make_user())
    users = await asyncio.gather(*(store.set_rights("u1", at=NOW, roles=[str(number)]) for number in range(20)))
    assert sorted(user.rights_version for user in users if user) == list(range(2, 22))


async def test_revocations_at_once_each_tell_what_they_ended(store: Store) -> None:
    """Exactly one of the calls reports each session, which carries that call's reason."""
    ids = [f"s{number}" for number in range(12)]
    await add_sessions(store, *ids)
    reasons = ("password_changed", "session_revoked", "account_disabled")
    answers = await asyncio.gather(
        *(store.revoke_user_sessions("u1", at=NOW, reason=reason) for reason in reasons),
        *(store.revoke_session(session_id, at=NOW, reason="logged_out") for session_id in ids[:4]),
    )
    lists, singles = answers[:3], answers[3:]
    told = dict(zip(ids[:4], singles, strict=True))
    ended = {session_id: "logged_out" for session_id, did in told.items() if did}
    for reason, each in zip(reasons, lists, strict=True):
        assert isinstance(each, list)
        assert not ended.keys() & set(each)
        ended |= dict.fromkeys(each, reason)
    assert ended == {each.session_id: each.reason for each in await store.revoked_since(NOW)}
    assert sorted(ended) == sorted(ids)


LOG_INS = 3


class LogIns:
    """Three logins of a user, one after the other, with an event for when a given number of them is done."""

    def __init__(self, store: Store, user_id: str) -> None:
        self.store, self.user_id = store, user_id
        self.added: list[str] = []
        self.done = [asyncio.Event() for _ in range(LOG_INS + 1)]

    async def run(self) -> None:
        """Log in, and collect the ids of the successful logins in `added`."""
        self.done[0].set()
        for number in range(LOG_INS):
            session_id = f"{self.user_id}-{number}"
            session = make_session(session_id, self.user_id)
            if await self.store.add_session(session):
                self.added.append(session_id)
            self.done[number + 1].set()


async def race(one: Store, number: int, end: Callable[[str], Awaitable[object]]) -> LogIns:
    """Race logins of a new user against `end`, which begins a little after some of them are done."""
    log_ins = LogIns(one, f"u{number}")
    await one.add_user(make_user(log_ins.user_id))

    async def end_in_time() -> None:
        await log_ins.done[number % (LOG_INS + 1)].wait()
        await asyncio.sleep(0.0003 * (number // (LOG_INS + 1)))
        await end(log_ins.user_id)

    await asyncio.gather(log_ins.run(), end_in_time())
    return log_ins


async def assert_no_session_survives(database_url: str, change: Callable[[Store, str], Awaitable[None]]) -> None:
    """Race logins on one store with `change` and the revocation that follows it, on another store."""
    async with opened(database_url) as one, opened(database_url) as other:

        async def end(user_id: str) -> None:
            await change(other, user_id)
            await other.revoke_user_sessions(user_id, at=NOW, reason="password_changed")

        outcomes = set()
        for start in range(0, ROUNDS, 8):
            for log_ins in await asyncio.gather(*(race(one, start + number, end) for number in range(8))):
                outcomes.add(len(log_ins.added))
                assert await one.sessions_of(log_ins.user_id, now=NOW) == []
                for session_id in log_ins.added:
                    assert (await session_of(one, session_id)).revoked_at is not None
        # This was a race, so not every round ended alike.
        assert len(outcomes) > 1


async def test_a_log_in_racing_a_password_change_does_not_survive_it(database_url: str) -> None:
    """After the change and its revocation no session of the old password is alive, whichever came first."""

    async def change(store: Store, user_id: str) -> None:
        assert await store.replace_password(new_password(user_id, keep="none of these"))

    await assert_no_session_survives(database_url, change)


async def test_a_log_in_racing_a_disabling_does_not_survive_it(database_url: str) -> None:
    """After the disabling and its revocation no session is alive, whichever came first."""

    async def change(store: Store, user_id: str) -> None:
        assert await store.set_rights(user_id, at=NOW, is_active=False)

    await assert_no_session_survives(database_url, change)


async def test_a_log_in_racing_a_deletion_leaves_no_live_row(database_url: str) -> None:
    """After a deletion every row of the user is revoked, and none says where its owner was."""
    async with opened(database_url) as one, opened(database_url) as other:

        async def end(user_id: str) -> None:
            assert await other.delete_user(user_id, at=NOW)

        for start in range(0, ROUNDS, 8):
            for log_ins in await asyncio.gather(*(race(one, start + number, end) for number in range(8))):
                assert set(log_ins.added) <= {each.session_id for each in await one.revoked_since(NOW)}
                # A user with the same id makes the remaining rows visible.
                await one.add_user(make_user(log_ins.user_id))
                assert await one.sessions_of(log_ins.user_id, now=NOW) == []
                for session_id in log_ins.added:
                    assert (await session_of(one, session_id)).ip == ""


async def test_a_rotation_racing_a_revocation_does_not_bring_a_session_back(store: Store) -> None:
    """Whatever the order, the session ends up revoked and can't be rotated."""
    ids = [f"s{number}" for number in range(20)]
    await add_sessions(store, *ids)
    for session_id in ids:
        await asyncio.gather(
            rotate(store, session_id, Rotation(1, NOW, NOW + DAY)),
            store.revoke_session(session_id, at=NOW, reason="logged_out"),
            store.touch_session(session_id, now=NOW, idle_expires_at=NOW + DAY),
        )
        session = await session_of(store, session_id)
        assert session.revoked_at == NOW
        again = rotate(store, session_id, Rotation(session.generation, NOW, NOW + DAY))
        assert not await again


async def test_cancelled_calls_leave_whole_states_and_a_usable_store(database_url: str) -> None:
    """A caller that leaves at any moment leaves an operation done or not done, and nothing locked."""
    async with opened(database_url) as store, opened(database_url) as other:
        for number in range(ROUNDS):
            user_id = f"u{number}"
            await add_sessions(store, f"{user_id}-a", f"{user_id}-b", user_id=user_id)
            task = asyncio.ensure_future(store.delete_user(user_id, at=NOW))
            for _ in range(number % 7):  # from before the first step to somewhere in the middle
                await asyncio.sleep(0)
            if number % 2:
                await asyncio.sleep(0.0002 * number)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            # This works at once on another connection, so nothing is locked.
            await other.add_user(make_user(f"after {number}"))
        await store.close()  # this waits for the work that was under way
        for number in range(ROUNDS):
            user_id = f"u{number}"
            gone = await other.user_by_id(user_id) is None
            revoked = {each.session_id for each in await other.revoked_since(NOW - MS)}
            assert ({f"{user_id}-a", f"{user_id}-b"} <= revoked) is gone
            assert len(await other.sessions_of(user_id, now=NOW)) == (0 if gone else 2)


async def test_a_call_cancelled_while_it_waits_for_its_turn_never_happens(store: Store) -> None:
    """Work that has not begun is dropped with its caller, and those behind it in the queue are served."""
    tasks = [asyncio.ensure_future(store.add_user(make_user(f"u{number}"))) for number in range(200)]
    await asyncio.sleep(0)
    for task in tasks[100:150]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    users = set(await all_found(store))
    assert users == {f"u{number}" for number in range(200) if not 100 <= number < 150}
