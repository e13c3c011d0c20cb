"""Access tokens: anything that is not exactly one of ours is refused, with one kind of error."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.auth.errors import NotAuthenticated, TokenExpired, TokenFromFuture, TokenInvalid
from app.auth.keys import KeyRing, Purpose
from app.auth.keys.keys import DerivedKeys
from app.auth.models import API_CLIENT, Session, User
from app.auth.tokens import AccessTokens
from app.auth.tokens.jws import MAX_LENGTH, _is_canonical
from tests.auth.house import API, ISSUER, FakeClock, House
from tests.auth.jws import b64, claims_of, dumps, header_for, signed
from tests.kit.duet import PASSWORD, SECRET

KEY = KeyRing([SECRET]).keys(Purpose.ACCESS_TOKEN)[0]
LIFETIME = timedelta(minutes=15)
CLOCK = FakeClock()


def make_tokens(clock: FakeClock = CLOCK, **given: Any) -> AccessTokens:
    """A fresh verifier, so that nothing comes from another test's cache."""
    return AccessTokens(DerivedKeys([KEY]), **{"issuer": ISSUER, "lifetime": LIFETIME, "clock": clock, **given})


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token, with `changes`."""
    now = int(CLOCK.now().timestamp())
    good = {
        "iss": ISSUER,
        "sub": "user-1",
        "aud": ISSUER,
        "exp": now + 900,
        "iat": now,
        "jti": "token-1",
        "sid": "session-1",
        "client_id": "api",
        "auth_time": now,
        "amr": ["pwd"],
        "roles": ["admin"],
        "scope": "read write",
        "rights_version": 1,
    }
    return {**good, **changes}


def good(**changes: Any) -> str:
    """A validly signed token with `changes` in its claims."""
    return signed(header_for(KEY), claims(**changes), KEY.secret)


def refused(token: str) -> bool:
    """Whether `token` is refused with `TokenInvalid`; any other exception fails the test."""
    tokens = make_tokens()
    with pytest.raises(TokenInvalid):
        tokens.verify(token)
    with pytest.raises(TokenInvalid):  # a second look does not find it in the cache either
        tokens.verify(token)
    return True


def test_a_good_token_tells_its_principal() -> None:
    """Every claim arrives in the principal; otherwise the refusals below would prove nothing."""
    principal = make_tokens().verify(good())
    assert (principal.user_id, principal.session_id, principal.client_id) == ("user-1", "session-1", "api")
    assert (principal.token_id, principal.rights_version) == ("token-1", 1)
    assert principal.roles == {"admin"}
    assert principal.amr == ("pwd",)
    assert principal.issued_at == principal.auth_time == CLOCK.now()
    assert principal.expires_at == CLOCK.now() + LIFETIME


def test_no_roles_are_said_by_leaving_them_out() -> None:
    """The token of an account without roles lacks the claim, whatever an extension adds, and gives none."""
    user, session = _user_and_session()
    token, issued = make_tokens().issue(dataclasses.replace(user, roles=()), session, {"roles": ["admin"]})
    assert "roles" not in claims_of(token)
    assert issued.roles == make_tokens().verify(token).roles == frozenset()
    token, issued = make_tokens().issue(dataclasses.replace(user, roles=("editor",)), session)
    assert claims_of(token)["roles"] == ["editor"]
    assert make_tokens().verify(token).roles == issued.roles == {"editor"}


@pytest.mark.parametrize("name", sorted(claims().keys() - {"roles"}))
def test_every_claim_is_required(name: str) -> None:
    """A token that lacks one of the claims is refused, though validly signed (RFC 9068 section 2.2)."""
    without = claims()
    del without[name]
    assert refused(signed(header_for(KEY), without, KEY.secret))


WRONG: list[Any] = [None, True, False, 1.5, -1, "", "1", [], [1], [None], {}, {"$ne": None}, 2**70, [["pwd"]]]


@pytest.mark.parametrize("name", claims())
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_a_claim_of_the_wrong_type_is_refused(name: str, value: Any) -> None:
    """A string as `exp`, a list as `aud` or an operator as `sub` is refused unless that claim may have it."""
    allowed: dict[str, list[Any]] = {
        "scope": ["", "1"],
        "sub": ["1"],
        "jti": ["1"],
        "sid": ["1"],
        "client_id": ["1"],
        "amr": [[]],
        "roles": [[]],
        "rights_version": [-1, 2**70],
    }
    if any(value == one and type(value) is type(one) for one in allowed.get(name, ())):
        make_tokens().verify(good(**{name: value}))
    else:
        assert refused(good(**{name: value}))


@pytest.mark.parametrize("name", ["iss", "aud"])
@pytest.mark.parametrize(
    "value",
    [
        f"{ISSUER}/",
        ISSUER.upper(),
        ISSUER.replace("https", "http"),
        f" {ISSUER}",
        [ISSUER],
        [ISSUER, "other"],
        "*",
    ],
    ids=str,
)
def test_issuer_and_audience_are_compared_exactly(name: str, value: Any) -> None:
    """Another spelling is refused, and so is a list that holds the right value."""
    assert refused(good(**{name: value}))


@pytest.mark.parametrize("name", ["exp", "iat", "auth_time"])
@pytest.mark.parametrize("value", [-1, 253_402_300_800, 10**18, 10**400])
def test_an_instant_that_no_calendar_holds_is_refused(name: str, value: int) -> None:
    """Such a token is refused, and causes no OverflowError."""
    assert refused(good(**{name: value}))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "none ", "", "HS384", "HS512", "RS256", "hs256"])
@pytest.mark.parametrize("signature", ["kept", "emptied", "sha512"])
def test_only_the_one_algorithm_counts(alg: str, signature: str) -> None:
    """No spelling of `none` and no other algorithm passes, whatever the signature is (RFC 8725 section 3.1)."""
    digest = hashlib.sha512 if signature == "sha512" else hashlib.sha256
    token = signed(header_for(KEY, alg=alg), claims(), KEY.secret, digest)
    assert refused(token.rpartition(".")[0] + "." if signature == "emptied" else token)


@pytest.mark.parametrize(
    "typ", [None, "JWT", "at+JWT", "AT+JWT", "application/at+jwt", "rt+jwt", "", 1, ["at+jwt"]]
)
def test_only_the_type_of_access_tokens_counts(typ: Any) -> None:
    """A token of another kind is refused, even signed with this key (RFC 9068 section 4)."""
    assert refused(signed(header_for(KEY, typ=typ), claims(), KEY.secret))


@pytest.mark.parametrize("kid", [None, "", "other", "0", 1, [], {}, KEY.kid.upper(), "../../dev/null", [KEY.kid]])
def test_a_key_that_is_not_named_or_not_known_is_refused(kid: Any) -> None:
    """The header's `kid` must name one of the keys in use exactly, and no other key is tried."""
    assert refused(signed(header_for(KEY, kid=kid), claims(), KEY.secret))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jwk", {"kty": "oct", "k": b64(b"attacker" * 4)}),
        ("jku", "https://attacker.example/jwks.json"),
        ("x5u", "https://attacker.example/cert.pem"),
        ("x5c", ["MIIB"]),
        ("x5t", "abc"),
        ("crit", ["exp"]),
        ("crit", ["b64"]),
        ("crit", []),
        ("b64", False),
        ("b64", True),
        ("cty", "JWT"),
        ("zip", "DEF"),
    ],
)
@pytest.mark.parametrize("secret", [KEY.secret, b"attacker" * 4], ids=["ours", "theirs"])
def test_a_header_parameter_of_anybody_s_key_is_refused(name: str, value: Any, secret: bytes) -> None:
    """Keys in the header, links to keys and critical extensions are refused, even if our key signed them."""
    assert refused(signed(header_for(KEY, **{name: value}), claims(), secret))


