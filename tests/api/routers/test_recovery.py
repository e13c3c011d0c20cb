"""Forgotten passwords and unconfirmed email addresses: the links in mails, over the API."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.auth.models import Client, User
from tests.api.answers import oauth_error, plain, pointers, problem
from tests.kit.duet import PASSWORD, ApiClient, Browser, Running, make_settings, running
from tests.kit.mails import link_in, mail_with_link, read_mails, text_of, token_in

SignIn = Callable[..., ApiClient]
NEW = "a wholly other phrase"
MARK = "Marker7Zq"
_numbers = itertools.count()


def somebody(duet: Running, **given: Any) -> User:
    """An account that no other test uses."""
    return duet.make_user(f"forgetful{next(_numbers)}@example.com", **given)


def auth(duet: Running, path: str, **fields: Any) -> httpx.Response:
    """Calls one of the endpoints for links."""
    return plain.post(f"{duet.url}/api/auth/{path}", json=fields)


def reset_token(duet: Running, email: str) -> str:
    """The token in the mail that a forgotten password brings."""
    answer = auth(duet, "forgot-password", email=email)
    assert answer.status_code == 202, answer.text
    return token_in(mail_with_link(duet.outbox, "reset-password", to=email))


def log_in(duet: Running, email: str, password: str) -> int:
    """The status of a login."""
    with ApiClient(duet.url, verify=False) as client:
        return client.log_in(email, password).status_code


# a forgotten password


def test_a_forgotten_password_is_replaced_by_the_mailed_link(shared: Running) -> None:
    """A 202 mails a link of this site, a 204 sets the password; the owner is told, and nobody is logged in."""
    user = somebody(shared)
    answer = auth(shared, "forgot-password", email=user.email.upper())
    assert answer.status_code == 202
    assert set(answer.json()) == {"detail"}
    assert "set-cookie" not in answer.headers
    mail = mail_with_link(shared.outbox, "reset-password", to=user.email)
    assert link_in(mail).startswith(f"{shared.settings.public_url}/reset-password/")
    assert log_in(shared, user.email, PASSWORD) == 200, "until the link is used the old password counts"
    done = auth(shared, "reset-password", token=token_in(mail), password=NEW)
    assert (done.status_code, done.content) == (204, b"")
    assert (log_in(shared, user.email, PASSWORD), log_in(shared, user.email, NEW)) == (400, 200)
    told = read_mails(shared.outbox, to=user.email, count=2)
    assert any("/reset-password/" not in text_of(mail) for mail in told)
    assert all(NEW not in text_of(mail) and PASSWORD not in text_of(mail) for mail in told)


def test_a_reset_ends_every_session_on_both_halves(shared: Running, sign_in: SignIn) -> None:
    """Access tokens, refresh tokens and the pages' cookie are dead at once (item 24, ASVS V7.4.3)."""
    user = somebody(shared)
    client = sign_in(user.email)
    with Browser(shared.url, verify=False) as browser:
        browser.log_in(user.email)
        assert browser.get("/account").status_code == 200
        done = auth(shared, "reset-password", token=reset_token(shared, user.email), password=NEW)
        assert done.status_code == 204, done.text
        assert browser.get("/account").status_code == 303
    assert problem(client.get("/api/users/me"), 401)["code"] == "password_changed"
    oauth_error(client.refresh(), "invalid_grant")


def test_a_reset_proves_the_address(shared: Running) -> None:
    """Anyone who uses the mailed link can read that mailbox, so the email address is confirmed."""
    user = somebody(shared)
    auth(shared, "reset-password", token=reset_token(shared, user.email), password=NEW)
    with ApiClient(shared.url, verify=False) as client:
        client.log_in(user.email, NEW)
        assert client.get("/api/users/me").json()["is_email_verified"] is True


def test_a_reset_link_works_once_under_parallel_calls(shared: Running) -> None:
    """Of twenty calls at the same moment one is a 204; the others hear that the link does not count (item 24)."""
    user = somebody(shared)
    token = reset_token(shared, user.email)
    gate = threading.Barrier(20)

    def use(number: int) -> httpx.Response:
        gate.wait(10)
        return auth(shared, "reset-password", token=token, password=f"{NEW} {number:02}")

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(use, range(20)))
    won = [number for number, answer in enumerate(answers) if answer.status_code == 204]
    assert len(won) == 1
    for answer in answers:
        if answer.status_code != 204:
            oauth_error(answer, "invalid_grant")
    assert log_in(shared, user.email, f"{NEW} {won[0]:02}") == 200


