"""Anyone who tries what their rights do not allow is written down, on both halves (security.md, item 36)."""

from __future__ import annotations

from app.auth.models import AuditEvent
from tests.kit.duet import ApiClient, Browser, Running


def refusals(duet: Running, user_id: str) -> list[AuditEvent]:
    """The audit log's rows about refusals to this user, the newest first."""
    rows: list[AuditEvent] = duet.wait(duet.auth.audit.events(user_id=user_id, event="refused")).items
    return rows


def test_a_missing_role_is_written_down_by_the_api(duet: Running, api: ApiClient) -> None:
    """Each refused call of the API is logged once: who, from where, in which session, and why."""
    user = duet.make_user()
    api.log_in()
    assert api.get("/api/admin/users").status_code == 403
    [row] = refusals(duet, user.id)
    assert (row.detail, row.ip) == ("role_missing", "127.0.0.1")
    assert row.session_id


def test_a_missing_role_is_written_down_by_the_pages(duet: Running, browser: Browser) -> None:
    """A refused page is logged although the answer says that there is no such page."""
    user = duet.make_user()
    browser.log_in()
    assert browser.get("/admin/users").status_code == 404
    assert [row.detail for row in refusals(duet, user.id)] == ["role_missing"]


def test_a_read_only_token_that_writes_is_written_down(duet: Running, api: ApiClient) -> None:
    """A read-only token that writes is logged with the scope that it lacks."""
    user = duet.make_user()
    api.log_in()
    token = api.post("/api/users/me/tokens", json={"name": "a script", "read_only": True}).json()["token"]
    answer = api.patch("/api/users/me", json={"name": "A"}, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert [row.detail for row in refusals(duet, user.id)] == ["scope_missing"]


def test_strangers_are_not_written_down(duet: Running, api: ApiClient, browser: Browser) -> None:
    """A stranger has no account to log it for, and a flood of strangers would bury the log."""
    duet.make_user()
    assert api.get("/api/admin/users").status_code == 401
    assert browser.get("/admin/users").status_code == 303
    assert duet.wait(duet.auth.audit.events(event="refused")).items == []
