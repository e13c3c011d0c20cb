"""PyJWT and joserfc verify an access token with nothing but the URL of the public keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import jwt
import pytest
from joserfc import jwt as jose
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tests.auth.jws import claims_of, head_of
from tests.clients.conftest import ALGORITHMS, Site
from tests.clients.verifying import Verify, bad_tokens, new_token, rotate
from tests.kit.duet import ApiClient

# joserfc prefers Ed25519 to EdDSA, the name that PyJWT knows.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")


class NotAnAccessToken(Exception):
    """The header's `typ` is not that of an access token."""


def with_pyjwt(url: str, algorithm: str) -> Verify:
    """What PyJWT's documentation shows, and a check of `typ`. It fetches the keys again at once for an unknown
    one."""
    keys = jwt.PyJWKClient(f"{url}/.well-known/jwks.json", cooldown_duration=0)

    def verify(token: str) -> Mapping[str, Any]:
        options: Any = {"require": ["exp", "iat", "sub"]}
        key = keys.get_signing_key_from_jwt(token)
        known = jwt.decode_complete(
            token, key, algorithms=[algorithm], audience=url, issuer=url, options=options, leeway=10
        )
        if known["header"].get("typ") != "at+jwt":
            raise NotAnAccessToken
        claims: Mapping[str, Any] = known["payload"]
        return claims

    return verify


def with_joserfc(url: str, algorithm: str) -> Verify:
    """Verifies with joserfc, which fetches the keys each time."""
    must: Any = {name: {"essential": True} for name in ("exp", "iat", "sub")}
    is_duet: Any = {"essential": True, "value": url}
    registry = jose.JWTClaimsRegistry(leeway=10, iss=is_duet, aud=is_duet, **must)

    def verify(token: str) -> Mapping[str, Any]:
        found = httpx.get(f"{url}/.well-known/jwks.json", verify=False).json()
        known = jose.decode(token, KeySet.import_key_set(found), algorithms=[algorithm])
        if known.header.get("typ") != "at+jwt":
            raise NotAnAccessToken
        registry.validate(known.claims)
        return known.claims

    return verify


@pytest.fixture(params=[with_pyjwt, with_joserfc], ids=["pyjwt", "joserfc"])
def make_verify(request: pytest.FixtureRequest) -> Callable[[str, str], Verify]:
    """Makes the verifying function of a second service."""
    return request.param  # type: ignore[no-any-return]


def _refuses(verify: Verify, token: str) -> bool:
    try:
        verify(token)
    except (jwt.PyJWTError, JoseError, ValueError, NotAnAccessToken):
        return True
    return False


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_access_token_is_verified_elsewhere(
    sites: dict[str, Site], make_verify: Callable[[str, str], Verify], algorithm: str
) -> None:
    """This holds for every algorithm, and each bad token is refused, though some have a good signature."""
    site = sites[algorithm]
    verify, token = make_verify(site.url, algorithm), new_token(site, roles=["editor"])
    claims = verify(token)
    assert (claims["roles"], claims["scope"], claims["client_id"]) == (["editor"], "read write", "api")
    for name, bad in bad_tokens(site, token).items():
        assert _refuses(verify, bad), name


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_rotation_is_followed(
    sites: dict[str, Site], make_verify: Callable[[str, str], Verify], algorithm: str
) -> None:
    """A service that knew the earlier keys, and Duet, accept tokens from before and after a rotation."""
    site = sites[algorithm]
    verify, before = make_verify(site.url, algorithm), new_token(site)
    verify(before)
    rotate(site)
    after = new_token(site)
    assert head_of(before)["kid"] != head_of(after)["kid"]
    for token in (after, before):
        assert verify(token)["sub"] == claims_of(token)["sub"]
        with ApiClient(site.url, verify=False, headers={"Authorization": f"Bearer {token}"}) as client:
            assert client.get("/api/users/me").status_code == 200


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_published_keys_are_public(sites: dict[str, Site], algorithm: str) -> None:
    """Each key says what it is for, and has no private part (RFC 7517 section 4, RFC 7518 section 6)."""
    site = sites[algorithm]
    answer = httpx.get(f"{site.url}/.well-known/jwks.json", verify=False)
    keys = answer.json()["keys"]
    assert keys
    for key in keys:
        assert (key["use"], key["alg"]) == ("sig", algorithm)
        assert not {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & set(key)
    assert head_of(new_token(site))["kid"] in {key["kid"] for key in keys}
    known = httpx.get(f"{site.url}/.well-known/oauth-authorization-server", verify=False).json()
    assert known["access_token_signing_alg_values_supported"] == [algorithm]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_is_what_rfc_9068_says(sites: dict[str, Site], algorithm: str) -> None:
    """It has the header of section 2.1 and every claim that section 2.2 requires or names."""
    site = sites[algorithm]
    token = new_token(site, roles=["editor"])
    assert {name: head_of(token)[name] for name in ("typ", "alg")} == {"typ": "at+jwt", "alg": algorithm}
    claims = claims_of(token)
    assert claims["iss"] == claims["aud"] == site.url
    kinds = {"sub": str, "client_id": str, "jti": str, "exp": int, "iat": int, "auth_time": int, "scope": str}
    assert {name: type(claims[name]) for name in kinds} == kinds
    assert (claims["amr"], claims["roles"]) == (["pwd"], ["editor"])
    assert "nbf" not in claims
    assert claims["iat"] <= claims["exp"] <= claims["iat"] + 900


def test_a_shared_secret_verifies_nothing_elsewhere(sites: dict[str, Site]) -> None:
    """With HS256 there is no key to fetch, and PyJWT says so."""
    site = sites["HS256"]
    with pytest.raises(jwt.PyJWTError, match="key"):
        with_pyjwt(site.url, "HS256")(new_token(site))