def test_a_refused_password_leaves_the_link_usable(shared: Running) -> None:
    """The reason is in error_description, and the link still counts."""
    user = somebody(shared)
    token = reset_token(shared, user.email)
    for bad in ("short" + MARK, MARK * 200):
        answer = auth(shared, "reset-password", token=token, password=bad)
        body = oauth_error(answer, "invalid_request")
        assert "password" in body["error_description"].lower() or "characters" in body["error_description"]
        assert MARK not in answer.text
    assert auth(shared, "reset-password", token=token, password=NEW).status_code == 204


def test_a_link_that_is_too_old_does_not_count(duet: Running) -> None:
    """The answer is the one for a link that never existed."""
    user = somebody(duet)
    token = reset_token(duet, user.email)
    with sqlite3.connect(duet.settings.data_dir / "duet.db") as database:
        database.execute("UPDATE links SET expires_at = expires_at - 30 * 60 * 1000")
    database.close()
    late = auth(duet, "reset-password", token=token, password=NEW)
    never = auth(duet, "reset-password", token="never.was", password=NEW)
    oauth_error(late, "invalid_grant")
    assert (late.status_code, late.text) == (never.status_code, never.text)
    assert log_in(duet, user.email, PASSWORD) == 200


def test_a_reset_link_lives_for_half_an_hour_and_is_not_in_the_database(duet: Running) -> None:
    """Its row says when it expires and holds only the token's id, so a stolen file opens nothing (item 24)."""
    user = somebody(duet)
    token = reset_token(duet, user.email)
    with sqlite3.connect(duet.settings.data_dir / "duet.db") as database:
        [(created, expires)] = database.execute("SELECT created_at, expires_at FROM links").fetchall()
        dump = "\n".join(database.iterdump())
    database.close()
    assert expires - created == 30 * 60 * 1000
    assert token.partition(".")[0] in dump
    assert token.partition(".")[2] not in dump


def test_a_host_header_does_not_change_the_links(tmp_path: Path) -> None:
    """Links lead to PUBLIC_URL, whatever a request's headers say (item 24)."""
    settings = make_settings(tmp_path, public_url="http://duet.example.com")
    lies = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}
    with running(settings) as duet:
        user = somebody(duet)
        for headers in ({"Host": "evil.example"}, {"Host": "evil.example:80", **lies}, lies):
            answer = plain.post(
                f"{duet.url}/api/auth/forgot-password", json={"email": user.email}, headers=headers
            )
            assert answer.status_code == 202
        mails = read_mails(duet.outbox, to=user.email, count=3)
    for mail in mails:
        assert link_in(mail).startswith("http://duet.example.com/reset-password/")
        assert "evil" not in text_of(mail)


def test_a_disabled_account_gets_no_link(shared: Running) -> None:
    """The answer is the same, but no mail is sent, and an older link opens nothing."""
    user, other = somebody(shared), somebody(shared)
    token = reset_token(shared, user.email)
    shared.wait(shared.auth.administration.set_active(user.id, False, Client("test")))
    answer = auth(shared, "forgot-password", email=user.email)
    assert answer.text == auth(shared, "forgot-password", email=other.email).text
    mail_with_link(shared.outbox, "reset-password", to=other.email)  # so the earlier mail would be there as well
    assert (
        len([mail for mail in read_mails(shared.outbox, to=user.email) if "/reset-password/" in text_of(mail)])
        == 1
    )
    auth(shared, "reset-password", token=token, password=NEW)
    assert (log_in(shared, user.email, PASSWORD), log_in(shared, user.email, NEW)) == (400, 400)


# what the answers tell


VARYING = {"date", "x-request-id"}


def alike(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """All parts of an answer that may not depend on who has an account."""
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in VARYING}
    return answer.status_code, answer.content, headers


def test_nobody_learns_who_has_an_account(shared: Running) -> None:
    """Known, unknown, disabled and unconfirmed addresses get one answer of each endpoint, to the byte (item
    23)."""
    known, off, verified = somebody(shared), somebody(shared), somebody(shared)
    shared.wait(shared.auth.administration.set_active(off.id, False, Client("test")))
    auth(shared, "reset-password", token=reset_token(shared, verified.email), password=NEW)
    for path in ("forgot-password", "resend-verification"):
        answers = [
            alike(auth(shared, path, email=email))
            for email in (known.email, off.email, verified.email, f"nobody{next(_numbers)}@example.com")
        ]
        assert answers[0][0] == 202
        assert answers == [answers[0]] * 4, path


