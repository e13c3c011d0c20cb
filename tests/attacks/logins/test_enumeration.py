"""Item 23: status, body, headers and the steps an answer takes tell nobody who has an account."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.contextvars import get_contextvars

from app.auth.limits.throttle import GUESSES, MAILS
from app.auth.models import Client
from tests.attacks.conftest import new_address
from tests.attacks.logins.ways import post, try_api, try_page
from tests.kit.duet import PASSWORD, Browser, Running, make_settings, running
from tests.kit.mails import read_mails, receivers

WRONG = "not the password at all"
FRESH = "seven sober walruses hum"
#: Asks a Duet for something in the name of an email address.
Ask = Callable[[Running, str], httpx.Response]


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[Running]:
    """A Duet that tells strangers nothing: it has limits, and email addresses have to be confirmed."""
    with running(make_settings(tmp_path, rate_limits=True, require_verified_email=True)) as one:
        yield one


def known(duet: Running) -> str:
    """Somebody who may log in."""
    return duet.make_user(new_address(), is_email_verified=True).email


def disabled(duet: Running) -> str:
    """Somebody who may not."""
    user = duet.make_user(new_address(), is_email_verified=True)
    duet.wait(duet.auth.administration.set_active(user.id, False, Client("test")))
    return user.email


def unverified(duet: Running) -> str:
    """Somebody who has not followed the link yet."""
    return duet.make_user(new_address()).email


def locked(duet: Running) -> str:
    """Somebody whose password others keep guessing."""
    email = known(duet)
    _lock(duet, email)
    return email


def unknown_and_locked(duet: Running) -> str:
    """An email address without an account, whose password others keep guessing."""
    email = new_address()
    _lock(duet, email)
    return email


def _lock(duet: Running, email: str) -> None:
    assert [try_api(duet, email, WRONG).status_code for _ in range(GUESSES.free)] == [400] * GUESSES.free


#: Reasons to refuse a login, and the password that is tried for each.
REASONS: dict[str, tuple[Callable[[Running], str], str]] = {
    "unknown": (lambda _: new_address(), PASSWORD),
    "wrong": (known, WRONG),
    "disabled": (disabled, PASSWORD),
    "disabled, wrong": (disabled, WRONG),
    "unverified": (unverified, PASSWORD),
    "unverified, wrong": (unverified, WRONG),
    "too long": (known, "x" * 1025),
    "unknown, too long": (lambda _: new_address(), "x" * 1025),
}


def comparable(answer: httpx.Response, email: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body, without the typed email address and what differs between any two answers."""
    text = answer.text.replace(email, "(address)")
    text = re.sub(r'name="csrf_token"[^>]*value="[^"]+"|\b[0-9a-f]{16}\b', "", text)
    text = re.sub(r"Please wait \d+ (seconds?|minutes)", "Please wait", text)
    headers = {**answer.headers}
    for name in ("date", "x-request-id", "content-length"):
        headers.pop(name, None)
    if "retry-after" in headers:  # it counts down: to the next five seconds
        headers["retry-after"] = str(-(-int(headers["retry-after"]) // 5))
    headers["set-cookie"] = re.sub(r"session=[^;]*|[Ee]xpires=[^;]*", "", headers.get("set-cookie", ""))
    return answer.status_code, headers, text


@pytest.mark.parametrize(("attempt", "status"), [(try_api, 400), (try_page, 401)], ids=["api", "page"])
def test_s23_every_failed_login_looks_alike(quiet: Running, attempt: Any, status: int) -> None:
    """Unknown, wrong, disabled and unconfirmed logins get the same answer, on each half."""
    answers = {}
    for reason, (make, password) in REASONS.items():
        email = make(quiet)
        answers[reason] = comparable(attempt(quiet, email, password), email)
    assert answers["unknown"][0] == status
    for reason, answer in answers.items():
        assert answer == answers["unknown"], reason


@pytest.mark.parametrize("attempt", [try_api, try_page], ids=["api", "page"])
def test_s23_an_account_under_attack_looks_like_none(quiet: Running, attempt: Any) -> None:
    """An email address is locked by the same number of guesses, with the same words, with or without an
    account."""
    answers = []
    for make, password in ((locked, PASSWORD), (locked, WRONG), (unknown_and_locked, PASSWORD)):
        email = make(quiet)
        answers.append(comparable(attempt(quiet, email, password), email))
    assert answers[0][0] == 429
    assert answers[0] == answers[1] == answers[2]


# What strangers may ask for


def forgot_api(duet: Running, email: str) -> httpx.Response:
    """Asks for a new password over the API."""
    return post(duet, "/api/auth/forgot-password", json={"email": email})


def resend_api(duet: Running, email: str) -> httpx.Response:
    """Asks over the API for another link that confirms the email address."""
    return post(duet, "/api/auth/resend-verification", json={"email": email})


def register_api(duet: Running, email: str) -> httpx.Response:
    """Asks for an account over the API."""
    return post(duet, "/api/users", json={"email": email, "password": FRESH})


def _on_page(duet: Running, path: str, **fields: str) -> httpx.Response:
    with Browser(duet.url, verify=False) as browser:
        answer = browser.submit(path, **fields)
        if answer.status_code != 303:
            return answer
        return browser.get(answer.headers["Location"])  # where it says what came of it


def forgot_page(duet: Running, email: str) -> httpx.Response:
    """Asks for a new password on the page."""
    return _on_page(duet, "/forgot-password", email=email)


def resend_page(duet: Running, email: str) -> httpx.Response:
    """Asks for another link on the page."""
    return _on_page(duet, "/resend-verification", email=email)


def register_page(duet: Running, email: str) -> httpx.Response:
    """Asks for an account on the page."""
    return _on_page(duet, "/register", email=email, name="", password=FRESH)


ASKS: list[Ask] = [forgot_api, resend_api, register_api, forgot_page, resend_page, register_page]
every_ask = pytest.mark.parametrize("ask", ASKS, ids=lambda ask: ask.__name__)


@every_ask
def test_s23_what_strangers_ask_for_is_answered_alike(quiet: Running, ask: Ask) -> None:
    """Known, unconfirmed, disabled and unknown email addresses get the same answers, until these are a 429."""
    told = []
    for make in (known, unverified, disabled, lambda _: new_address()):
        email = make(quiet)
        told.append([comparable(ask(quiet, email), email) for _ in range(MAILS.free + 1)])
    assert [status for status, *_ in told[-1]] == [told[-1][0][0]] * MAILS.free + [429]
    assert told[-1][0][0] in (200, 202)
    for one in told:
        assert one == told[-1]


def test_s23_a_stranger_s_registration_reaches_the_owner_alone(quiet: Running) -> None:
    """Registering a taken address changes nothing, and its owner gets a mail about it, in their own spelling."""
    email = known(quiet)
    assert register_api(quiet, email.upper()).status_code == 202
    mails = read_mails(quiet.outbox, to=email)
    assert [receivers(mail) for mail in mails] == [[email]]
    assert try_api(quiet, email, FRESH).status_code == 400
    assert try_api(quiet, email, PASSWORD).status_code == 200


# The steps


@contextmanager
def steps_of(duet: Running) -> Iterator[list[str]]:
    """What requests within the block ask of the store and of the hashing threads, in order.

    A hash is noted with its cost. What runs beside the requests, such as the sending of mails, is left out.
    """
    steps: list[str] = []
    store, pool = duet.auth.accounts.store, duet.auth.passwords.queue._pool
    patched: list[tuple[Any, str]] = []

    def note(owner: Any, name: str, describe: Callable[..., str]) -> None:
        original = getattr(owner, name)

        def noting(*arguments: Any, **named: Any) -> Any:
            if "request_id" in get_contextvars():
                steps.append(describe(arguments))
            return original(*arguments, **named)

        setattr(owner, name, noting)
        patched.append((owner, name))

    for name in dir(store):
        if not name.startswith("_") and callable(getattr(store, name)):
            note(store, name, lambda _, name=name: name)
    note(pool, "submit", lambda work: " ".join(["hash", *re.findall(r"r=\d+", repr(work))]))
    try:
        yield steps
    finally:
        for owner, name in patched:
            delattr(owner, name)


@pytest.mark.parametrize("attempt", [try_api, try_page], ids=["api", "page"])
def test_s23_every_failed_login_takes_the_same_steps(quiet: Running, attempt: Any) -> None:
    """Every failed login makes the same calls to the store in the same order and one hash of the same cost."""
    taken = {}
    for reason, (make, password) in REASONS.items():
        if len(password) <= 1024:
            email = make(quiet)
            with steps_of(quiet) as steps:
                attempt(quiet, email, password)
            taken[reason] = steps
    assert f"hash r={quiet.settings.bcrypt_rounds}" in taken["unknown"], taken["unknown"]
    assert {"user_to_log_in", "hit_all", "add_audit_event"} <= set(taken["unknown"])
    for reason, one in taken.items():
        assert one == taken["unknown"], reason


def test_s23_a_locked_login_takes_the_same_steps(quiet: Running) -> None:
    """A locked login hashes nothing and reads the same counters, with or without an account."""
    taken = []
    for make in (locked, unknown_and_locked):
        email = make(quiet)
        try_api(quiet, email, WRONG)  # the first of them is noted in the audit log
        for attempt in (try_api, try_page):
            with steps_of(quiet) as steps:
                assert attempt(quiet, email, PASSWORD).status_code == 429
            taken.append(steps)
    assert taken[0]
    assert taken[0] == taken[1] == taken[2] == taken[3]
    assert not any(step.startswith("hash") for step in taken[0])


@every_ask
def test_s23_what_strangers_ask_for_takes_the_same_steps(quiet: Running, ask: Ask) -> None:
    """Whatever is looked up, hashed or written for a known email address is so for an unknown one as well."""
    taken = []
    for make in (known, unverified, disabled, lambda _: new_address()):
        email = make(quiet)
        with steps_of(quiet) as steps:
            ask(quiet, email)
        taken.append(sorted(steps))
    assert taken[-1]
    for one in taken:
        assert one == taken[-1]
