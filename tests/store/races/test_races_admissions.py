"""What every store guarantees when an account is made while what lets it in goes away."""

from __future__ import annotations

import asyncio

import pytest

from app.auth.models import Link, User
from app.auth.ports import Store
from app.store.mongo.store import MongoStore
from tests.store.contract.test_contract_admissions import DISMISSALS, Dismiss, admit
from tests.store.records import NOW, make_link, make_user, opened

ROUNDS = 12


@pytest.mark.parametrize("dismiss", DISMISSALS.values(), ids=DISMISSALS)
async def test_s45_a_dismissal_and_an_invitation_at_once(database_url: str, dismiss: Dismiss) -> None:
    """Over two stores as two processes have them, the link is used up exactly if there is an account, and nobody
    gets in once the inviter is dismissed."""
    async with opened(database_url) as one, opened(database_url) as other:
        await one.add_user(make_user("b", roles=("admin",)))
        for number in range(ROUNDS):
            await one.add_user(make_user("a", roles=("admin",)))
            link = make_link(f"l{number}", created_by="a")
            await one.add_link(link)
            first, second = (one, other) if number % 2 else (other, one)
            admitted, _ = await asyncio.gather(admit(first, make_user(f"u{number}"), link), dismiss(second))
            assert (await one.user_by_id(f"u{number}") is not None) == (admitted is not None)
            assert (await one.link(link.id, now=NOW) is None) == (admitted is not None)
            late = make_link(f"m{number}", created_by="a")
            await one.add_link(late)
            assert await admit(first, make_user(f"v{number}"), late) is None
            await one.delete_user("a", at=NOW)


async def test_s45_of_many_with_one_invitation_one_gets_an_account(database_url: str) -> None:
    """Of twenty at once, over two stores, one account is stored."""
    async with opened(database_url) as one, opened(database_url) as other:
        link = make_link("l1")
        await one.add_link(link)
        done = await asyncio.gather(
            *(
                admit(store, make_user(f"u{number}{store is one}"), link)
                for number in range(10)
                for store in (one, other)
            )
        )
        assert sum(each is not None for each in done) == 1


async def test_s45_of_two_setup_links_one_makes_an_admin(database_url: str) -> None:
    """Two processes may each have made a setup link: of both at once, only one makes an admin."""
    async with opened(database_url) as one, opened(database_url) as other:
        for number in range(ROUNDS):
            links = [make_link(f"{number}{each}", purpose="setup") for each in "xy"]
            for link in links:
                await one.add_link(link)
            admins = [make_user(f"a{link.id}", roles=("admin",)) for link in links]
            done = await asyncio.gather(admit(one, admins[0], links[0]), admit(other, admins[1], links[1]))
            assert [each is None for each in done].count(True) == 1
            [made] = [user for user, each in zip(admins, done, strict=True) if each is not None]
            # The admin goes again, which needs another one, who is then disabled from outside.
            await one.add_user(make_user("help", roles=("admin",)))
            assert await one.delete_user(made.id, at=NOW)
            await _forget(one, "help")


async def _forget(store: Store, user_id: str) -> None:
    """Takes the last admin away, which no method of the store does."""
    if isinstance(store, MongoStore):
        await store._collection("users").delete_one({"_id": user_id})
    else:
        await store._db.write("DELETE FROM users WHERE id = ?", [user_id])  # type: ignore[attr-defined]


class Paused(MongoStore):
    """A process that stops between the look at what lets somebody in and the write."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def _link_that_counts(self, which: dict[str, object]) -> Link | None:
        link = await super()._link_that_counts(which)
        self.reached.set()
        await self.go_on.wait()
        return link


Act = Dismiss
MEANWHILE: dict[str, tuple[Link, User | None, Act]] = {
    **{
        name: (make_link("l1", created_by="a"), make_user("a", roles=("admin",)), dismiss)
        for name, dismiss in DISMISSALS.items()
    },
    "an admin by the command line": (
        make_link("l1", purpose="setup"),
        None,
        lambda store: store.add_user(make_user("c", roles=("admin",))),
    ),
    "an admin by an import": (
        make_link("l1", purpose="setup"),
        None,
        lambda store: store.add_users([make_user("c"), make_user("d", roles=("admin",))]),
    ),
    "an admin who is enabled": (
        make_link("l1", purpose="setup"),
        make_user("a", roles=("admin",), is_active=False),
        lambda store: store.set_rights("a", at=NOW, is_active=True),
    ),
    "an admin by a new role": (
        make_link("l1", purpose="setup"),
        make_user("a"),
        lambda store: store.set_rights("a", at=NOW, roles=["admin"]),
    ),
}


@pytest.mark.parametrize(("link", "before", "act"), MEANWHILE.values(), ids=MEANWHILE)
async def test_s45_on_mongodb_nothing_comes_between_look_and_write(
    mongo_database_url: str, link: Link, before: User | None, act: Act
) -> None:
    """What would take the link's reason away waits until the account is made, or makes it fail."""
    slow = Paused(mongo_database_url)
    await slow.open()
    try:
        async with opened(mongo_database_url) as other:
            await other.add_users(
                [*([before] if before else []), *([make_user("b", roles=("admin",))] if link.created_by else [])]
            )
            await other.add_link(link)
            order: list[str] = []

            async def noted(name: str, work: object) -> object:
                result = await work  # type: ignore[misc]
                order.append(name)
                return result

            admission = asyncio.create_task(noted("admitted", admit(slow, link=link)))
            await slow.reached.wait()
            meanwhile = asyncio.create_task(noted("acted", act(other)))
            await asyncio.wait({meanwhile}, timeout=0.2)
            slow.go_on.set()
            admitted = await admission
            await meanwhile
            assert admitted is None or order == ["admitted", "acted"]
            assert (await other.user_by_id("u1") is not None) == (admitted is not None)
    finally:
        slow.go_on.set()
        await slow.close()
