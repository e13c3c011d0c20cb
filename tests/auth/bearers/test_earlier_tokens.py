"""Tokens of a team's earlier code over each kind of store: which ones count, for which account, and until when."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from app.auth.bearers import EarlierTokens
from app.auth.bearers.earlier import EarlierTokenExpired, EarlierTokensEnded
from app.auth.config import EarlierConfig
from app.auth.errors import (
    AccountDisabled,
    AuthError,
    LoginStale,
    NotAuthenticated,
    PasswordChanged,
    RoleMissing,
    StoreUnavailable,
    TokenInvalid,
    TokenNotCurrent,
)
from app.auth.extending import KeptClaims
from app.auth.keys import KeyRing, Purpose
from app.auth.models import ADMIN, LEGACY_CLIENT, Principal, User
from app.auth.policy import FRESH, Caller, Policy, decide
from tests.auth.house import API, OTHER_PASSWORD, CountingStore, FakeClock, House, counting, house_on
from tests.auth.jws import b64, dumps, signed
from tests.kit.duet import PASSWORD, SECRET
from tests.kit.naughty import naughty_strings

KEY = "the earlier system's own: b7Kq92_xWv"
ISSUER = "https://earlier.example.com"


def config(**given: Any) -> EarlierConfig:
    """The configuration that the settings make: HS256, for two weeks."""
    until = datetime.now(UTC).date() + timedelta(days=14)
    return EarlierConfig(**{"key": KEY, "algorithm": "HS256", "until": until, **given})


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Auth over SQLite, which accepts such tokens."""
    async with house_on(f"sqlite:///{tmp_path / 'duet.db'}", earlier=config()) as one:
        yield one


@pytest.fixture
async def each_house(database_url: str) -> AsyncIterator[House]:
    """The same over each kind of store."""
    async with house_on(database_url, earlier=config()) as one:
        yield one