@pytest.mark.parametrize("purpose", [one for one in Purpose if one is not Purpose.ACCESS_TOKEN])
def test_the_key_of_another_purpose_does_not_count(purpose: Purpose) -> None:
    """A JWT signed with a key for refresh tokens, cookies or CSRF tokens is refused, under either name."""
    other = KeyRing([SECRET]).keys(purpose)[0]
    assert refused(signed(header_for(other), claims(), other.secret))
    assert refused(signed(header_for(KEY), claims(), other.secret))
    assert refused(signed(header_for(KEY), claims(), SECRET.encode()))


def test_one_token_has_one_spelling() -> None:
    """Padding, blanks or spare bits would make a second text of a token, which a list of texts would miss."""
    token = good()
    head, body, mac = token.split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    loose = mac[:-1] + alphabet[alphabet.index(mac[-1]) ^ 1]  # 43 characters hold 258 bits, and a MAC has 256
    others = [
        f"{token}=",
        f"{token}==",
        f"{token}\n",
        f" {token}",
        f"{token} ",
        f"{token}.",
        f".{token}",
        f"{head}=.{body}.{mac}",
        f"{head}.{body}=.{mac}",
        f"{head}.{body}.{loose}",
        f"{head}..{mac}",
        f"{head}.{body}",
        f"{head}.{body}.",
        token.replace(".", ".\n"),
        token.replace(".", "\uff0e"),
        f"{head}.{body}.{mac}\0",
        "Bearer " + token,
        f"{head}.{body}.+{mac[1:]}",
        f'"{token}"',
    ]
    make_tokens().verify(token)
    assert all(refused(other) for other in others)


