"""`/api/auth/introspect` (RFC 7662): what it says of a token, to whom, and what it never says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pytest

from app.auth.models import Client
from tests.api.answers import oauth_error, plain
from tests.auth.jws import claims_of
from tests.kit.duet import ApiClient, Running

SignIn = Callable[..., ApiClient]
INACTIVE: Final = {"active": False}


def look(client: ApiClient, token: str, **more: str) -> dict[str, Any]:
    """What the endpoint says of `token` to `client`; checks that no cache keeps the answer."""
    answer = client.post("/api/auth/introspect", data={"token": token, **more})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/json"
    body: dict[str, Any] = answer.json()
    return body


def personal_token(client: ApiClient, **given: object) -> dict[str, Any]:
    """A new personal access token of the client's."""
    answer = client.post("/api/users/me/tokens", json={"name": "script", **given})
    made: dict[str, Any] = answer.raise_for_status().json()
    return made


def session_id(client: ApiClient) -> str:
    """The id of the client's session."""
    return str(claims_of(client.access_token)["sid"])


def test_an_access_token_is_what_it_says(shared: Running, sign_in: SignIn) -> None:
    """Every member agrees with the claim of that name, and `username` is the email address."""
    client = sign_in(roles=["editor"])
    said, claims = look(client, client.access_token), claims_of(client.access_token)
    assert said.pop("active") is True
    assert said.pop("token_type") == "Bearer"
    assert said.pop("username") == client.email  # type: ignore[attr-defined]
    del claims["rights_version"]  # nobody's business
    assert said == claims
    assert said["iss"] == said["aud"] == shared.settings.public_url
    assert said["exp"] - said["iat"] == 900


def test_a_refresh_token_is_no_bearer_token(sign_in: SignIn) -> None:
    """A refresh token is active, is said to open nothing by itself, and lives as long as the session."""
    client = sign_in()
    said = look(client, client.refresh_token)
    assert said["active"] is True
    assert said["token_type"] == "N_A"
    assert (said["client_id"], said["scope"]) == ("api", "read write")
    assert said["sid"] == session_id(client)
    assert said["exp"] - said["iat"] == 30 * 24 * 3600
    assert "jti" not in said


def test_looking_at_a_refresh_token_does_not_use_it(sign_in: SignIn) -> None:
    """Introspecting the current token, its parent or one that is too old uses none up and is no reuse."""
    client = sign_in()
    tokens = [client.refresh_token]
    for _ in range(2):
        client.refresh()
        tokens.append(client.refresh_token)
    assert [look(client, token)["active"] for token in tokens] == [False, True, True]
    assert look(client, tokens[0]) == INACTIVE
    assert client.get("/api/users/me").status_code == 200
    assert client.refresh(tokens[2]).status_code == 200


@pytest.mark.parametrize(("read_only", "scope"), [(True, "read"), (False, "read write")])
def test_a_personal_token_is_introspected(sign_in: SignIn, read_only: bool, scope: str) -> None:
    """It is not a JWT, so introspection tells another service what the token may do."""
    client = sign_in(roles=["editor"])
    made = personal_token(client, read_only=read_only)
    said = look(client, made["token"])
    assert said["active"] is True
    assert (said["token_type"], said["client_id"], said["scope"]) == ("Bearer", "personal-token", scope)
    assert (said["jti"], said["roles"], said["amr"]) == (made["id"], ["editor"], ["pat"])
    assert said["sub"] == claims_of(client.access_token)["sub"]
    assert "auth_time" not in said
    assert client.delete(f"/api/users/me/tokens/{made['id']}").status_code == 204
    assert look(client, made["token"]) == INACTIVE


@pytest.mark.parametrize(
    "text", ["x", "a.b.c", "duet_rt_x.1." + "A" * 43, "duet_pat_" + "A" * 43, "é\0", "x" * 60_000, "{}", "null"]
)
def test_what_is_no_token_is_not_active(sign_in: SignIn, text: str) -> None:
    """Text that is no token gets an answer and no error (RFC 7662 section 2.2)."""
    assert look(sign_in(), text) == INACTIVE


def test_a_token_that_was_tampered_with_is_not_active(sign_in: SignIn) -> None:
    """A token of any kind is not active with one character added, removed or changed."""
    client = sign_in()
    for token in (client.access_token, client.refresh_token, personal_token(client)["token"]):
        swapped = token[:-1] + ("A" if token[-1] != "A" else "B")
        for forged in (swapped, token[:-1], f"{token}A", f"{token}=", token.upper()):
            assert look(client, forged) == INACTIVE


def test_ended_tokens_are_not_active(shared: Running, sign_in: SignIn) -> None:
    """A token that is logged out, expired, disabled or outdated is inactive, and even an admin hears no more."""
    admin = sign_in(roles=["admin"])
    administration, test = shared.auth.administration, Client("test")
    logged_out, disabled, promoted = sign_in(), sign_in(), sign_in()
    tokens = [one for client in (logged_out, disabled) for one in (client.access_token, client.refresh_token)]
    tokens += [personal_token(disabled)["token"], promoted.access_token]
    tokens.append(_expired(shared, logged_out))
    tokens.append(_expired_personal_token(shared, promoted))
    assert [look(admin, token)["active"] for token in tokens[:6]] == [True] * 6
    ids = {client: claims_of(client.access_token)["sub"] for client in (disabled, promoted)}
    logged_out.post("/api/auth/revoke", data={"token": logged_out.refresh_token})
    shared.wait(administration.set_active(ids[disabled], False, test))
    shared.wait(administration.set_roles(ids[promoted], ["editor"], test))
    assert [look(admin, token) for token in tokens] == [INACTIVE] * len(tokens)
    assert look(admin, promoted.refresh_token)["active"]  # it yields a token with the new rights