def claims_of_flask(house: House, identity: object, /, **changes: Any) -> dict[str, Any]:
    """The claims that flask-jwt-extended 4 writes; a value of None leaves a claim out."""
    now = int(house.clock.now().timestamp())
    claims = {
        "fresh": False,
        "iat": now,
        "jti": str(uuid.uuid4()),
        "type": "access",
        "sub": identity,
        "nbf": now,
        "csrf": str(uuid.uuid4()),
        "exp": now + 900,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def by_flask(house: House, identity: object, /, **changes: Any) -> str:
    """A token as flask-jwt-extended makes it, with PyJWT."""
    return jwt.encode(claims_of_flask(house, identity, **changes), KEY, "HS256")


def by_jose(house: House, subject: object, **changes: Any) -> str:
    """A token as FastAPI's tutorial makes it with python-jose, with `sub` and `exp` in this order and nothing
    else."""
    claims = {"sub": subject, "exp": int(house.clock.now().timestamp()) + 1800, **changes}
    return signed({"alg": "HS256", "typ": "JWT"}, claims, KEY.encode())


async def make_user(house: House, email: str = "ada@example.com", **given: Any) -> User:
    """An account whose email address is confirmed, as an import makes it."""
    return await house.make_user(email, **{"is_email_verified": True, **given})


async def refusal(house: House, token: str) -> type[AuthError]:
    """Why `token` does not count."""
    with pytest.raises(NotAuthenticated) as caught:
        await house.auth.earlier_tokens.authenticate(token)
    assert not isinstance(caught.value, TokenNotCurrent)  # nothing renews such a token
    return type(caught.value)


def counted(house: House) -> tuple[int, int, int, int]:
    """How many tokens were accepted, refused, expired and unknown."""
    counts = house.auth.earlier_tokens.counts
    return counts.accepted, counts.refused, counts.expired, counts.unknown


# which tokens count


async def test_a_token_of_flask_jwt_extended_counts(each_house: House) -> None:
    """The principal has the current rights, an end, and a login that is never fresh."""
    user = await make_user(each_house, roles=["editor"])
    now = each_house.clock.now()
    token = by_flask(each_house, user.id)
    principal = await each_house.auth.earlier_tokens.authenticate(token)
    assert (principal.user_id, principal.client_id, principal.scope) == (user.id, LEGACY_CLIENT, "read write")
    assert principal.roles == {"editor"}
    assert principal.amr == ("legacy",)
    assert principal.rights_version == user.rights_version
    assert principal.auth_time == datetime(1970, 1, 1, tzinfo=UTC)
    assert (principal.issued_at, principal.expires_at) == (now, now + timedelta(seconds=900))
    name = hashlib.sha256(token.encode()).hexdigest()[:32]
    assert (principal.session_id, principal.token_id) == (f"legacy:{name}", name)
    assert counted(each_house) == (1, 0, 0, 0)


async def test_a_token_of_python_jose_counts(each_house: House) -> None:
    """The token counts although it has neither an issue time nor an id."""
    user = await make_user(each_house)
    principal = await each_house.auth.earlier_tokens.authenticate(by_jose(each_house, "ada@example.com"))
    assert principal.user_id == user.id
    assert principal.issued_at == each_house.clock.now()


async def test_a_token_that_names_an_account_by_its_id(each_house: House) -> None:
    """An id names the account even if its email address is not confirmed."""
    user = await each_house.make_user()
    assert not user.is_email_verified
    assert (await each_house.auth.earlier_tokens.authenticate(by_jose(each_house, user.id))).user_id == user.id


@pytest.mark.parametrize(
    "spelling", ["ada@example.com", "ADA@Example.COM", " ada@example.com ", "\uff41da@example.com"]
)
async def test_an_address_counts_in_its_normal_form(house: House, spelling: str) -> None:
    """The email address is normalised as at the login."""
    user = await make_user(house)
    assert (await house.auth.earlier_tokens.authenticate(by_flask(house, spelling))).user_id == user.id


async def test_an_address_that_nobody_verified_names_nobody(each_house: House) -> None:
    """A stranger may have registered here with the address, and would receive what its owner's old program
    sends."""
    stranger = await each_house.make_user()
    assert await refusal(each_house, by_flask(each_house, "ada@example.com")) is TokenInvalid
    await each_house.store.set_email_verified(stranger.id, email_key=stranger.email_key)
    await each_house.auth.earlier_tokens.authenticate(by_flask(each_house, "ada@example.com"))


async def test_a_number_is_an_id_too(tmp_path: Path) -> None:
    """flask-jwt-extended had numeric ids before version 4: their digits are compared, and no other type is
    accepted."""
    async with house_on(f"sqlite:///{tmp_path / 'duet.db'}", earlier=config()) as house:
        user = await make_user(house)
        for name in ("42", "True", "None"):
            await house.store.add_user(replace(user, id=name, email=name, email_key=name))
        for value in (42, "42"):
            assert (await house.auth.earlier_tokens.authenticate(by_jose(house, value))).user_id == "42"
        others: tuple[object, ...] = (
            42.0,
            True,
            -42,
            42 + 2**64,
            10**400,
            [42],
            {"$ne": None},
            None,
            "",
            " 42",
            "042",
            "4٢",
        )
        for other in others:
            assert await refusal(house, by_jose(house, other)) is TokenInvalid, other


@pytest.mark.parametrize("claim", ["identity", "email", "user_id", "https://earlier.example.com/user"])
async def test_another_claim_may_name_the_user(tmp_path: Path, claim: str) -> None:
    """Where another claim names the user, `sub` is ignored."""
    async with house_on(f"sqlite:///{tmp_path / 'duet.db'}", earlier=config(user_claim=claim)) as house:
        ada, bo = await make_user(house), await make_user(house, "bo@example.com")
        token = by_flask(house, bo.id, **{claim: "ada@example.com"})
        assert (await house.auth.earlier_tokens.authenticate(token)).user_id == ada.id
        assert await refusal(house, by_flask(house, bo.id)) is TokenInvalid


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_a_longer_hash_with_the_same_secret(tmp_path: Path, algorithm: str) -> None:
    """RFC 7518 wants longer secrets here, and many teams had none; the token is as hard to forge as with HS256."""
    async with house_on(f"sqlite:///{tmp_path / 'duet.db'}", earlier=config(algorithm=algorithm)) as house:
        user = await make_user(house)
        digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
        token = signed({"alg": algorithm, "typ": "JWT"}, claims_of_flask(house, user.id), KEY.encode(), digest)
        assert (await house.auth.earlier_tokens.authenticate(token)).user_id == user.id


PAIRS: dict[str, Callable[[], Any]] = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


def pems(algorithm: str) -> tuple[str, str]:
    """The private and the public key of a new pair, in PEM."""
    pair = PAIRS[algorithm]()
    secret = pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return secret.decode(), public.decode()


@pytest.mark.parametrize("algorithm", PAIRS)
async def test_a_public_key_verifies(tmp_path: Path, algorithm: str) -> None:
    """Tokens of another pair are refused, and so are those that use the public key as an HMAC secret."""
    secret, public = pems(algorithm)
    earlier = config(key=public, algorithm=algorithm)
    async with house_on(f"sqlite:///{tmp_path / 'duet.db'}", earlier=earlier) as house:
        user = await make_user(house)
        claims = claims_of_flask(house, user.id)
        token = jwt.encode(claims, secret, algorithm, headers={"kid": "2024"})
        assert (await house.auth.earlier_tokens.authenticate(token)).user_id == user.id
        assert await refusal(house, jwt.encode(claims, pems(algorithm)[0], algorithm)) is TokenInvalid
        for key in (public, public.strip(), public.replace("\n", "\\n")):
            for digest, name in ((hashlib.sha256, "HS256"), (hashlib.sha512, "HS512")):
                for claimed in (name, algorithm):
                    forged = signed({"alg": claimed, "typ": "JWT"}, claims, key.encode(), digest)
                    assert await refusal(house, forged) is TokenInvalid
        assert counted(house)[0] == 1


# which tokens do not count


HEADERS: dict[str, dict[str, Any]] = {
    "none": {"alg": "none"},
    "None": {"alg": "None"},
    "nOnE": {"alg": "nOnE"},
    "empty": {"alg": ""},
    "no algorithm": {"alg": None},
    "a list": {"alg": ["HS256"]},
    "another HMAC": {"alg": "HS512"},
    "RS256": {"alg": "RS256"},
    "at+jwt": {"typ": "at+jwt"},
    "AT+JWT": {"typ": "AT+JWT"},
    "application/at+jwt": {"typ": "application/at+jwt"},
    "typ of no text": {"typ": 1},
    "jwk": {"jwk": {"kty": "oct", "k": b64(KEY.encode())}},
    "jku": {"jku": "https://evil.example.com/keys"},
    "x5u": {"x5u": "https://evil.example.com/cert"},
    "x5c": {"x5c": ["MIIB"]},
    "crit": {"crit": ["exp"]},
    "b64": {"b64": False, "crit": ["b64"]},
    "zip": {"zip": "DEF"},
}


async def test_a_header_may_be_short_or_name_its_key(house: House) -> None:
    """`typ` may be missing or in capitals (RFC 7515 section 4.1.9), and `kid` is ignored."""
    user = await make_user(house)
    for more in ({}, {"typ": "JWT"}, {"typ": "jwt"}, {"typ": "JWT", "kid": "2024"}):
        token = signed({"alg": "HS256", **more}, claims_of_flask(house, user.id), KEY.encode())
        assert (await house.auth.earlier_tokens.authenticate(token)).user_id == user.id


@pytest.mark.parametrize("name", HEADERS)
async def test_a_header_that_is_not_theirs_is_refused(house: House, name: str) -> None:
    """The signature is right each time, so the header alone causes the refusal, before anything is believed."""
    user = await make_user(house)
    header = {"alg": "HS256", "typ": "JWT", **HEADERS[name]}
    header = {key: value for key, value in header.items() if value is not None}
    claims = claims_of_flask(house, user.id)
    for digest in (hashlib.sha256, hashlib.sha512):
        assert await refusal(house, signed(header, claims, KEY.encode(), digest)) is TokenInvalid
    unsigned = f"{b64(dumps(header))}.{b64(dumps(claims))}."
    assert await refusal(house, unsigned) is TokenInvalid
    assert counted(house)[:3] == (0, 0, 0)


async def test_another_signature_is_refused(house: House) -> None:
    """Signatures by other secrets, by Duet's own keys or of other tokens are refused, and so are cut or respelled
    ones."""
    user = await make_user(house)
    claims = claims_of_flask(house, user.id)
    header = {"alg": "HS256", "typ": "JWT"}
    good = signed(header, claims, KEY.encode())
    keys = [key.secret for purpose in Purpose for key in KeyRing([SECRET]).keys(purpose)]
    for secret in (b"", b"\0", b"your-secret-key", KEY[:-1].encode(), SECRET.encode(), *keys):
        assert await refusal(house, signed(header, claims, secret)) is TokenInvalid
    head, body, mac = good.split(".")
    other = signed(header, {**claims, "sub": "x"}, KEY.encode()).rpartition(".")[2]
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    loose = mac[:-1] + last[last.index(mac[-1]) ^ 1]
    for token in (f"{head}.{body}.{other}", f"{head}.{body}.{mac[:-1]}", f"{good}=", f"{head}.{body}.{loose}"):
        assert await refusal(house, token) is TokenInvalid
    await house.auth.earlier_tokens.authenticate(good)
    assert counted(house)[:3] == (1, 0, 0)


async def test_rubbish_asks_no_store(house: House) -> None:
    """Rubbish and forgeries of any size never reach the store and cost an attacker's target one signature check at
    most."""
    user = await make_user(house)
    texts = ["", ".", "..", "a.b.c", "x" * 1_000_000, "\ud800.\ud800.\ud800", "e30.e30.e30", *naughty_strings()]
    texts.append(signed({"alg": "HS256", "typ": "JWT"}, claims_of_flask(house, user.id), b"another" * 6))
    texts.append("e30." + "W" * 9000 + ".e30")
    texts.append(signed({"alg": "HS256", "typ": "JWT"}, b"[" * 3000, KEY.encode()))
    async with counting(house, earlier=config()) as (auth, store):
        store.calls.clear()
        for text in texts:
            with pytest.raises(TokenInvalid):
                await auth.earlier_tokens.authenticate(text)
        assert store.calls == []


REFUSED: dict[str, dict[str, Any]] = {
    "refresh": {"type": "refresh"},
    "reset": {"type": "reset"},
    "type of no text": {"type": ["access"]},
    "for somebody in particular": {"aud": "somebody"},
    "for several": {"aud": ["somebody", "https://duet.example.com"]},
    "for nobody": {"aud": ""},
    "exp missing": {"exp": None},
    "exp a text": {"exp": str(int(time.time()) + 900)},
    "exp true": {"exp": True},
    "exp a list": {"exp": [int(time.time()) + 900]},
    "exp negative": {"exp": -1},
    "exp infinite": {"exp": float("inf")},
    "exp not a number": {"exp": float("nan")},
    "exp beyond the calendar": {"exp": 10**15},
    "exp in a year": {"exp": int(time.time()) + 365 * 86400},
    "iat a text": {"iat": "yesterday"},
    "iat tomorrow": {"iat": int(time.time()) + 86400},
    "nbf tomorrow": {"nbf": int(time.time()) + 86400},
    "nbf an object": {"nbf": {"$gt": 0}},
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_genuine_token_that_is_not_for_here_and_now(house: House, name: str) -> None:
    """Such a token is counted as refused and reported as invalid, and the store is not asked."""
    user = await make_user(house)
    claims = {**claims_of_flask(house, user.id), **REFUSED[name]}
    claims = {key: value for key, value in claims.items() if value is not None}
    token = signed({"alg": "HS256", "typ": "JWT"}, claims, KEY.encode())
    assert await refusal(house, token) is TokenInvalid
    assert counted(house) == (0, 1, 0, 0)


async def test_a_token_ends_at_its_time(house: House) -> None:
    """The token ends to the second, without leeway, and the refusal says that it has expired."""
    user = await make_user(house)
    token = by_flask(house, user.id)
    house.clock.step(seconds=899.999)
    await house.auth.earlier_tokens.authenticate(token)
    house.clock.step(milliseconds=1)
    assert await refusal(house, token) is EarlierTokenExpired
    assert EarlierTokenExpired.code == "token_expired"
    assert counted(house) == (1, 1, 0, 0)


async def test_a_token_may_end_in_thirty_days_at_most(house: House) -> None:
    """The issue time may be as far ahead as clocks may differ, and both times may have a fraction."""
    user = await make_user(house)
    now = house.clock.now().timestamp()
    tokens = house.auth.earlier_tokens
    await tokens.authenticate(by_flask(house, user.id, exp=now + 30 * 86400, iat=now + 60, nbf=now + 60.0))
    for changes in ({"exp": now + 30 * 86400 + 0.1}, {"iat": now + 60.1}, {"nbf": now + 60.1}):
        assert await refusal(house, by_flask(house, user.id, **changes)) is TokenInvalid


async def test_issuer_and_audience_are_compared_where_they_are_set(tmp_path: Path) -> None:
    """Both must match exactly; the audience may be one of a list (RFC 7519 section 4.1.3), the issuer may not."""
    earlier = config(issuer=ISSUER, audience="people")
    async with house_on(f"sqlite:///{tmp_path / 'duet.db'}", earlier=earlier) as house:
        user = await make_user(house)
        for audience in ("people", ["people"], ["x", "people"]):
            await house.auth.earlier_tokens.authenticate(by_flask(house, user.id, iss=ISSUER, aud=audience))
        wrong: list[dict[str, Any]] = [
            {"iss": issuer, "aud": "people"} for issuer in (None, "", f"{ISSUER}/", ISSUER.upper(), [ISSUER], 1)
        ]
        wrong += [
            {"iss": ISSUER, "aud": aud} for aud in (None, "", "PEOPLE", "peop", "people2", [], [["people"]], 1)
        ]
        for changes in wrong:
            claims = {**claims_of_flask(house, user.id), **changes}
            claims = {key: value for key, value in claims.items() if value is not None}
            token = signed({"alg": "HS256", "typ": "JWT"}, claims, KEY.encode())
            assert await refusal(house, token) is TokenInvalid, changes


@pytest.mark.parametrize("value", ["nobody@example.com", "nobody", "0", "x" * 5000, "\ud800", "a\0b", "*", "$ne"])
async def test_a_token_of_nobody_known_is_refused(each_house: House, value: str) -> None:
    """Any unknown name is refused, and no database error comes out."""
    await make_user(each_house)
    assert await refusal(each_house, by_jose(each_house, value)) is TokenInvalid
    assert counted(each_house) == (0, 1, 0, 0)


async def test_without_the_setting_no_token_counts(tmp_path: Path) -> None:
    """Without the setting, every token is refused before it is looked at."""
    async with house_on(f"sqlite:///{tmp_path / 'duet.db'}") as house:
        user = await make_user(house)
        assert await refusal(house, by_flask(house, user.id)) is TokenInvalid
        assert counted(house) == (0, 0, 0, 0)


# whose tokens they are


async def test_what_its_owner_loses_it_loses_at_once(each_house: House) -> None:
    """Losing a role, being disabled or being deleted counts with the next request, in every process."""
    user = await make_user(each_house, roles=["editor"])
    token = by_flask(each_house, user.id, exp=int(each_house.clock.now().timestamp()) + 9000)
    administration = each_house.auth.administration
    async with counting(each_house, earlier=config()) as (elsewhere, _):
        both = (each_house.auth.earlier_tokens, elsewhere.earlier_tokens)
        for tokens in both:
            assert (await tokens.authenticate(token)).has_role("editor")
        await administration.set_roles(user.id, ["author"], API)
        for tokens in both:
            assert (await tokens.authenticate(token)).roles == {"author"}
        await administration.set_active(user.id, False, API)
        for tokens in both:
            with pytest.raises(AccountDisabled):
                await tokens.authenticate(token)
        await administration.set_active(user.id, True, API)
        for tokens in both:
            await tokens.authenticate(token)
        await administration.delete(user.id, API)
        for tokens in both:
            with pytest.raises(TokenInvalid):
                await tokens.authenticate(token)


async def test_a_new_password_ends_them_for_good(each_house: House) -> None:
    """Newer tokens end too, because the earlier system may still accept the old password and issue more."""
    user = await make_user(each_house)
    principal = (await each_house.auth.sessions.log_in(user.email, PASSWORD, API)).principal
    token = by_flask(each_house, user.id)
    await each_house.auth.earlier_tokens.authenticate(token)
    await each_house.auth.credentials.change_password(principal, PASSWORD, OTHER_PASSWORD, API)
    each_house.clock.step(seconds=5)
    for late in (token, by_flask(each_house, user.id), by_jose(each_house, user.email)):
        assert await refusal(each_house, late) is PasswordChanged


async def test_a_password_that_the_operator_sets_ends_them(house: House) -> None:
    """`duet user set-password` ends the tokens, for instance after somebody else got into the account."""
    user = await make_user(house)
    await house.auth.credentials.set_password(user.id, OTHER_PASSWORD, API)
    assert await refusal(house, by_flask(house, user.id)) is PasswordChanged


async def test_a_first_login_changes_nothing(each_house: House) -> None:
    """The first login only replaces the imported hash with Duet's own form, so the tokens go on."""
    user = await make_user(each_house)
    await each_house.store.upgrade_password_hash(user.id, user.password_hash + " ", credentials_version=0)
    await each_house.auth.earlier_tokens.authenticate(by_flask(each_house, user.id))


async def test_a_token_says_nothing_of_rights(house: House) -> None:
    """Roles, scopes, freshness and other claims in the token are ignored; the account's own rights count."""
    user = await make_user(house)
    claims = {"roles": ["admin"], "is_admin": True, "fresh": True, "scope": "admin", "rights_version": 99}
    token = by_flask(house, user.id, **claims, auth_time=int(time.time()), plan="gold", client_id="web")
    principal = await house.auth.earlier_tokens.authenticate(token)
    assert principal.roles == frozenset()
    assert principal.rights_version == 1
    assert dict(principal.claims) == {}
    assert principal.client_id == LEGACY_CLIENT


def verdict(principal: Principal, policy: Policy) -> AuthError | None:
    """How the policy answers the principal."""
    try:
        decide(policy, Caller(principal), datetime.now(UTC), writes=True)
    except AuthError as error:
        return error
    return None


async def test_an_admins_token_is_no_admins(each_house: House) -> None:
    """The key's holder could name any admin, so the admin role is left out; other roles stay, and nothing is ever
    fresh."""
    user = await make_user(each_house, roles=["admin", "editor"])
    principal = await each_house.auth.earlier_tokens.authenticate(by_flask(each_house, user.id))
    assert principal.roles == {"editor"}
    assert verdict(principal, Policy(role="editor")) is None
    for policy, kind in ((Policy(role=ADMIN), RoleMissing), (Policy(fresh=FRESH), LoginStale)):
        error = verdict(principal, policy)
        assert isinstance(error, kind)
        assert error.message == "A token of the earlier system can't do this. Log in with the password."
    error = verdict(principal, Policy(role="accountant"))
    assert error is not None
    assert error.message == RoleMissing.message


async def test_the_extensions_claims_come_along(house: House) -> None:
    """Extensions are asked once a minute, as they are for personal access tokens."""
    asked: list[str] = []

    async def plan(user: Any) -> str:
        asked.append(user.id)
        return "gold"

    house.auth.extra_claims.add("plan", plan, owner="team")
    user = await make_user(house)
    for _ in range(3):
        principal = await house.auth.earlier_tokens.authenticate(by_flask(house, user.id))
        assert dict(principal.claims) == {"plan": "gold"}
    assert asked == [user.id]


async def test_guesses_at_a_password_get_no_tries_of_their_own(tmp_path: Path) -> None:
    """The holder of the key can make a token for each guess, but all guesses meet the account's one limit."""
    url = f"sqlite:///{tmp_path / 'duet.db'}"
    async with house_on(url, earlier=config(), rate_limits=True) as house:
        user = await make_user(house)
        outcomes = []
        for _ in range(30):
            principal = await house.auth.earlier_tokens.authenticate(by_flask(house, user.id))
            with pytest.raises(AuthError) as caught:
                await house.auth.proving.confirm_password(principal, "not the password", API)
            outcomes.append(caught.value.code)
        assert outcomes.count("wrong_password") == 10


async def test_a_store_that_is_away_is_no_verdict(house: House) -> None:
    """Without the store no token can be judged, so nothing is counted."""
    user = await make_user(house)
    token = by_flask(house, user.id)
    await house.store.close()
    with pytest.raises(StoreUnavailable):
        await house.auth.earlier_tokens.authenticate(token)
    assert counted(house) == (0, 0, 0, 0)


# the end


async def test_after_the_last_day_no_token_counts(house: House) -> None:
    """From midnight UTC on, the owner is told why; a forgery is told nothing, and the store is not asked."""
    clock = FakeClock()
    clock.instant = datetime(2026, 12, 31, 23, 50, tzinfo=UTC)
    store = CountingStore(house.store)
    as_store: Any = store
    earlier = EarlierTokens(
        config(until=clock.instant.date()),
        store=as_store,
        clock=clock,
        extra_claims=KeptClaims(house.auth.extra_claims, clock),
    )
    moved = House(house.auth, house.store, clock)
    user = await make_user(house)
    token = by_flask(moved, user.id)
    principal = await earlier.authenticate(token)
    assert principal.expires_at == datetime(2027, 1, 1, tzinfo=UTC)
    clock.instant = datetime(2026, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    await earlier.authenticate(token)
    clock.instant = datetime(2027, 1, 1, tzinfo=UTC)
    store.calls.clear()
    for late in (token, by_flask(moved, user.id), by_jose(moved, "nobody")):
        with pytest.raises(EarlierTokensEnded) as caught:
            await earlier.authenticate(late)
        assert (caught.value.code, "log in again" in caught.value.message) == ("earlier_token_ended", True)
    with pytest.raises(TokenInvalid):
        await earlier.authenticate(token[:-4] + "AAAA")
    assert store.calls == []
    counts = earlier.counts
    assert (counts.accepted, counts.refused, counts.expired, counts.unknown) == (2, 0, 3, 1)


async def test_a_refusal_is_logged_without_the_token(
    house: House, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the reason, so that the team can see what its tokens lack, and nothing of the token itself."""
    token = by_flask(house, "marker@example.com", jti="marker-jti")
    await refusal(house, token)
    out = capsys.readouterr()
    said = out.out + out.err + caplog.text
    assert "user unknown" in said
    assert "marker" not in said
    assert token not in said
