"""Each kind of token opens its own door, and no other (security.md, item 3)."""

from __future__ import annotations

from typing import Any

import pytest
from itsdangerous import URLSafeTimedSerializer

from app.auth.keys import Purpose
from app.auth.models import LinkPurpose
from tests.attacks.conftest import Visit
from tests.attacks.forge import Forger, compact, forging, signature
from tests.auth.jws import b64
from tests.kit.cookies import give_cookie, read_cookie
from tests.kit.duet import SECRET, Running
from tests.kit.mails import mail_with_link, token_in


@pytest.mark.parametrize(
    "typ", ["JWT", "at+JWT", "AT+JWT", "application/at+jwt", "rt+jwt", "at+jwt ", "", None, 1, []]
)
def test_s03_only_the_type_of_access_tokens_counts(forger: Forger, typ: Any) -> None:
    """A token whose type is not exactly `at+jwt` is of another kind (RFC 9068 section 4)."""
    without = {name: value for name, value in forger.header.items() if name != "typ"}
    tokens = {"signed": forger.sign(header={"typ": typ}), "none": compact(without, forger.claims, forger.key)}
    forger.check_refused(tokens)


def test_s03_no_other_purpose_s_key_signs_an_access_token(forger: Forger) -> None:
    """The derived keys of refresh tokens, cookies, forms and links sign no access token."""
    tokens = {}
    for purpose in Purpose:
        key = forger.derived(purpose)
        kids = [forger.header["kid"], key.kid] if purpose is not Purpose.ACCESS_TOKEN else [forger.header["kid"]]
        if purpose is Purpose.ACCESS_TOKEN and forger.algorithm == "HS256":
            continue  # that one is the right key
        for kid in kids:
            for alg in {"HS256", forger.algorithm}:
                tokens[f"{purpose}, {alg}, {kid}"] = forger.sign(header={"alg": alg, "kid": kid}, key=key.secret)
    forger.check_refused(tokens)


def test_s03_each_kind_of_token_opens_its_own_door_alone(keyed: Running, visit: Visit) -> None:
    """Refresh tokens, mailed links, form tokens and cookies are no bearer tokens, no sessions and no grants."""
    with forging(keyed) as forger:
        forger.client.post("/api/auth/forgot-password", json={"email": forger.user.email})
        browser = visit(forger.user.email, duet=keyed)
        others = {
            "refresh token": forger.client.refresh_token,
            "reset link": token_in(mail_with_link(keyed.outbox, "reset-password", to=forger.user.email)),
            "CSRF token": browser.csrf_token("/account"),
            "session cookie": browser.cookies["session"],
            "device cookie": browser.cookies["duet_device"],
            "secret": SECRET,
        }
        forger.check_refused(others)
        others["access token"] = forger.token
        del others["refresh token"]
        for name, token in others.items():
            answer = forger.client.post(
                "/api/auth/token", data={"grant_type": "refresh_token", "refresh_token": token}
            )
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant"), name
        # And a personal access token is a bearer token alone: in a session, and at the refresh, it counts for
        # nothing.
        made = forger.client.post("/api/users/me/tokens", json={"name": "mine"})
        personal = made.json()["token"]
        assert forger.as_bearer(personal).status == 200
        assert forger.in_session(personal).status == 303
        assert forger.in_session(personal, "/api/users/me").status == 401
        answer = forger.client.post(
            "/api/auth/token", data={"grant_type": "refresh_token", "refresh_token": personal}
        )
        assert answer.json()["error"] == "invalid_grant"
        assert forger.client.refresh().status_code == 200


def test_s03_no_other_purpose_s_key_makes_a_cookie_a_form_or_a_refresh_token(keyed: Running, visit: Visit) -> None:
    """What one purpose's key signs is accepted at no other purpose's door."""
    with forging(keyed) as forger:
        browser = visit(forger.user.email, duet=keyed)
        browser.get("/account")
        values = read_cookie(keyed, browser.cookies["session"])
        serializer: Any = keyed.app.state.pages.session_interface.get_signing_serializer(keyed.app.state.pages)
        secret_of_form = values["csrf_token"]
        prefix = forger.client.refresh_token.rpartition(".")[0]
        found = keyed.wait(keyed.auth.sessions.store.session_with_user(forger.claims["sid"]))
        text = f"{forger.claims['sid']}.1.{found[0].nonce}".encode()
        for purpose in Purpose:
            key = forger.derived(purpose).secret
            if purpose is not Purpose.WEB_SESSION:
                kind = {"serializer": serializer.serializer, "signer_kwargs": serializer.signer_kwargs}
                other: Any = URLSafeTimedSerializer(key, salt=serializer.salt, **kind)
                stranger = visit(duet=keyed)
                give_cookie(stranger, other.dumps(values))
                assert stranger.get("/account").status_code == 303, purpose
            if purpose is not Purpose.CSRF:
                form = {
                    "csrf_token": str(URLSafeTimedSerializer(key, salt="wtf-csrf-token").dumps(secret_of_form))
                }
                assert browser.post("/account", data={**form, "name": "Eve"}).status_code == 400, purpose
            if purpose is not Purpose.REFRESH_TOKEN:
                forged = f"{prefix}.{b64(signature(text, key))}"
                assert forger.client.refresh(forged).status_code == 400, purpose
        assert browser.submit("/account", name="Ada").status_code == 303
        genuine = f"{prefix}.{b64(signature(text, forger.derived(Purpose.REFRESH_TOKEN).secret))}"
        assert genuine == forger.client.refresh_token, "or the forged ones prove nothing"
        assert forger.client.refresh().status_code == 200


def test_s03_a_link_opens_what_it_was_sent_for(keyed: Running, visit: Visit) -> None:
    """The token of a reset mail confirms no email address and sets nothing up, and the attempt does not use it
    up."""
    with forging(keyed) as forger:
        forger.client.post("/api/auth/forgot-password", json={"email": forger.user.email})
        token = token_in(mail_with_link(keyed.outbox, "reset-password", to=forger.user.email))
        assert forger.client.post("/api/auth/verify-email", json={"token": token}).status_code == 400
        stranger = visit(duet=keyed)
        for purpose in LinkPurpose:
            if purpose is not LinkPurpose.RESET_PASSWORD:
                assert stranger.get(f"/{purpose}/{token}").status_code in (400, 404, 410), purpose
        reset = {"token": token, "password": "a new and longer phrase"}
        assert forger.client.post("/api/auth/reset-password", json=reset).status_code == 204
