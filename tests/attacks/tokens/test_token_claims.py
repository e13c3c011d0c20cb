"""What a validly signed token may say, and for how long it counts (security.md, items 4 and 5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.attacks.conftest import Visit, new_address
from tests.attacks.forge import Forger, compact, now
from tests.auth.jws import claims_of
from tests.kit.cookies import give_cookie, make_cookie, token_of

_ODD: list[Any] = [None, True, 1.5, "", [], {}, {"$ne": None}, [None], -1, 2**70, "9999999999"]
_CLAIMS = ["iss", "sub", "aud", "exp", "iat", "jti", "sid", "client_id", "auth_time", "amr", "roles", "scope"]
_CLAIMS.append("rights_version")
#: Those that may be missing.
_OPTIONAL = {"roles"}
#: Odd values that are allowed there.
_ALLOWED: dict[str, list[Any]] = {
    "sub": ["9999999999"],
    "jti": ["9999999999"],
    "sid": ["9999999999"],
    "client_id": ["9999999999"],
    "scope": ["", "9999999999"],
    "amr": [[]],
    "roles": [[]],
    "rights_version": [-1, 2**70],
}


@pytest.mark.parametrize("name", _CLAIMS)
def test_s04_every_claim_is_there_and_of_its_type(forger: Forger, name: str) -> None:
    """A validly signed token is refused if a claim is missing or is not of the form that ours have."""
    claims = {key: value for key, value in forger.claims.items() if key != name}
    missing = compact(forger.header, claims, forger.key)
    tokens = {} if name in _OPTIONAL else {"missing": missing}
    assert forger.counts(missing) == (name in _OPTIONAL)
    for value in _ODD:
        if not any(value == one and type(value) is type(one) for one in _ALLOWED.get(name, ())):
            tokens[repr(value)] = forger.sign(**{name: value})
    forger.check_refused(tokens)


def test_s04_issuer_and_audience_are_exactly_ours(forger: Forger) -> None:
    """An issuer or audience in another case, with a slash, in a list or in part is not ours."""
    own = forger.claims["iss"]
    others = [
        f"{own}/",
        own.upper(),
        own[:-1],
        f" {own}",
        own.replace("http", "https"),
        [own],
        [own, "x"],
        "*",
        f"{own}\0",
    ]
    for name in ("iss", "aud"):
        forger.check_refused({f"{name}={other!r}": forger.sign(**{name: other}) for other in others})


def test_s04_json_has_no_second_meaning(forger: Forger) -> None:
    """NaN, impossible instants, repeated names and lone surrogates in JSON are refused."""
    text = json.dumps(forger.claims)

    def put(name: str, value: str) -> str:
        old = json.dumps({name: forger.claims[name]})[1:-1]
        assert old in text
        return forger.sign_text(text.replace(old, f'"{name}": {value}'))

    later = str(now() + 600)
    odd = [
        "NaN",
        "Infinity",
        "-Infinity",
        f"{later}.0",
        f"{later}.5",
        "1e10",
        "1E999",
        "true",
        "null",
        f'"{later}"',
    ]
    odd += [
        "1" + "0" * 400,
        "1" + "0" * 4400,
        "-1",
        "253402300800",
        f"[{later}]",
        f'{{"$gt": {later}}}',
        "0x10",
        "01",
    ]
    tokens = {f"{name} {value[:20]}": put(name, value) for name in ("exp", "iat", "auth_time") for value in odd}
    tokens |= {f"iss {value}": put("iss", value) for value in ('"\\ud800"', '"\\udfff"', '"\\u0000"')}
    tokens["comment"] = forger.sign_text("/**/" + text)
    tokens["trailing comma"] = forger.sign_text(text[:-1] + ",}")
    tokens["single quotes"] = forger.sign_text(text.replace('"', "'"))
    tokens["two objects"] = forger.sign_text(text + text)
    tokens["UTF-16"] = forger.sign_text(b"\xff\xfe" + text.encode("utf-16-le")[:-1])
    forger.check_refused(tokens)


def test_s04_of_two_claims_of_a_name_all_doors_take_the_same(forger: Forger) -> None:
    """Only the key's owner could write a token that repeats a claim; all doors then read it alike."""
    text = json.dumps(forger.claims)
    other = forger.duet.make_user(new_address())
    for first, second in ((forger.user.id, other.id), (other.id, forger.user.id)):
        twice = text.replace(f'"sub": "{forger.user.id}"', f'"sub": "{first}", "sub": "{second}"')
        token = forger.sign_text(twice)
        bearer, script = forger.as_bearer(token), forger.in_session(token, "/api/users/me")
        assert bearer.status == script.status
        assert json.loads(bearer.text).get("id") == json.loads(script.text).get("id")
        page = forger.in_session(token, "/probe")
        assert json.loads(page.text)["user"] == json.loads(bearer.text).get("id")


def test_s05_a_longer_life_than_the_policy_s_is_refused(forger: Forger) -> None:
    """A validly signed token that lives longer than ACCESS_TOKEN_MINUTES does not count, on the API or on
    pages."""
    start = forger.claims["iat"]
    tokens = {str(more): forger.sign(exp=start + 900 + more) for more in (1, 3600, 10**8)}
    tokens["issued long ago"] = forger.sign(iat=start - 10, exp=start + 900)
    forger.check_refused(tokens, code="token_expired")


def test_s05_a_browser_with_too_long_a_token_gets_one_of_the_policy(forger: Forger, visit: Visit) -> None:
    """The session in the store gives the page a token of the usual length, with none of the forged roles."""
    browser = visit(forger.user.email, duet=forger.duet)
    claims = claims_of(token_of(forger.duet, browser))
    forged = forger.sign(**{**claims, "exp": claims["iat"] + 10**6, "roles": ["admin"]})
    give_cookie(browser, make_cookie(forger.duet, {"access_token": forged, "_permanent": True}))
    assert browser.get("/admin/users").status_code == 404
    renewed = claims_of(token_of(forger.duet, browser))
    assert (renewed["sid"], renewed.get("roles", [])) == (claims["sid"], [])
    assert renewed["exp"] - renewed["iat"] <= 900


def test_s05_the_leeway_is_a_minute_and_the_same_everywhere(forger: Forger) -> None:
    """An expired token is over at once, and one from the future counts up to 60 seconds early, at every door."""
    instant = now()
    assert forger.counts(forger.sign(iat=instant + 50, exp=instant + 950))
    forger.check_refused({"expired": forger.sign(iat=instant - 500, exp=instant - 1)}, code="token_expired")
    early = {
        str(ahead): forger.sign(iat=instant + ahead, exp=instant + ahead + 900) for ahead in (63, 3600, 10**8)
    }
    forger.check_refused(early, code="token_from_future")


def test_s05_a_token_that_begins_later_waits(forger: Forger) -> None:
    """Until its `nbf`, less a minute, a token counts at no door (RFC 7519 section 4.1.5), and then at each."""
    instant = now()
    for ahead in (-(10**6), 0, 50):
        assert forger.counts(forger.sign(nbf=instant + ahead))
    later = {str(ahead): forger.sign(nbf=instant + ahead) for ahead in (63, 600, 10**8)}
    forger.check_refused(later, code="token_from_future")
    odd: list[Any] = [None, True, 1.5, float(instant), "", str(instant), [], {}, {"$gt": 0}, -1, 2**70]
    forger.check_refused({repr(value): forger.sign(nbf=value) for value in odd})