def _expired(shared: Running, client: ApiClient) -> str:
    """An access token of the client's session that has expired."""
    sessions = shared.auth.sessions
    session, user = shared.wait(sessions.store.session_with_user(session_id(client)))
    past = replace(session, expires_at=session.created_at - timedelta(seconds=5))
    token: str = sessions.tokens.issue(user, past)[0]
    return token


def _expired_personal_token(shared: Running, client: ApiClient) -> str:
    """A personal access token of the client's that has expired."""
    tokens = shared.auth.personal_tokens
    made = personal_token(client)
    known, user = shared.wait(tokens.store.token_with_user(tokens_hash(made["token"])))
    shared.wait(tokens.store.remove_token(user.id, known.id))
    past = replace(known, expires_at=known.created_at - timedelta(seconds=1))
    assert shared.wait(tokens.store.add_token(past, limit=50))
    return str(made["token"])


def tokens_hash(text: str) -> str:
    """What the store keeps of a personal access token."""
    return hashlib.sha256(text.encode()).hexdigest()


def test_what_another_process_ended_is_not_active(shared: Running, sign_in: SignIn) -> None:
    """The store is asked each time, so an ended token is not called active even for a second."""
    revoked, demoted = sign_in(), sign_in(roles=["editor"])
    admin = sign_in(roles=["admin"])
    store, now = shared.auth.sessions.store, shared.auth.clock.now()
    shared.wait(store.revoke_session(session_id(revoked), at=now, reason="session_revoked"))
    user = shared.wait(store.user_by_id(claims_of(demoted.access_token)["sub"]))
    shared.wait(store.set_rights(user.id, roles=(), at=now))
    for client in (revoked, demoted):
        assert look(admin, client.access_token) == INACTIVE


def test_somebody_else_s_token_looks_like_rubbish(sign_in: SignIn) -> None:
    """The answer and its headers do not reveal whether the token counts or whose it is."""
    owner, stranger = sign_in(), sign_in(roles=["editor"])
    tokens = (owner.access_token, owner.refresh_token, personal_token(owner)["token"], "rubbish")
    answers = [stranger.post("/api/auth/introspect", data={"token": token}) for token in tokens]
    assert [answer.json() for answer in answers] == [INACTIVE] * 4
    assert len({_without_chance(answer) for answer in answers}) == 1
    assert all(look(owner, token)["active"] for token in tokens[:3])


def _without_chance(answer: httpx.Response) -> str:
    differs = ("x-request-id", "date")
    return str([pair for pair in answer.headers.items() if pair[0] not in differs]) + answer.text


def test_an_admin_looks_at_any(sign_in: SignIn) -> None:
    """An admin's access token may look at any token, and so may a read-only personal one, as a service has."""
    owner, admin = sign_in(), sign_in(roles=["admin"])
    service = personal_token(admin, read_only=True)["token"]
    for token in (owner.access_token, owner.refresh_token, personal_token(owner)["token"]):
        assert look(admin, token)["username"] == owner.email  # type: ignore[attr-defined]
        admin.headers["Authorization"], usual = f"Bearer {service}", admin.headers["Authorization"]
        assert look(admin, token)["username"] == owner.email  # type: ignore[attr-defined]
        admin.headers["Authorization"] = usual


def test_a_token_may_be_shown_for_itself(sign_in: SignIn) -> None:
    """A token may stand both in the bearer header and in the form: a service that was handed it needs no
    account, and a read-only token is enough."""
    client = sign_in()
    token = personal_token(client, read_only=True)["token"]
    client.headers["Authorization"] = f"Bearer {token}"
    assert look(client, token)["scope"] == "read"


def test_nobody_learns_nothing(shared: Running, sign_in: SignIn) -> None:
    """A caller without a token or with a bad one gets a 401 with the challenge, for any form."""
    form = {"token": sign_in().access_token}
    url = f"{shared.url}/api/auth/introspect"
    answer = plain.post(url, data=form)
    oauth_error(answer, "invalid_token", 401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    for header in ("Bearer x.y.z", "Bearer duet_pat_x"):
        answer = plain.post(url, content=b"{", headers={"Authorization": header})
        oauth_error(answer, "invalid_token", 401)
        assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
    answer = plain.post(url, data=form, headers={"Authorization": "Basic eDp5"})
    oauth_error(answer, "invalid_token", 401)


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense", "", "é"])
def test_a_hint_is_only_a_hint(sign_in: SignIn, hint: str) -> None:
    """A wrong hint changes nothing (RFC 7662 section 2.1)."""
    client = sign_in()
    for token in (client.access_token, client.refresh_token):
        assert look(client, token, token_type_hint=hint) == look(client, token)


@pytest.mark.parametrize("body", ["", "token=", "token=a&token=b", "token_type_hint=access_token", "&" * 1000])
def test_a_malformed_form_says_which_rule_it_broke(sign_in: SignIn, body: str) -> None:
    """The errors are those of RFC 6749 section 5.2, to which RFC 7662 section 2.3 refers."""
    client = sign_in()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    oauth_error(client.post("/api/auth/introspect", content=body, headers=headers), "invalid_request")
    oauth_error(client.post("/api/auth/introspect", json={"token": client.access_token}), "invalid_request")
    query = urlencode({"token": client.access_token})
    oauth_error(client.post(f"/api/auth/introspect?{query}", data={"x": "y"}), "invalid_request")