@pytest.fixture(scope="module")
def verifying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Duet that lets people in only after their email address is confirmed."""
    settings = make_settings(tmp_path_factory.mktemp("verifying"), require_verified_email=True)
    with running(settings) as one:
        yield one


def register(duet: Running, email: str, **fields: Any) -> httpx.Response:
    """Makes an account."""
    return plain.post(f"{duet.url}/api/users", json={"email": email, "password": PASSWORD, **fields})


def test_with_verification_a_registration_tells_nothing(verifying: Running) -> None:
    """New and taken email addresses get a 202 with the same bytes and headers; the owner gets a mail (item 23)."""
    email = f"new{next(_numbers)}@example.com"
    first = register(verifying, email)
    assert first.status_code == 202
    assert set(first.json()) == {"detail"}
    again = register(verifying, email.upper(), name="Somebody else")
    assert alike(first) == alike(again)
    for answer in (register(verifying, "nonsense"), register(verifying, email, password="short")):
        problem(answer, 422)
    mails = read_mails(verifying.outbox, to=email, count=2)
    assert ["/verify-email/" in text_of(mail) for mail in mails] == [True, False]


def test_the_verified_address_opens_the_account(verifying: Running) -> None:
    """Until the link is followed a login is refused like a wrong password; afterwards it works."""
    email = f"new{next(_numbers)}@example.com"
    register(verifying, email, name="Ada")
    with ApiClient(verifying.url, verify=False) as client:
        before, nobody = client.log_in(email), client.log_in("nobody@example.com")
        assert (before.status_code, before.text) == (nobody.status_code, nobody.text)
        token = token_in(mail_with_link(verifying.outbox, "verify-email", to=email))
        done = auth(verifying, "verify-email", token=token)
        assert (done.status_code, done.content) == (204, b"")
        oauth_error(auth(verifying, "verify-email", token=token), "invalid_grant")
        assert client.log_in(email).status_code == 200
        body = client.get("/api/users/me").json()
    assert (body["is_email_verified"], body["name"]) == (True, "Ada")


def test_the_link_can_be_asked_for_again(verifying: Running) -> None:
    """A second mail brings a second link, which counts."""
    email = f"new{next(_numbers)}@example.com"
    register(verifying, email)
    mail_with_link(verifying.outbox, "verify-email", to=email)
    assert auth(verifying, "resend-verification", email=email).status_code == 202
    first, second = read_mails(verifying.outbox, to=email, count=2)
    assert link_in(first) != link_in(second)
    assert auth(verifying, "verify-email", token=token_in(second)).status_code == 204


def test_without_the_requirement_an_address_can_be_verified_all_the_same(shared: Running) -> None:
    """Registering is a 201 as always; a mail brings a link, and the account shows that it was followed."""
    email = f"new{next(_numbers)}@example.com"
    assert register(shared, email).status_code == 201
    token = token_in(mail_with_link(shared.outbox, "verify-email", to=email))
    assert auth(shared, "verify-email", token=token).status_code == 204
    with ApiClient(shared.url, verify=False) as client:
        client.log_in(email)
        assert client.get("/api/users/me").json()["is_email_verified"] is True


# another email address


def test_an_address_is_changed_by_the_link_mailed_to_it(shared: Running, sign_in: SignIn) -> None:
    """The password brings a 202; the change counts once the new address confirms it, and the old one is told."""
    user, other = somebody(shared), f"other{next(_numbers)}@example.com"
    client = sign_in(user.email)
    answer = client.post("/api/users/me/email", json={"password": PASSWORD, "email": other})
    assert answer.status_code == 202
    assert client.get("/api/users/me").json()["email"] == user.email
    told = read_mails(shared.outbox, to=user.email)
    assert all("/verify-email/" not in text_of(mail) for mail in told), "the old address can't confirm the new one"
    token = token_in(mail_with_link(shared.outbox, "verify-email", to=other))
    assert auth(shared, "verify-email", token=token).status_code == 204
    body = client.get("/api/users/me").json()
    assert (body["email"], body["is_email_verified"]) == (other, True)
    assert (log_in(shared, user.email, PASSWORD), log_in(shared, other, PASSWORD)) == (400, 200)


def test_a_change_of_address_needs_the_password_and_an_address(shared: Running, sign_in: SignIn) -> None:
    """A wrong password is a 403, an invalid email address a 422; nothing changes, and nothing is echoed."""
    client = sign_in()
    wrong = client.post("/api/users/me/email", json={"password": MARK, "email": "x@example.com"})
    assert problem(wrong, 403)["code"] == "wrong_password"
    bad = client.post("/api/users/me/email", json={"password": PASSWORD, "email": MARK})
    assert pointers(bad) == ["/email"]
    assert pointers(client.post("/api/users/me/email", json={})) == ["/password", "/email"]
    assert MARK not in wrong.text + bad.text


def test_a_change_to_a_taken_address_tells_nothing(shared: Running, sign_in: SignIn) -> None:
    """The answer is the same 202 as for a free address; no link is mailed, and the address stays its owner's."""
    owner, client = somebody(shared), sign_in()
    free = client.post(
        "/api/users/me/email", json={"password": PASSWORD, "email": f"free{next(_numbers)}@example.com"}
    )
    taken = client.post("/api/users/me/email", json={"password": PASSWORD, "email": owner.email.upper()})
    assert alike(free) == alike(taken)
    for mail in read_mails(shared.outbox, to=owner.email, count=0):
        if "/verify-email/" in text_of(mail):
            answer = auth(shared, "verify-email", token=token_in(mail))
            assert answer.status_code == 400
    assert log_in(shared, owner.email, PASSWORD) == 200


