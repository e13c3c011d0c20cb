"""requests-oauthlib with oauthlib's client for passwords, used as their documentation shows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from oauthlib.oauth2 import InvalidGrantError, InvalidScopeError, LegacyApplicationClient
from requests_oauthlib import OAuth2Session

from tests.clients.conftest import Site
from tests.kit.duet import PASSWORD


@pytest.fixture
def client() -> Iterator[Any]:
    """A session with the client for the password grant."""
    with OAuth2Session(client=LegacyApplicationClient(client_id="reporting")) as one:
        yield one


def log_in(client: Any, site: Site, **given: Any) -> dict[str, Any]:
    """The token of a new account."""
    url, email = f"{site.url}/api/auth/token", site.make_user().email
    token: dict[str, Any] = client.fetch_token(url, username=email, password=PASSWORD, **given)
    return token


@pytest.mark.parametrize("given", [{}, {"include_client_id": True}, {"client_secret": "any"}])
def test_a_password_yields_a_token_that_is_sent(client: Any, site: Site, given: dict[str, Any]) -> None:
    """The client may name itself in the form or by HTTP Basic, which is its default."""
    assert set(log_in(client, site, **given)) >= {"access_token", "refresh_token", "expires_at", "scope"}
    assert client.authorized
    assert client.get(f"{site.url}/api/users/me").json()["name"] == "Ada"


def test_refusals_are_its_own_errors(client: Any, site: Site) -> None:
    """The client raises its own errors for `invalid_grant` and `invalid_scope`."""
    url = f"{site.url}/api/auth/token"
    with pytest.raises(InvalidGrantError):
        client.fetch_token(url, username="nobody@example.com", password="x")
    with pytest.raises(InvalidScopeError):
        client.fetch_token(url, username="nobody@example.com", password="x", scope="everything")


def test_it_refreshes_by_itself(site: Site) -> None:
    """With an expired token it refreshes before the call, and the team's function gets the new pair to store."""
    url, stored = f"{site.url}/api/auth/token", list[dict[str, Any]]()
    with OAuth2Session(
        client=LegacyApplicationClient(client_id="reporting"),
        auto_refresh_url=url,
        auto_refresh_kwargs={"client_id": "reporting"},
        token_updater=stored.append,
    ) as client:
        first = dict(log_in(client, site))
        client.token = {**first, "expires_at": time.time() - 30}
        assert client.get(f"{site.url}/api/users/me").status_code == 200
    (token,) = stored
    assert token["refresh_token"] != first["refresh_token"]
    assert token["access_token"] != first["access_token"]


def test_it_asks_for_less(site: Site) -> None:
    """A session that was made only to read can do nothing else, and is granted the scope that it asked for."""
    reading = LegacyApplicationClient(client_id="reporting", scope=["read"])
    with OAuth2Session(client=reading, scope=["read"]) as client:
        assert log_in(client, site)["scope"] == ["read"]
        assert client.patch(f"{site.url}/api/users/me", json={"name": "Eve"}).status_code == 403


@pytest.mark.parametrize("hint", ["access_token", "refresh_token"])
def test_it_gives_a_token_back(client: Any, site: Site, hint: str) -> None:
    """The request that oauthlib prepares revokes the token (RFC 7009)."""
    token = log_in(client, site)
    url, headers, body = client._client.prepare_token_revocation_request(
        f"{site.url}/api/auth/revoke", token[hint], token_type_hint=hint
    )
    assert client.post(url, data=body, headers=headers, withhold_token=True).status_code == 200
    assert client.get(f"{site.url}/api/users/me").status_code == 401
    with pytest.raises(InvalidGrantError):
        client.refresh_token(f"{site.url}/api/auth/token", refresh_token=token["refresh_token"])


def test_it_looks_at_a_token(client: Any, site: Site) -> None:
    """A form that is sent with the client's bearer token introspects it."""
    token = log_in(client, site)
    told = client.post(f"{site.url}/api/auth/introspect", data={"token": token["refresh_token"]}).json()
    assert (told["active"], told["token_type"]) == (True, "N_A")
