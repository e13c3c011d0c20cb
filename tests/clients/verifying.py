"""Tokens to be verified elsewhere: good ones, and bad ones of every kind, most of them with a good signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import httpx

from app.auth.keys import KeyRing, Purpose
from app.auth.tokens import jws
from tests.auth.jws import b64, claims_of, dumps, head_of, signed
from tests.clients.conftest import Site
from tests.kit.duet import PASSWORD, SECRET

Verify = Callable[[str], Mapping[str, Any]]


def new_token(site: Site, **given: object) -> str:
    """A new user's access token, from the token endpoint."""
    form = {"grant_type": "password", "username": site.make_user(**given).email, "password": PASSWORD}
    answer = httpx.post(f"{site.url}/api/auth/token", data=form, verify=False).raise_for_status()
    return str(answer.json()["access_token"])


def resigned(site: Site, token: str, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """`token` with other claims (None removes one), signed by Duet's own key."""
    signer = site.duet.auth.signing.book.signer()
    changed = {name: value for name, value in {**claims_of(token), **claims}.items() if value is not None}
    return jws.signed(changed, signer.signing, signer.algorithm, header or _but_for_alg(token))


def _but_for_alg(token: str) -> dict[str, Any]:
    return {name: value for name, value in head_of(token).items() if name != "alg"}


def bad_tokens(site: Site, token: str) -> dict[str, str]:
    """The tokens that a second service has to refuse."""
    head, body, mac = token.split(".")
    header, claims, now = head_of(token), claims_of(token), claims_of(token)["iat"]
    session_key = KeyRing([SECRET]).keys(Purpose.ACCESS_TOKEN)[0]
    unsigned = b64(dumps({**header, "alg": "none"}))
    other = b64(dumps({**claims, "roles": ["admin"]}))
    return {
        "rubbish": "rubbish",
        "tampered with": f"{head}.{other}.{mac}",
        "another signature": f"{head}.{body}.{'A' * len(mac)}",
        "unsigned": f"{unsigned}.{body}.",
        "a shared secret": signed({**header, "alg": "HS256"}, claims, session_key.secret),
        "an unknown key": f"{b64(dumps({**header, 'kid': 'x' * 43}))}.{body}.{mac}",
        "no key": f"{b64(dumps({'alg': header['alg'], 'typ': 'at+jwt'}))}.{body}.{mac}",
        "expired": resigned(site, token, exp=now - 60),
        "for ever": resigned(site, token, exp=None),
        "nobody's": resigned(site, token, sub=None),
        "another audience": resigned(site, token, aud="https://other.example"),
        "no audience": resigned(site, token, aud=None),
        "another issuer": resigned(site, token, iss="https://other.example"),
        "a slash more": resigned(site, token, iss=f"{site.url}/"),
        "no issuer": resigned(site, token, iss=None),
        "another type": resigned(site, token, {**_but_for_alg(token), "typ": "JWT"}),
        "no type": resigned(site, token, {**_but_for_alg(token), "typ": ""}),
        "personal": "duet_pat_" + "A" * 43,
    }


def rotate(site: Site) -> None:
    """Makes Duet sign with a new key from now on. The key was not published before, as it would be in
    production, where that takes time, so a service that knows the earlier keys has to fetch them again."""
    auth = site.duet.auth
    site.duet.wait(auth.signing._add(auth.clock.now(), timedelta()))
    site.duet.wait(auth.signing.book.poll())
