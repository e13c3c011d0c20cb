"""One call of every method of the port, for what has to hold for each of them."""

from __future__ import annotations

from app.auth.ports import Rotation, Store
from tests.store.records import (
    DAY,
    NOW,
    add_sessions,
    all_found,
    devices_of,
    make_bucket,
    make_event,
    make_instance,
    make_letter,
    make_link,
    make_signing_key,
    make_token,
    make_user,
    new_password,
    note_device,
)

#: The highest code point; no string is above every string that begins with it.
LAST = "\U0010ffff"


async def call_everything(store: Store) -> None:
    """Call every method of the port."""
    await _call_users(store)
    await _call_sessions(store)
    await _call_links_and_letters(store)
    await _call_tokens_and_devices(store)
    await _call_hits(store)
    await _call_audit(store)
    await _call_deployment(store)
    await store.delete_user("u1", at=NOW)
    await store.purge(now=NOW + 500 * DAY, sessions_before=NOW, audit_before=NOW)
    await store.ping()


async def _call_users(store: Store) -> None:
    names = (
        "Ada One",
        "Ada Two",
        "One Ada",
        "Two Ada",
        f"{LAST} One",
        f"{LAST} Two",
        f"One {LAST}",
        f"Two {LAST}",
    )
    await store.add_users([make_user(f"many{number}", name=name) for number, name in enumerate(names)])
    await store.add_user(make_user("admin", roles=("admin",)))
    await add_sessions(store, "s1")
    await note_device(store, "u1", "d1")
    await devices_of(store, "u1", "d1", "d2")
    await store.user_by_id("u1")
    await store.user_by_email("x")
    await store.has_users()
    await store.has_admin()
    await store.set_name("u1", "x")
    await store.set_email("u1", "X@example.org", "x@example.org", expected_key="u1@example.org")
    await store.set_email_verified("u1", email_key="x@example.org")
    await store.upgrade_password_hash("u1", "x", credentials_version=0)
    await store.replace_password(new_password("u1", "y", letter=make_letter("p1")))
    await store.replace_password(new_password("u1", "z", credentials_version=1, keep="s1", wiped=("key",)))
    await store.set_rights("u1", at=NOW, roles=["admin"])
    await store.set_rights("u1", at=NOW, roles=["x"])
    await store.rights_changed_since(NOW)
    for query in ("", "many", "ada", LAST):
        await all_found(store, query, limit=1)


async def _call_sessions(store: Store) -> None:
    await store.session_with_user("s1")
    await store.touch_session("s1", now=NOW, idle_expires_at=NOW + DAY)
    await store.judge_session("s1", lambda found: Rotation(1, NOW, NOW + DAY))
    await store.set_auth_time("s1", now=NOW)
    await store.sessions_of("u1", now=NOW)
    await store.revoke_session("s1", at=NOW, reason="x")
    await store.revoke_user_sessions("u1", at=NOW, reason="x")
    await store.revoked_since(NOW)


async def _call_links_and_letters(store: Store) -> None:
    await store.add_link(make_link("l1", user_id="u1"))
    await store.link("l1", now=NOW)
    await store.links_for("invite", now=NOW)
    await store.take_link("l1", now=NOW)
    await store.remove_links("u1", ["invite", "setup"])
    await store.add_letter(make_letter("m1"))
    await store.claim_letter(now=NOW, until=NOW + DAY)
    await store.put_letter_off("m1", due_at=NOW)
    await store.remove_letter("m1")


async def _call_tokens_and_devices(store: Store) -> None:
    await store.add_token(make_token("t1"), limit=5)
    await store.tokens_of("u1")
    await store.token_with_user("hash of t1")
    await store.touch_token("t1", at=NOW)
    await store.remove_token("u1", "t1")


async def _call_hits(store: Store) -> None:
    for _ in range(2):
        await store.hit(make_bucket(free=1), now=NOW)
    await store.hit_all([make_bucket(free=1)], now=NOW)
    await store.take_back_hits("bucket")
    await store.forget_hits("bucket")


async def _call_audit(store: Store) -> None:
    for number in range(3):
        await store.add_audit_event(make_event(f"e{number}", user_id="u1"))
    for user_id in ("", "u1"):
        for event in ("", "log_in"):
            page = await store.audit_events(user_id=user_id, event=event, limit=1)
            await store.audit_events(user_id=user_id, event=event, cursor=page.cursor or "", limit=1)


async def _call_deployment(store: Store) -> None:
    await store.add_signing_key(make_signing_key("k1"))
    await store.signing_keys()
    await store.set_sealed("k1", "x", expected="sealed")
    await store.retire_signing_key("k1", at=NOW)
    await store.remove_signing_key("k1")
    await store.announce(make_instance("i1"))
    await store.instances()
    await store.withdraw("i1")
