"""RFC 6750's challenges: on every refusal for want of a token or of its rights, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

import pytest

from app.api.errors.errors import _headers
from app.auth import errors
from app.auth.errors import AuthError, LoginStale, NotAuthenticated, RoleMissing, ScopeMissing, TokenMissing
from tests.api.answers import plain
from tests.kit.duet import ApiClient, Running

SignIn = Callable[..., ApiClient]
# Each value is quoted, and has only the characters that are allowed there (RFC 6750 section 3).
_PARAMETER: Final = re.compile(r'([a-z_]+)="([\x20\x21\x23-\x5b\x5d-\x7e]+)"')


def parse(challenge: str) -> dict[str, str]:
    """The parameters of a challenge; checks that it is `Bearer` and well-formed as a whole."""
    scheme, _, rest = challenge.partition(" ")
    assert scheme == "Bearer"
    parameters = dict(_PARAMETER.findall(rest))
    assert rest == ", ".join(f'{name}="{value}"' for name, value in parameters.items()), challenge
    return parameters


def calls(shared: Running) -> Iterator[tuple[str, str]]:
    """Method and URL of each call of the API that needs a login."""
    for rule in shared.app.state.rules:
        if rule.half == "api" and not rule.policy.is_public:
            for method in rule.methods:
                yield method, shared.url + re.sub(r"\{\w+\}", "x", rule.path)


def test_every_call_of_the_api_asks_for_a_token(shared: Running) -> None:
    """The challenge names no error where no token was shown, and the error of a bad one (section 3.1)."""
    count = 0
    for method, url in calls(shared):
        answer = plain.request(method, url)
        assert (answer.status_code, answer.headers.get("WWW-Authenticate")) == (401, "Bearer"), (method, url)
        answer = plain.request(method, url, headers={"Authorization": "Bearer nonsense"})
        assert answer.status_code == 401
        told = parse(answer.headers["WWW-Authenticate"])
        assert told == {"error": "invalid_token", "error_description": "The token is not valid."}, (method, url)
        count += 1
    assert count > 20


def test_every_call_that_writes_says_which_scope_it_needs(shared: Running, sign_in: SignIn) -> None:
    """A read-only token is told the scope, even an admin's whose role would suffice."""
    client = sign_in(roles=["admin"])
    form = {"grant_type": "refresh_token", "refresh_token": client.refresh_token, "scope": "read"}
    client._keep(client.post("/api/auth/token", data=form))
    count = 0
    for method, url in calls(shared):
        if method in ("GET", "HEAD") or url.endswith("/introspect"):
            continue
        answer = client.request(method, url)
        assert answer.status_code == 403, (method, url)
        told = parse(answer.headers["WWW-Authenticate"])
        assert (told["error"], told["scope"]) == ("insufficient_scope", "write"), (method, url)
        count += 1
    assert count > 10


def test_a_missing_role_is_no_question_of_scope(sign_in: SignIn) -> None:
    """The error is `insufficient_scope`, as the contract says, and no scope is named, because none would help."""
    answer = sign_in().get("/api/admin/users")
    assert (answer.status_code, parse(answer.headers["WWW-Authenticate"])) == (
        403,
        {"error": "insufficient_scope"},
    )


def kinds(base: type[AuthError]) -> Iterator[type[AuthError]]:
    """`base` and every error class below it."""
    yield base
    for kind in base.__subclasses__():
        yield from kinds(kind)


@pytest.mark.parametrize(
    "message", ['say "please"', "a\\b", "a\r\nSet-Cookie: a=b", "naïve 日本", "tab\there", ""]
)
@pytest.mark.parametrize("kind", sorted(set(kinds(NotAuthenticated)), key=repr))
def test_no_message_breaks_out_of_its_quotation_marks(kind: type[AuthError], message: str) -> None:
    """Any message of any error class, a team's own included, yields one challenge on one line."""
    error = kind.__new__(kind)
    AuthError.__init__(error, message or None)
    challenge = _headers(error, by_session=False)["WWW-Authenticate"]
    assert parse(challenge).get("error") == (None if isinstance(error, TokenMissing) else "invalid_token")


def test_what_is_not_about_the_token_is_no_challenge() -> None:
    """A wrong password, a closed registration or a missing thing must not make a client throw its token away."""
    about_the_token = (NotAuthenticated, LoginStale, RoleMissing, ScopeMissing)
    others = [
        kind
        for kind in kinds(AuthError)
        if not issubclass(kind, about_the_token) and kind.__module__ == errors.__name__
    ]
    assert len(others) > 8
    for kind in others:
        error = kind.__new__(kind)
        AuthError.__init__(error)
        if not isinstance(error, errors.TryLater):
            assert _headers(error, by_session=False) == {}, kind
    stale = _headers(LoginStale(timedelta(minutes=15)), by_session=False)["WWW-Authenticate"]
    assert parse(stale) == {"error": "insufficient_user_authentication", "max_age": "900"}
