"""The one decision on access, and the markers that lead to it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.views import MethodView, View

from app.auth.errors import (
    AuthError,
    LoginStale,
    RoleMissing,
    ScopeMissing,
    SessionRevoked,
    StoreUnavailable,
    TokenMissing,
)
from app.auth.models import Principal
from app.auth.policy import LOGIN, PUBLIC, Caller, Policy, PolicyError, decide, policy_of, public, require

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
FRESH = timedelta(minutes=5)


def somebody(*roles: str, age: timedelta = timedelta(), scope: str = "read write") -> Caller:
    """A caller with `roles`, who proved the password `age` ago."""
    principal = Principal(
        "user-1", "session-1", "api", frozenset(roles), scope, NOW - age, ("pwd",), 1, "token-1", NOW, NOW
    )
    return Caller(principal)


NOBODY = Caller(error=TokenMissing())


def outcome(policy: Policy, caller: Caller, *, writes: bool = True) -> type[AuthError] | bool:
    """The kind of refusal, or whether the caller is known."""
    try:
        return decide(policy, caller, NOW, writes=writes) is not None
    except AuthError as refusal:
        return type(refusal)


@pytest.mark.parametrize(
    ("policy", "caller", "expected"),
    [
        (PUBLIC, NOBODY, False),
        (PUBLIC, somebody(), True),
        (PUBLIC, Caller(error=SessionRevoked()), False),
        (PUBLIC, Caller(error=StoreUnavailable()), False),
        (LOGIN, NOBODY, TokenMissing),
        (LOGIN, Caller(), TokenMissing),
        (LOGIN, Caller(error=SessionRevoked()), SessionRevoked),
        (LOGIN, Caller(error=StoreUnavailable()), StoreUnavailable),
        (LOGIN, somebody(), True),
        (Policy(role="admin"), NOBODY, TokenMissing),
        (Policy(role="admin"), somebody(), RoleMissing),
        (Policy(role="admin"), somebody("Admin", "administrator", "admin "), RoleMissing),
        (Policy(role="admin"), somebody("editor", "admin"), True),
        (Policy(role=("editor", "admin")), somebody("admin"), True),
        (Policy(role=("editor", "admin")), somebody("editor", "other"), True),
        (Policy(role=("editor", "admin")), somebody("other", "editoradmin"), RoleMissing),
        (Policy(role=("editor", "admin")), NOBODY, TokenMissing),
        (Policy(role=()), somebody("admin"), RoleMissing),
        (Policy(fresh=FRESH), NOBODY, TokenMissing),
        (Policy(fresh=FRESH), somebody(age=FRESH), True),
        (Policy(fresh=FRESH), somebody(age=FRESH + timedelta(milliseconds=1)), LoginStale),
        (Policy(fresh=timedelta(0)), somebody(age=timedelta(seconds=1)), LoginStale),
        (Policy(role="admin", fresh=FRESH), somebody(age=timedelta(days=1)), RoleMissing),
        (Policy(role="admin", fresh=FRESH), somebody("admin", age=timedelta(days=1)), LoginStale),
        (Policy(role="admin", fresh=FRESH), somebody("admin"), True),
    ],
)
def test_the_decision(policy: Policy, caller: Caller, expected: type[AuthError] | bool) -> None:
    """For each kind of endpoint and of caller the decision is right, and the gate's reason is passed on."""
    assert outcome(policy, caller, writes=False) == expected
    assert outcome(policy, caller, writes=True) == expected  # with the scope to write, this makes no difference


@pytest.mark.parametrize("scope", ["read", "", "reread write-only", "WRITE", "write,read", "rewrite"])
def test_a_token_without_the_scope_to_write_reads(scope: str) -> None:
    """The token reads what its owner may read and writes nowhere; where everybody may write, it counts as
    nobody."""
    reader, admin = somebody(scope=scope), somebody("admin", scope=scope)
    policies = (PUBLIC, LOGIN, Policy(role="admin"), Policy(fresh=FRESH))
    assert [outcome(one, admin, writes=False) for one in policies] == [True] * 4
    assert [outcome(one, admin) for one in policies] == [False, *[ScopeMissing] * 3]
    assert outcome(Policy(role="admin"), reader) is ScopeMissing
    assert outcome(LOGIN, NOBODY) is TokenMissing


@pytest.mark.parametrize("role", ["", "admin"])
def test_an_empty_role_is_a_role(role: str) -> None:
    """`require(role='')` lets nobody in, because nobody has that role."""
    assert outcome(Policy(role=role), somebody()) is RoleMissing


def test_policies_name_themselves() -> None:
    """The names are as the messages at the start and the admins' table show them."""
    shown = [str(one) for one in (PUBLIC, LOGIN, Policy(role="admin"), Policy(role="a", fresh=FRESH))]
    assert shown == ["public", "login", "role admin", "role a, password within 300 s"]


