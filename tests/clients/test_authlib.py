"""Authlib's clients, for requests and for httpx, used as their documentation shows."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6750.errors import InsufficientScopeError, InvalidTokenError
from authlib.oauth2.rfc8414 import get_well_known_url
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc.jwk import KeySet

with warnings.catch_warnings(action="ignore"):  # it prefers another name in httpx
    from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuth2Client

from tests.api.answers import plain
from tests.clients.conftest import Site
from tests.kit.duet import PASSWORD

Updates = list[dict[str, Any]]
Make = Callable[..., Any]


@pytest.fixture(params=[OAuth2Session, OAuth2Client], ids=["requests", "httpx"])
def make(request: pytest.FixtureRequest, site: Site) -> Iterator[Make]:
    """A client that knows only the URL of the tokens, and records each token that it should store."""
    clients: list[Any] = []

    def client(**given: Any) -> Any:
        updates: Updates = []

        def update(token: dict[str, Any], refresh_token: str = "", access_token: str = "") -> None:
            updates.append({**token, "from": refresh_token})

        url = f"{site.url}/api/auth/token"
        one = request.param("reporting", token_endpoint=url, update_token=update, **given)
        one.updates = updates
        clients.append(one)
        return one

    yield client
    for one in clients:
        one.close()


def log_in(client: Any, site: Site, **given: Any) -> Any:
    """The token of a new account."""
    return client.fetch_token(
        f"{site.url}/api/auth/token", username=site.make_user().email, password=PASSWORD, **given
    )


def test_it_finds_its_way_by_the_metadata(make: Make, site: Site) -> None:
    """The public address alone tells it where to log in, introspect a token and revoke it."""
    client = make()
    known = plain.get(get_well_known_url(site.url, external=True)).json()
    email = site.make_user().email
    client.fetch_token(known["token_endpoint"], username=email, password=PASSWORD)
    told = client.introspect_token(known["introspection_endpoint"], auth=client.token_auth).json()
    assert (told["active"], told["username"]) == (True, email)
    assert client.revoke_token(known["revocation_endpoint"]).status_code == 200
    assert client.get(f"{site.url}/api/users/me").status_code == 401


def test_a_password_yields_a_token_that_is_sent(make: Make, site: Site) -> None:
    """The client reads the answer, and sends the token with its calls."""
    client = make()
    token = log_in(client, site)
    assert token["expires_at"] > time.time() + 800
    assert client.get(f"{site.url}/api/users/me").json()["name"] == "Ada"


def test_a_wrong_password_is_its_own_error(make: Make, site: Site) -> None:
    """The client raises its own error for `invalid_grant`."""
    with pytest.raises(OAuthError) as refused:
        make().fetch_token(f"{site.url}/api/auth/token", username="nobody@example.com", password="x")
    assert refused.value.error == "invalid_grant"


def test_it_refreshes_by_itself(make: Make, site: Site) -> None:
    """With an expired token it refreshes before the call, and the team's function gets the new pair to store."""
    client = make()
    first = dict(log_in(client, site))
    client.token = {**first, "expires_at": int(time.time()) - 1}
    assert client.get(f"{site.url}/api/users/me").status_code == 200
    (update,) = client.updates
    assert update["from"] == first["refresh_token"] != update["refresh_token"]
    assert client.token["access_token"] == update["access_token"] != first["access_token"]
    assert client.get(f"{site.url}/api/users/me").status_code == 200
    assert len(client.updates) == 1


def test_it_refreshes_when_told_to(make: Make, site: Site) -> None:
    """It refreshes twice, the second time with the new refresh token of the first."""
    client = make()
    log_in(client, site)
    tokens = {client.refresh_token(f"{site.url}/api/auth/token")["refresh_token"] for _ in range(2)}
    assert len(tokens) == 2
    assert client.get(f"{site.url}/api/users/me").status_code == 200


