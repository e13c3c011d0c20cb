"""`/api/admin/invites`, and the accounts that come from invitations."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.answers import plain, pointers, problem
from tests.kit.duet import PASSWORD, ApiClient, Running, make_settings, running
from tests.kit.mails import link_in, mail_with_link, read_mails

SignIn = Callable[..., ApiClient]
MARK = "Marker7Zq"
_numbers = itertools.count()


@pytest.fixture
def admin(shared: Running, sign_in: SignIn) -> ApiClient:
    """An admin's client."""
    email = f"admin{next(_numbers)}@example.com"
    shared.make_user(email, roles=["admin"])
    return sign_in(email)


def invite(client: ApiClient, **fields: Any) -> dict[str, Any]:
    """A new invitation."""
    answer = client.post("/api/admin/invites", json=fields)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == {"id", "url", "email", "roles", "expires_at"}
    return body


def register(duet: Running, email: str, **fields: Any) -> httpx.Response:
    """Makes an account."""
    return plain.post(f"{duet.url}/api/users", json={"email": email, "password": PASSWORD, **fields})


def token_of(body: dict[str, Any]) -> str:
    """The token at the end of an invitation's link."""
    return str(body["url"]).rpartition("/")[2]


def test_a_link_lets_anybody_in_once(shared: Running, admin: ApiClient) -> None:
    """The first person to use the link gets an account with its roles, and a second one does not."""
    body = invite(admin, roles=["editor"])
    assert body["url"].startswith(f"{shared.settings.public_url}/invite/")
    assert (body["email"], body["roles"]) == (None, ["editor"])
    days = datetime.fromisoformat(body["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6.9) < days <= timedelta(days=7)
    email = f"guest{next(_numbers)}@example.com"
    made = register(shared, email, invite=token_of(body))
    assert (made.status_code, made.json()["roles"], made.json()["is_email_verified"]) == (201, ["editor"], False)
    again = register(shared, f"guest{next(_numbers)}@example.com", invite=token_of(body))
    assert pointers(again) == ["/invite"]
    assert again.json()["code"] == "link_invalid"


def test_a_mailed_invite_proves_the_address(shared: Running, admin: ApiClient) -> None:
    """The mail has the same link, it is for that email address alone, and using it confirms the address."""
    email = f"guest{next(_numbers)}@example.com"
    body = invite(admin, email=email, roles=["admin"], expires_in_days=1)
    assert link_in(mail_with_link(shared.outbox, "invite", to=email)) == body["url"]
    assert body["email"] == email
    other = register(shared, f"other{next(_numbers)}@example.com", invite=token_of(body))
    assert pointers(other) == ["/email"]
    made = register(shared, email.upper(), invite=token_of(body))
    assert (made.status_code, made.json()["roles"], made.json()["is_email_verified"]) == (201, ["admin"], True)


def test_open_invites_are_listed_without_their_links(admin: ApiClient) -> None:
    """The newest comes first, with who made it; a used or withdrawn invitation is no longer listed."""
    first, second = invite(admin), invite(admin, roles=["editor"])
    answer = admin.get("/api/admin/invites")
    fields = {"id", "email", "roles", "created_at", "created_by", "expires_at"}
    assert all(set(item) == fields for item in answer.json())
    ids = [item["id"] for item in answer.json()]
    assert ids.index(second["id"]) < ids.index(first["id"])
    assert answer.json()[ids.index(first["id"])]["created_by"] == admin.get("/api/users/me").json()["id"]
    for body in (first, second):
        assert token_of(body) not in answer.text
        assert token_of(body).partition(".")[2] not in answer.text
    gone = admin.delete(f"/api/admin/invites/{first['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert first["id"] not in [item["id"] for item in admin.get("/api/admin/invites").json()]
    problem(admin.delete(f"/api/admin/invites/{first['id']}"), 404)


def test_a_withdrawn_invite_counts_no_more(shared: Running, admin: ApiClient) -> None:
    """Its link no longer counts, and the call withdraws no other kind of link."""
    body = invite(admin)
    admin.delete(f"/api/admin/invites/{body['id']}")
    email = f"guest{next(_numbers)}@example.com"
    assert pointers(register(shared, email, invite=token_of(body))) == ["/invite"]
    user = shared.make_user(email)
    plain.post(f"{shared.url}/api/auth/forgot-password", json={"email": user.email})
    reset = link_in(mail_with_link(shared.outbox, "reset-password", to=user.email)).rpartition("/")[2]
    problem(admin.delete(f"/api/admin/invites/{reset.partition('.')[0]}"), 404)
    used = plain.post(f"{shared.url}/api/auth/reset-password", json={"token": reset, "password": PASSWORD * 2})
    assert used.status_code == 204


def test_many_who_use_an_invite_at_once_get_one_account(shared: Running, admin: ApiClient) -> None:
    """Ten different email addresses, with one link and at one moment, get one 201."""
    body = invite(admin, roles=["editor"])
    emails = [f"guest{next(_numbers)}@example.com" for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda email: register(shared, email, invite=token_of(body)), emails))
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 9


def test_a_refused_registration_leaves_the_invite_usable(shared: Running, admin: ApiClient) -> None:
    """After a short password or a taken email address the invited person may try again."""
    body = invite(admin)
    taken = shared.make_user(f"taken{next(_numbers)}@example.com")
    assert pointers(register(shared, "x@example.com", invite=token_of(body), password="short")) == ["/password"]
    problem(register(shared, taken.email, invite=token_of(body)), 409)
    assert register(shared, f"guest{next(_numbers)}@example.com", invite=token_of(body)).status_code == 201


def test_where_registration_is_by_invite(tmp_path: Path) -> None:
    """Registering is a 403 without an invitation and a 201 with one."""
    with running(make_settings(tmp_path, registration="invite")) as duet, ApiClient(duet.url) as client:
        duet.make_user("admin@example.com", roles=["admin"])
        client.log_in("admin@example.com")
        body = invite(client)
        assert problem(register(duet, "a@example.com"), 403)["code"] == "registration_closed"
        assert pointers(register(duet, "a@example.com", invite="wrong")) == ["/invite"]
        assert pointers(register(duet, "a@example.com", invite="")) == ["/invite"]
        assert register(duet, "a@example.com", invite=token_of(body)).status_code == 201


def test_where_registration_is_closed_nobody_is_invited(tmp_path: Path) -> None:
    """Inviting is a 403 for the admin too, because the link would open nothing."""
    with running(make_settings(tmp_path, registration="closed")) as duet, ApiClient(duet.url) as client:
        duet.make_user("admin@example.com", roles=["admin"])
        client.log_in("admin@example.com")
        answer = client.post("/api/admin/invites", json={})
        assert problem(answer, 403)["code"] == "registration_closed"
        assert "WWW-Authenticate" not in answer.headers
        assert client.get("/api/admin/invites").json() == []


def test_where_addresses_are_verified_a_mailed_invite_is_enough(tmp_path: Path) -> None:
    """A mailed invitation is a 201 and logs in at once; one that was passed on is a 202 and a mail."""
    settings = make_settings(tmp_path, require_verified_email=True, registration="invite")
    with running(settings) as duet, ApiClient(duet.url) as client:
        duet.make_user("admin@example.com", roles=["admin"], is_email_verified=True)
        assert client.log_in("admin@example.com").status_code == 200
        bound, free = invite(client, email="bound@example.com"), invite(client)
        assert register(duet, "bound@example.com", invite=token_of(bound)).status_code == 201
        with ApiClient(duet.url) as guest:
            assert guest.log_in("bound@example.com").status_code == 200
        assert register(duet, "free@example.com", invite=token_of(free)).status_code == 202
        mail_with_link(duet.outbox, "verify-email", to="free@example.com")
        with ApiClient(duet.url) as guest:
            assert guest.log_in("free@example.com").status_code == 400


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"email": MARK}, ["/email"]),
        ({"email": {"$ne": None}}, ["/email"]),
        ({"email": MARK * 50}, ["/email"]),
        ({"roles": "admin"}, ["/roles"]),
        ({"roles": [MARK]}, ["/roles"]),
        ({"roles": [{"$ne": None}]}, ["/roles/0"]),
        ({"expires_in_days": 0}, ["/expires_in_days"]),
        ({"expires_in_days": 91}, ["/expires_in_days"]),
        ({"expires_in_days": -1}, ["/expires_in_days"]),
        ({"expires_in_days": 10**30}, ["/expires_in_days"]),
        ({"expires_in_days": "7"}, ["/expires_in_days"]),
        ({"expires_in_days": 1.5}, ["/expires_in_days"]),
        ({"expires_in_days": 7.000001}, ["/expires_in_days"]),
        ({"expires_in_days": 91.0}, ["/expires_in_days"]),
        ({"expires_in_days": 1e300}, ["/expires_in_days"]),
        ({"expires_in_days": "7.0"}, ["/expires_in_days"]),
        ({"expires_in_days": {"$gt": 0}}, ["/expires_in_days"]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_invite_is_pointed_at(admin: ApiClient, body: dict[str, Any], where: list[str]) -> None:
    """Invalid input is a 422 with a pointer, and nothing is echoed."""
    answer = admin.post("/api/admin/invites", json=body)
    assert pointers(answer) == where
    assert MARK not in answer.text
    problem(admin.post("/api/admin/invites", json={MARK: 1}), 422)


def test_an_account_needs_no_invite(shared: Running, admin: ApiClient) -> None:
    """Inviting an email address that has an account is a 409, and no mail is sent."""
    user = shared.make_user(f"taken{next(_numbers)}@example.com")
    answer = admin.post("/api/admin/invites", json={"email": user.email.upper()})
    assert problem(answer, 409)["code"] == "email_taken"
    assert read_mails(shared.outbox, to=user.email, count=0) == []
