"""`/.well-known`: the metadata is true, and anyone may fetch it quickly and keep it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url

from tests.api.answers import plain
from tests.auth.jws import head_of
from tests.kit.duet import PASSWORD, ApiClient, Browser, Running, make_settings, running

SITE: Final = "https://duet.example.com"
METADATA: Final = "/.well-known/oauth-authorization-server"
JWKS: Final = "/.well-known/jwks.json"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet whose public address is not the one that it listens on."""
    with running(make_settings(tmp_path_factory.mktemp("duet"), public_url=SITE)) as one:
        one.make_user()
        yield one


@pytest.fixture(scope="module")
def metadata(shared: Running) -> dict[str, Any]:
    """What the metadata says."""
    known: dict[str, Any] = plain.get(shared.url + METADATA).json()
    return known


def test_it_is_where_clients_look(metadata: dict[str, Any]) -> None:
    """The issuer leads to it (RFC 8414 section 3.1), and is the issuer that tokens name."""
    assert get_well_known_url(metadata["issuer"], external=True) == SITE + METADATA
    assert metadata["issuer"] == SITE


def test_it_satisfies_authlib(metadata: dict[str, Any]) -> None:
    """Authlib's check knows the rules of RFC 8414, and asks for a response type: where there is no authorization
    endpoint, it is the one that yields nothing."""
    assert metadata["response_types_supported"] == ["none"]
    AuthorizationServerMetadata(metadata).validate()
    for missing in ("token_endpoint", "issuer"):
        with pytest.raises(ValueError, match=missing):
            AuthorizationServerMetadata({**metadata, missing: None}).validate()


def test_every_address_in_it_is_served(shared: Running, metadata: dict[str, Any]) -> None:
    """Each URL lies below the public address, and is in the policy's table."""
    addresses = {
        name: value for name, value in metadata.items() if str(value).startswith("http") and name != "issuer"
    }
    assert len(addresses) == 5
    served = {rule.path: rule.methods for rule in shared.app.state.rules}
    for name, url in addresses.items():
        assert url.startswith(f"{SITE}/"), name
        method = "POST" if name in ("token_endpoint", "revocation_endpoint", "introspection_endpoint") else "GET"
        assert method in served[urlsplit(url).path], name


def ask(shared: Running, metadata: dict[str, Any], endpoint: str, **form: str) -> httpx.Response:
    """Sends a form to an endpoint that the metadata name."""
    with ApiClient(shared.url, verify=False) as client:
        client.log_in()
        return client.post(urlsplit(metadata[endpoint]).path, data={**form})


def test_exactly_its_grants_are_taken(shared: Running, metadata: dict[str, Any]) -> None:
    """Any other grant that RFC 6749 and its extensions know is `unsupported_grant_type`."""
    grants = ["authorization_code", "client_credentials", "implicit", "password", "refresh_token"]
    grants.append("urn:ietf:params:oauth:grant-type:device_code")
    errors = {one: ask(shared, metadata, "token_endpoint", grant_type=one).json()["error"] for one in grants}
    assert metadata["grant_types_supported"] == ["password", "refresh_token"]
    assert [one for one in grants if errors[one] != "unsupported_grant_type"] == metadata["grant_types_supported"]


def test_its_scopes_are_those_that_are_granted(shared: Running, metadata: dict[str, Any]) -> None:
    """Each scope is granted by itself, and all of them when none is named."""
    form = {"grant_type": "password", "username": "ada@example.com", "password": PASSWORD}
    for scope in metadata["scopes_supported"]:
        assert ask(shared, metadata, "token_endpoint", **form, scope=scope).json()["scope"] == scope
    everything = ask(shared, metadata, "token_endpoint", **form).json()["scope"]
    assert everything.split() == metadata["scopes_supported"]


def test_clients_show_nothing_of_their_own(metadata: dict[str, Any]) -> None:
    """Clients are public and have no secret; introspection asks for a bearer token."""
    methods = {name: value for name, value in metadata.items() if name.endswith("auth_methods_supported")}
    assert methods == {
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "introspection_endpoint_auth_methods_supported": ["Bearer"],
    }


def test_it_names_the_algorithm_that_signs(shared: Running, metadata: dict[str, Any]) -> None:
    """It names the algorithm, so that a service that verifies tokens can pin it."""
    form = {"grant_type": "password", "username": "ada@example.com", "password": PASSWORD}
    token = ask(shared, metadata, "token_endpoint", **form).json()["access_token"]
    assert metadata["access_token_signing_alg_values_supported"] == [head_of(token)["alg"]]


@pytest.mark.parametrize(("path", "age"), [(METADATA, 300), (JWKS, 10)])
def test_it_may_be_kept_for_a_while(shared: Running, path: str, age: int) -> None:
    """Caches are told how long, and a 304 saves the rest; HEAD answers with the same headers."""
    answer = plain.get(shared.url + path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == f"public, max-age={age}"
    head = plain.request("HEAD", shared.url + path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("ETag", "Content-Type", "Cache-Control", "Content-Length"):
        assert head.headers[name] == answer.headers[name]
    same = plain.get(shared.url + path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", answer.headers["ETag"])
    assert same.headers["Cache-Control"] == f"public, max-age={age}"
    assert plain.get(shared.url + path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("path", [METADATA, JWKS])
def test_it_is_the_same_for_everybody(shared: Running, path: str) -> None:
    """No cookie is read or set, no login looked at, no other origin let in (item 28), and writing is refused."""
    usual = plain.get(shared.url + path)
    with Browser(shared.url, verify=False) as browser:
        browser.cookies.set("session", "rubbish")
        answer = browser.get(path, headers={"Authorization": "Bearer rubbish", "Origin": "https://other.example"})
    assert answer.content == usual.content
    assert not {"set-cookie", "vary"} & set(answer.headers)
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert plain.post(shared.url + path).status_code == 404  # the pages', which know it not


def test_a_shared_secret_is_not_published(shared: Running) -> None:
    """With HS256 the set of keys is empty, because a service that can verify could sign as well."""
    assert shared.settings.jwt_algorithm == "HS256"
    assert plain.get(shared.url + JWKS).json() == {"keys": []}


def test_the_document_is_small_and_plain(shared: Running) -> None:
    """It is JSON without anything of the machine in it, neither a path nor the address that it listens on."""
    text = plain.get(shared.url + METADATA).text
    assert json.loads(text)
    assert not re.search(r"127\.0\.0\.1|localhost|/tmp", text)