# bad input


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("forgot-password", {}),
        ("forgot-password", {"email": MARK}),
        ("forgot-password", {"email": MARK * 100}),
        ("forgot-password", {"email": {"$ne": None}}),
        ("forgot-password", {"email": "a@example.com", MARK: 1}),
        ("resend-verification", {"email": MARK}),
        ("resend-verification", {"email": ["a@example.com"]}),
        ("reset-password", {"token": MARK}),
        ("reset-password", {"token": {"$ne": None}, "password": MARK + NEW}),
        ("reset-password", {"token": "x", "password": {"$gt": MARK}}),
        ("reset-password", {"token": MARK * 200, "password": NEW}),
        ("verify-email", {"token": None}),
        ("verify-email", {"token": {"$ne": None}}),
        ("verify-email", {"token": "x", "user_id": MARK}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input_is_an_invalid_request(shared: Running, path: str, fields: dict[str, Any]) -> None:
    """Bad input is a 400 in OAuth's form, which names the field and never its content (items 32, 33)."""
    answer = auth(shared, path, **fields)
    oauth_error(answer, "invalid_request")
    assert MARK not in answer.text


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 60_000, b"email=a"], ids=ascii
)
def test_malformed_json_is_an_invalid_request(shared: Running, body: bytes) -> None:
    """This includes a body that is no JSON at all."""
    for path in ("forgot-password", "reset-password", "verify-email", "resend-verification"):
        answer = plain.post(
            f"{shared.url}/api/auth/{path}", content=body, headers={"Content-Type": "application/json"}
        )
        oauth_error(answer, "invalid_request")


def test_a_link_of_another_purpose_does_not_count(shared: Running) -> None:
    """A link that confirms an email address resets no password, nor the reverse; each still works for its own."""
    email = f"new{next(_numbers)}@example.com"
    register(shared, email)
    verify = token_in(mail_with_link(shared.outbox, "verify-email", to=email))
    reset = reset_token(shared, email)
    oauth_error(auth(shared, "reset-password", token=verify, password=NEW), "invalid_grant")
    oauth_error(auth(shared, "verify-email", token=reset), "invalid_grant")
    assert auth(shared, "verify-email", token=verify).status_code == 204
    assert auth(shared, "reset-password", token=reset, password=NEW).status_code == 204


@pytest.mark.parametrize(
    "spoil", [str.upper, str.lower, lambda token: token + "A", lambda token: token[:-1] + "_"]
)
def test_a_changed_link_does_not_count_and_uses_nothing_up(shared: Running, spoil: Callable[[str], str]) -> None:
    """Somebody who knows only a link's id can neither use the link nor use it up."""
    user = somebody(shared)
    token = reset_token(shared, user.email)
    oauth_error(auth(shared, "reset-password", token=spoil(token), password=NEW), "invalid_grant")
    oauth_error(auth(shared, "reset-password", token=token.partition(".")[0], password=NEW), "invalid_grant")
    assert auth(shared, "reset-password", token=token, password=NEW).status_code == 204


def test_a_link_is_no_bearer_token(shared: Running) -> None:
    """A link's token that is sent as a bearer token is a 401 (item 3)."""
    token = reset_token(shared, somebody(shared).email)
    answer = plain.get(f"{shared.url}/api/users/me", headers={"Authorization": f"Bearer {token}"})
    assert problem(answer, 401)["code"] == "token_invalid"


# one's data


def test_my_data_can_be_taken_away(shared: Running, sign_in: SignIn) -> None:
    """It is a JSON attachment that no cache keeps, with all of my data, none of anybody else's, and no hash."""
    client, other = sign_in(), sign_in()
    answer = client.get("/api/users/me/export")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert answer.headers["Cache-Control"] == "no-store"
    text = answer.text
    assert client.email in text  # type: ignore[attr-defined]
    assert client.get("/api/users/me").json()["id"] in text
    assert other.email not in text  # type: ignore[attr-defined]
    assert not any(word in text for word in ("$bcrypt", "password_hash", "nonce", "token_hash"))
    problem(plain.get(f"{shared.url}/api/users/me/export"), 401)