@pytest.mark.parametrize(
    ("own", "around", "expected"),
    [
        (LOGIN, Policy(role="staff"), Policy(role="staff")),
        (Policy(role="admin"), Policy(role="staff", fresh=FRESH), Policy(role="admin", fresh=FRESH)),
        (Policy(fresh=FRESH), Policy(role=("a", "b")), Policy(role=("a", "b"), fresh=FRESH)),
        (Policy(reads=True), Policy(role="staff"), Policy(role="staff", reads=True)),
        (PUBLIC, Policy(role="staff"), PUBLIC),
        (Policy(role="staff"), PUBLIC, Policy(role="staff")),
    ],
)
def test_a_policy_leaves_to_the_one_around_it_what_it_does_not_say(
    own: Policy, around: Policy, expected: Policy
) -> None:
    """An endpoint's own marker goes before its extension's policy, and a freshness alone loses no role."""
    assert own.within(around) == expected


# markers


def view() -> str:
    """An endpoint."""
    return "here"


def marked() -> Callable[[], str]:
    """A fresh endpoint that only admins may call."""

    @require(role="admin")
    def secret() -> str:
        return "secret"

    return secret


def honest(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as it should be."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def forgetful(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that forgot `functools.wraps`."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Wrapper:
    """A decorator that is an object."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any) -> Any:
        """Calls what it wraps."""
        return self.function(*args)


class Unmarked(MethodView):
    """A view class without a marker."""

    def get(self) -> str:
        """An endpoint."""
        return "get"


class OnMethod(MethodView):
    """A view class with the marker where Flask never looks."""

    @require(role="admin")
    def post(self) -> str:
        """A marked method whose marker is lost."""
        return "post"


class Inherits(OnMethod):
    """A subclass of the view class with the lost marker."""


class OnDispatch(View):
    """A view class with the marker on the method that Flask's function calls."""

    @require(role="admin")
    def dispatch_request(self) -> str:
        """A marked method whose marker is lost."""
        return "dispatched"


class OnClass(MethodView):
    """A view class that is to be marked as a whole."""

    def get(self) -> str:
        """A method that the class's marker would not guard."""
        return "get"


class ByDecorators(MethodView):
    """A view class that is marked as Flask's documentation says."""

    decorators = [require(role="admin")]  # noqa: RUF012 - as Flask has it

    def get(self) -> str:
        """A method that the marker guards."""
        return "get"


def test_an_endpoint_without_a_marker_needs_a_login() -> None:
    """A forgotten marker does no harm."""
    assert policy_of(view, name="x") == LOGIN
    for endpoint in (functools.partial(view), forgetful(view), Wrapper(view), Unmarked.as_view("x"), len):
        assert policy_of(endpoint, name="x") == LOGIN


def test_a_marker_that_reaches_the_endpoint_counts() -> None:
    """A marker may be direct, outermost, under `functools.wraps`, or in a view class's `decorators`."""
    admin = Policy(role="admin")
    assert policy_of(marked(), name="x") == admin
    assert policy_of(honest(marked()), name="x") == admin
    assert policy_of(honest(honest(marked())), name="x") == admin
    assert policy_of(require(role="admin")(forgetful(view)), name="x") == admin
    assert policy_of(require(role="admin")(Wrapper(view)), name="x") == admin
    assert policy_of(ByDecorators.as_view("x"), name="x") == admin

    @public
    def open_to_all() -> str:
        return "hello"

    assert policy_of(honest(open_to_all), name="x") == PUBLIC


@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param(lambda: OnMethod.as_view("x"), id="method of a MethodView"),
        pytest.param(lambda: Inherits.as_view("x"), id="inherited method"),
        pytest.param(lambda: OnDispatch.as_view("x"), id="dispatch_request"),
        pytest.param(lambda: require(role="admin")(OnClass).as_view("x"), id="the class itself"),
        pytest.param(lambda: forgetful(marked()), id="decorator without wraps"),
        pytest.param(lambda: forgetful(forgetful(marked())), id="two of them"),
        pytest.param(lambda: honest(forgetful(marked())), id="wraps around one without"),
        pytest.param(lambda: functools.partial(marked()), id="partial"),
        pytest.param(lambda: functools.partial(forgetful(marked())), id="partial of a closure"),
        pytest.param(lambda: Wrapper(marked()), id="object"),
        pytest.param(lambda: public(forgetful(marked())), id="public over a lost one"),
        pytest.param(lambda: forgetful(OnMethod().post), id="bound method"),
    ],
)
def test_a_lost_marker_stops_the_start_by_name(endpoint: Callable[[], Any]) -> None:
    """A marker that the framework would never see is an error at the start, and never an open endpoint."""
    with pytest.raises(PolicyError, match=r"^GET /vault: the marker"):
        policy_of(endpoint(), name="GET /vault")


def test_two_markers_on_one_endpoint_stop_the_start() -> None:
    """Whichever marker is outermost, the author meant both, and only one would count."""
    with pytest.raises(PolicyError, match="role admin"):
        policy_of(require(role="user")(honest(marked())), name="GET /vault")