@pytest.mark.parametrize(
    ("segment", "is_one"),
    [("AA", True), ("AB", False), ("AAA", True), ("AAB", False), ("A", False), ("AAAA", True)],
)
def test_bits_that_decoding_drops_must_be_zero(segment: str, is_one: bool) -> None:
    """They are checked before PyJWT sees the token, because other versions of it are less strict."""
    assert _is_canonical(segment) == is_one


def test_rubbish_of_any_size_is_refused() -> None:
    """Empty text, a megabyte, deep JSON, lone surrogates, NULs, other encodings and non-objects are refused."""
    sign = KEY.secret
    deep = b'{"a":' * 3000 + b"1" + b"}" * 3000
    header = header_for(KEY)
    rubbish = [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "\0",
        "\ud800",
        "é.é.é",
        "A" * 1_000_000,
        "." * 1_000_000,
        f"{'A' * 400_000}.{'A' * 400_000}.{'A' * 400_000}",
        signed(header, b"[" * 2900 + b"]" * 2900, sign),
        signed(header, deep[:4500], sign),
        signed(b"[" * 2900 + b"]" * 2900, claims(), sign),
        signed(b'{"a":' * 900, claims(), sign),
        signed(header, {**claims(), "junk": "x" * MAX_LENGTH}, sign),
        signed(header, b'"\\ud800"', sign),
        signed(header, b"\xff\xfe", sign),
        signed(header, b"", sign),
        signed(header, b"null", sign),
        signed(header, b"1", sign),
        signed(header, [1], sign),
        signed(b"null", claims(), sign),
        signed(b"[]", claims(), sign),
        signed(b'"x"', claims(), sign),
        signed(b"", claims(), sign),
        signed(b"\xff", claims(), sign),
        signed(b"{}", claims(), sign),
        signed(header, dumps(claims()).replace(b'"rights_version": 1', b'"rights_version": NaN'), sign),
        signed(
            header, dumps(claims()).replace(b'"rights_version": 1', b'"rights_version": 1' + b"0" * 4400), sign
        ),
        signed(header_for(KEY, kid="\ud800"), claims(), sign),
        signed(header_for(KEY, alg="\ud800"), claims(), sign),
    ]
    assert all(refused(token) for token in rubbish)


def test_a_lone_surrogate_in_a_claim_is_no_server_error() -> None:
    """JSON can carry half of a pair, but it reaches no store, because only our key signs."""
    principal = make_tokens().verify(good(sub="\ud800"))
    assert principal.user_id == "\ud800"
    assert refused(good(iss="\ud800"))


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.characters(exclude_categories=()))
    | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_=-]*")
)
def test_any_text_is_refused(text: str) -> None:
    """Any text causes a `TokenInvalid` and never another exception."""
    assert refused(text)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(
    header=st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "jwk", "b64"]), JSON, max_size=3),
    changes=st.dictionaries(st.sampled_from([*claims(), "nbf"]), JSON, max_size=4),
)
def test_any_signed_json_is_accepted_or_refused(header: dict[str, Any], changes: dict[str, Any]) -> None:
    """Any header and claims under a valid signature give a principal of sound types, or a refusal."""
    token = signed({**header_for(KEY), **header}, claims(**changes), KEY.secret)
    try:
        principal = make_tokens().verify(token)
    except NotAuthenticated:
        return
    assert header.items() <= header_for(KEY).items()
    for field in ("user_id", "session_id", "client_id", "scope", "token_id"):
        assert type(getattr(principal, field)) is str
    assert type(principal.rights_version) is int
    assert isinstance(principal.expires_at, datetime)


# time


def test_a_token_ends_at_its_time() -> None:
    """A token ends to the second, without leeway, and the error has its principal, so that a browser can be
    renewed."""
    clock = FakeClock()
    clock.instant = CLOCK.instant
    tokens, token = make_tokens(clock), good()
    tokens.verify(token)
    clock.step(seconds=899.999)
    tokens.verify(token)
    clock.step(seconds=0.001)
    for verifier in (tokens, make_tokens(clock)):  # whether the token is remembered or not
        with pytest.raises(TokenExpired) as expired:
            verifier.verify(token)
        assert expired.value.principal.session_id == "session-1"


def test_a_longer_life_than_the_policy_s_does_not_count() -> None:
    """A validly signed token that lives longer than the settings now allow has expired (item 5)."""
    now = int(CLOCK.now().timestamp())
    make_tokens().verify(good(exp=now + 900))
    with pytest.raises(TokenExpired):
        make_tokens().verify(good(exp=now + 901))
    with pytest.raises(TokenExpired):
        make_tokens(lifetime=timedelta(minutes=5)).verify(good())