def test_its_scope_is_asked_for(make: Make, site: Site) -> None:
    """A client that was made only to read can do nothing else."""
    client = make(scope="read")
    assert log_in(client, site)["scope"] == "read"
    assert client.get(f"{site.url}/api/users/me").status_code == 200
    assert client.patch(f"{site.url}/api/users/me", json={"name": "Eve"}).status_code == 403
    assert client.refresh_token(f"{site.url}/api/auth/token")["scope"] == "read"


@pytest.mark.parametrize("hint", ["access_token", "refresh_token"])
def test_it_gives_a_token_back(make: Make, site: Site, hint: str) -> None:
    """Revoking either of a session's tokens ends the session, and revoking it again succeeds as well."""
    client = make()
    token = log_in(client, site)
    for _ in range(2):
        answer = client.revoke_token(f"{site.url}/api/auth/revoke", token=token[hint], token_type_hint=hint)
        assert answer.status_code == 200
    assert client.get(f"{site.url}/api/users/me").status_code == 401
    with pytest.raises(OAuthError) as refused:
        client.refresh_token(f"{site.url}/api/auth/token", refresh_token=token["refresh_token"])
    assert refused.value.error == "invalid_grant"


@pytest.mark.parametrize("hint", ["access_token", "refresh_token"])
def test_it_looks_at_a_token(make: Make, site: Site, hint: str) -> None:
    """`introspect_token` works with the client's own bearer token as its credential."""
    client = make()
    token = log_in(client, site)
    url = f"{site.url}/api/auth/introspect"
    given = {"token": token[hint], "token_type_hint": hint, "auth": client.token_auth}
    told = client.introspect_token(url, **given).json()
    assert (told["active"], told["client_id"], told["iss"]) == (True, "api", site.url)
    other = make()
    log_in(other, site)
    given["auth"] = other.token_auth
    assert other.introspect_token(url, **given).json() == {"active": False}


async def test_the_asynchronous_client_refreshes_once_for_many_calls(site: Site) -> None:
    """Calls at the same moment with an expired token all succeed."""
    url = f"{site.url}/api/auth/token"
    async with AsyncOAuth2Client("reporting", token_endpoint=url) as client:
        await client.fetch_token(url, username=site.make_user().email, password=PASSWORD)
        client.token = {**client.token, "expires_at": int(time.time()) - 1}
        answers = await asyncio.gather(*(client.get(f"{site.url}/api/users/me") for _ in range(5)))
        assert {answer.status_code for answer in answers} == {200}


# what it verifies and reads


class Validator(JWTBearerTokenValidator):  # type: ignore[misc]
    """Authlib's validator of RFC 9068, for a service that trusts one Duet."""

    def __init__(self, site: Site) -> None:
        super().__init__(issuer=site.url, resource_server=site.url)
        self._url = site.url

    def get_jwks(self) -> KeySet:
        """The published keys."""
        return KeySet.import_key_set(plain.get(f"{self._url}/.well-known/jwks.json").json())

    def accepts(self, token: str, **required: Any) -> bool:
        """Whether it lets a token through to a resource that asks for this."""
        try:
            self.validate_token(self.authenticate_token(token), ["read"], None, **required)
        except (InvalidTokenError, InsufficientScopeError):
            return False
        return True


@pytest.mark.parametrize(("algorithm", "may"), [("ES256", True), ("RS256", True), ("EdDSA", False)])
@pytest.mark.parametrize("roles", [(), ("editor",)], ids=["no role", "a role"])
def test_its_validator_takes_tokens(
    sites: dict[str, Site], algorithm: str, may: bool, roles: tuple[str, ...]
) -> None:
    """It takes the token of anybody, with roles or without, and reads the roles; but it never takes EdDSA."""
    site = sites[algorithm]
    form = {"grant_type": "password", "username": site.make_user(roles=roles).email, "password": PASSWORD}
    token = plain.post(f"{site.url}/api/auth/token", data=form).json()["access_token"]
    assert Validator(site).accepts(token) == may
    assert Validator(site).accepts(token, roles=["editor"]) == (may and bool(roles))
    assert not Validator(site).accepts(f"{token[:-4]}AAAA")
