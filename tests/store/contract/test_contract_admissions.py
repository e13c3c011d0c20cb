"""What every store guarantees for accounts that an invitation or the setup link lets in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from app.auth.models import Link, User
from app.auth.ports import Store
from app.auth.refusals import EmailTaken
from tests.store.records import DAY, MS, NOW, make_link, make_user

INVITE = make_link("l1", created_by="a", roles=("editor",))


async def admit(store: Store, user: User | None = None, link: Link = INVITE, **given: bool) -> Link | None:
    """Let a user in by a link."""
    return await store.admit_user(user or make_user(), link_id=link.id, purpose=link.purpose, at=NOW, **given)


async def test_a_link_lets_one_in(store: Store) -> None:
    """The account is stored and the link is used up; a second account is not stored."""
    await store.add_user(make_user("a", roles=("admin",)))
    await store.add_link(INVITE)
    assert await admit(store) == INVITE
    assert await store.user_by_id("u1") == make_user()
    assert await store.link("l1", now=NOW) is None
    assert await admit(store, make_user("u2")) is None
    assert await store.user_by_id("u2") is None


async def test_a_link_of_the_command_line_needs_no_admin(store: Store) -> None:
    """An invitation that nobody made lets somebody in, even where there is no admin."""
    link = make_link("l1")
    await store.add_link(link)
    assert await admit(store, link=link) == link


@pytest.mark.parametrize(
    "link",
    [
        make_link("l2", created_by="a"),
        make_link("l1", purpose="setup"),
        make_link("l1", purpose="verify-email", created_by="a"),
    ],
    ids=["id", "purpose", "another purpose"],
)
async def test_another_link_lets_nobody_in(store: Store, link: Link) -> None:
    """Both the id and the purpose have to be right, and then the link stays."""
    await store.add_user(make_user("a", roles=("admin",)))
    await store.add_link(INVITE)
    assert await admit(store, link=link) is None
    assert await store.user_by_id("u1") is None
    assert await store.link("l1", now=NOW) == INVITE


async def test_a_link_that_is_over_lets_nobody_in(store: Store) -> None:
    """At its limit it lets nobody in, and a millisecond before it does."""
    await store.add_link(make_link("l1", expires_at=NOW))
    await store.add_link(make_link("l2", expires_at=NOW + MS))
    assert await admit(store, link=make_link("l1")) is None
    assert await admit(store, link=make_link("l2")) is not None


Dismiss = Callable[[Store], Awaitable[object]]
DISMISSALS: dict[str, Dismiss] = {
    "demoted": lambda store: store.set_rights("a", at=NOW, roles=["editor"]),
    "disabled": lambda store: store.set_rights("a", at=NOW, is_active=False),
    "deleted": lambda store: store.delete_user("a", at=NOW),
}


@pytest.mark.parametrize("dismiss", DISMISSALS.values(), ids=DISMISSALS)
async def test_s45_whoever_was_dismissed_lets_nobody_in(store: Store, dismiss: Dismiss) -> None:
    """An invitation counts only while the one who made it is an active admin; it counts again after a return."""
    await store.add_users([make_user("a", roles=("admin",)), make_user("b", roles=("admin",))])
    await store.add_link(INVITE)
    await dismiss(store)
    assert await admit(store) is None
    assert await store.user_by_id("u1") is None
    assert await store.link("l1", now=NOW) == INVITE
    if await store.set_rights("a", at=NOW, roles=["x", "admin"], is_active=True) is not None:
        assert await admit(store) == INVITE


@pytest.mark.parametrize(
    ("admin", "may"),
    [
        (make_user("a", roles=("admin",)), False),
        (make_user("a", roles=("admin",), is_active=False), True),
        (make_user("a", roles=("administrator",)), True),
        (None, True),
    ],
    ids=["active", "disabled", "another role", "nobody"],
)
async def test_s45_the_setup_link_lets_in_the_first_admin(store: Store, admin: User | None, may: bool) -> None:
    """The setup link counts only while there is no active admin."""
    link = make_link("s", purpose="setup")
    await store.add_link(link)
    if admin is not None:
        await store.add_user(admin)
    first = make_user("first", roles=("admin",))
    assert (await admit(store, first, link) == link) == may
    assert (await store.user_by_id("first") == first) == may


@pytest.mark.parametrize("spends", [False, True])
async def test_a_taken_address_uses_the_link_up_if_it_is_to(store: Store, spends: bool) -> None:
    """If the email address is taken, the link stays as it was, or is used up if the caller says so."""
    link = make_link("l1", roles=("b", "a"), email="Ada@x", expires_at=NOW + DAY + MS)
    await store.add_link(link)
    await store.add_user(make_user("other", email_key="u1@example.org"))
    with pytest.raises(EmailTaken):
        await admit(store, link=link, spends=spends)
    assert await store.user_by_id("u1") is None
    assert await store.link("l1", now=NOW) == (None if spends else link)