def test_a_token_from_the_future_waits() -> None:
    """A clock of another container may be a minute ahead, but not a second more."""
    now = int(CLOCK.now().timestamp())
    make_tokens().verify(good(iat=now + 60, exp=now + 960))
    with pytest.raises(TokenFromFuture) as early:
        make_tokens().verify(good(iat=now + 61, exp=now + 961))
    assert early.value.principal.user_id == "user-1"


def test_the_cache_keeps_no_more_than_it_may() -> None:
    """However many tokens come, the cache is bounded, and bad tokens take no place in it."""
    tokens = make_tokens(cache_size=3)
    shown = [good(jti=f"token-{number}") for number in range(10)]
    for token in shown:
        tokens.verify(token)
        with pytest.raises(TokenInvalid):
            tokens.verify(token + "A")
    assert len(tokens._cache) == 3
    assert [tokens.verify(token).token_id for token in shown] == [f"token-{number}" for number in range(10)]


async def test_a_revoked_token_is_refused_though_it_is_remembered(house: House) -> None:
    """A token that was verified a moment ago is judged again on every use."""
    await house.make_user()
    pair = await house.auth.sessions.log_in("ada@example.com", PASSWORD, API)
    house.auth.sessions.authenticate(pair.access_token)
    await house.auth.endings.log_out(pair.principal, API)
    with pytest.raises(NotAuthenticated):
        house.auth.sessions.authenticate(pair.access_token)


# issuing


def test_a_new_token_says_all_and_verifies() -> None:
    """The verified principal is the issued one, with another `jti` each time."""
    tokens = make_tokens()
    user, session = _user_and_session()
    token, principal = tokens.issue(user, session)
    assert tokens.verify(token) == principal
    assert principal.expires_at - principal.issued_at == LIFETIME
    assert tokens.issue(user, session)[1].token_id != principal.token_id


def test_a_token_never_outlives_its_session() -> None:
    """Near either limit of a session, the token ends with the session."""
    user, session = _user_and_session()
    soon = CLOCK.now() + timedelta(minutes=3)
    for limit in ("idle_expires_at", "expires_at"):
        limited: Any = {limit: soon}
        _, principal = make_tokens().issue(user, dataclasses.replace(session, **limited))
        assert principal.expires_at == soon


def _user_and_session() -> tuple[User, Session]:
    now = CLOCK.now()
    user = User("user-1", "a@b.example", "a@b.example", "hash", now, roles=("admin",))
    session = Session(
        "session-1",
        user.id,
        API_CLIENT,
        created_at=now,
        auth_time=now,
        last_used_at=now,
        idle_expires_at=now + timedelta(days=30),
        expires_at=now + timedelta(days=90),
    )
    return user, session


# claims of the extensions


def test_extra_claims_travel_in_the_token() -> None:
    """Any JSON that an extension adds arrives in the principal, both issued and verified."""
    user, session = _user_and_session()
    extra = {"team": "red", "limits": {"a": [1, 2.5, None, True]}, "empty": [], "name": "Zoë \U0001f3bc"}
    tokens = make_tokens()
    token, issued = tokens.issue(user, session, extra)
    verified = make_tokens().verify(token)
    assert verified == issued
    assert dict(verified.claims) == extra
    assert dict(tokens.issue(user, session)[1].claims) == {}


@pytest.mark.parametrize("name", claims())
def test_no_extra_claim_takes_the_place_of_an_own_one(name: str) -> None:
    """Even if a reserved name got through, Duet's own claim would win."""
    user, session = _user_and_session()
    plain = make_tokens().issue(user, session)[1]
    for value in ("mallory", ["admin"], 2**40):
        token, issued = make_tokens().issue(user, session, {name: value})
        verified = make_tokens().verify(token)
        for one in (issued, verified):
            assert dataclasses.replace(one, token_id="") == dataclasses.replace(plain, token_id="")


def test_claims_that_nobody_here_knows_do_no_harm() -> None:
    """They may come from a newer version or a removed extension, and reserved ones are not shown."""
    principal = make_tokens().verify(good(team="red", nbf=1, cnf={"jkt": "x"}, duet_future=1))
    assert dict(principal.claims) == {"team": "red"}


def test_claims_can_not_be_changed() -> None:
    """All requests with a remembered token share its claims, so a change in one must not reach another."""
    tokens, token = make_tokens(), good(teams=["red"])
    first: Any = tokens.verify(token).claims
    with pytest.raises(TypeError):
        first["admin"] = True
    first["teams"].append("blue")
    assert dict(first) == dict(tokens.verify(token).claims) == {"teams": ["red"]}
    with pytest.raises(KeyError):
        first["none"]
    assert (len(first), "teams" in first, "none" in first) == (1, True, False)
    assert "red" not in repr(first)  # a principal in a log line shows only the names
