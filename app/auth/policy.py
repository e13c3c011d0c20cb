"""Decides who may enter: markers for endpoints of both frameworks, and the one decision that is based on them.

A marker is a plain attribute on the endpoint, so the same decorator works on a Flask view and on a FastAPI
route. An endpoint without one needs a login, so it is safe to forget the marker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Generic, TypeVar

from app.auth.errors import AuthError, LoginStale, RoleMissing, ScopeMissing, TokenMissing
from app.auth.models import ADMIN, LEGACY_CLIENT, TOKEN_CLIENT, WRITE, Principal

#: How recently the password must have been proven for a sensitive action.
FRESH: Final = timedelta(minutes=15)
_MARK: Final = "__duet_policy__"
#: What to say where a login would do but this kind of token never will.
_NOT_BY_TOKEN: Final = {
    TOKEN_CLIENT: "A personal access token can't do this. Log in with the password.",
    LEGACY_CLIENT: "A token of the earlier system can't do this. Log in with the password.",
}

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a caller must be to reach an endpoint. The default asks for a login and no more."""

    is_public: bool = False
    role: str | None = None
    fresh: timedelta | None = None
    #: The endpoint changes nothing, whatever its method, so a token that may only read gets in.
    reads: bool = False

    def __str__(self) -> str:
        if self.is_public:
            return "public"
        parts = [f"role {self.role}" if self.role else "login"]
        if self.fresh is not None:
            parts.append(f"password within {self.fresh.total_seconds():g} s")
        if self.reads:
            parts.append("only reads")
        return ", ".join(parts)


LOGIN: Final = Policy()
PUBLIC: Final = Policy(is_public=True)


def public(endpoint: Endpoint) -> Endpoint:
    """Opens an endpoint to everybody. It still learns who the caller is, if they are logged in.

    Raises:
        PolicyError: the endpoint has another marker already.
    """
    return _mark(endpoint, PUBLIC)


def require(
    *, role: str | None = None, fresh: timedelta | None = None, reads: bool = False
) -> Callable[[Endpoint], Endpoint]:
    """Asks more of an endpoint's callers than a login or, with `reads`, less of their tokens.

    Args:
        role: a role that the caller's account must have.
        fresh: how long ago the password may have been proven at most.
        reads: whether it changes nothing although its method is not a safe one, such as a query sent as a form.

    Raises:
        PolicyError: the endpoint has another marker already; role and freshness go into one marker.
    """
    policy = Policy(role=role, fresh=fresh, reads=reads)
    return lambda endpoint: _mark(endpoint, policy)


def _mark(endpoint: Endpoint, policy: Policy) -> Endpoint:
    known = vars(endpoint).get(_MARK)
    if known is not None and known != policy:
        # The outer marker would silently win: a `@public` above a `@require(role=…)` would open the endpoint.
        where = f"{endpoint.__module__}.{getattr(endpoint, '__qualname__', repr(endpoint))}"
        raise PolicyError(f"{where}: it carries two markers, '{known}' and '{policy}': keep one")
    setattr(endpoint, _MARK, policy)
    return endpoint


def decide(policy: Policy, caller: Caller, now: datetime, *, writes: bool) -> Principal | None:
    """Decides whether a caller gets in. No other place does, for the pages and the API alike.

    Args:
        policy: the endpoint's policy.
        caller: what the gate found out about the request.
        now: the current instant.
        writes: whether the call may change something: its method is not a safe one (RFC 9110 section 9.2.1).

    Returns:
        The caller's principal. On a public endpoint it is None for an anonymous caller, and for a read-only token
        in a call that writes: anybody may make that call, but such a token does not make it in its owner's name.

    Raises:
        NotAuthenticated, TryLater: nobody is logged in; the gate's reason is passed on.
        ScopeMissing: the token may only read.
        RoleMissing: the caller lacks the role.
        LoginStale: the password was proven too long ago.
    """
    principal = caller.principal
    may = principal is not None and (not writes or policy.reads or WRITE in principal.scope.split())
    if policy.is_public:
        return principal if may else None
    if principal is None:
        raise caller.error or TokenMissing()
    if not may:
        raise ScopeMissing()
    if policy.role is not None and policy.role not in principal.roles:
        # Tokens of the earlier system never carry this role, not even those of an admin.
        is_earlier = principal.client_id == LEGACY_CLIENT and policy.role == ADMIN
        raise RoleMissing(policy.role, _NOT_BY_TOKEN[LEGACY_CLIENT] if is_earlier else None)
    if policy.fresh is not None and now - principal.auth_time > policy.fresh:
        raise LoginStale(policy.fresh, _NOT_BY_TOKEN.get(principal.client_id))
    return principal


# The table: every endpoint of the process with its policy, resolved once at startup.


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: what is served where, and who may call it."""

    half: str
    path: str
    methods: tuple[str, ...]
    endpoint: str
    policy: Policy

    @classmethod
    def of_root(cls, path: str, endpoint: str) -> Rule:
        """Returns the row of a route that the root serves itself and that everybody may read."""
        return cls("root", path, ("GET", "HEAD"), endpoint, PUBLIC)


@dataclass(frozen=True, slots=True)
class Covered(Generic[Part]):
    """A part of the site, and its rows of the table: the code that builds the part returns both."""

    part: Part
    rules: tuple[Rule, ...]


class PolicyError(Exception):
    """A rule for endpoints or extensions is broken, so the process does not start. The message says where."""


def policy_of(endpoint: Any, *, name: str) -> Policy:
    """Returns the policy that `endpoint` carries, or `LOGIN` if it carries none.

    Args:
        endpoint: the function that a route or URL rule calls.
        name: how messages name it.

    Raises:
        PolicyError: a marker sits on something that `endpoint` wraps, or on a method of its class, where the
            framework never looks: for example, under a decorator without `functools.wraps`. Without this check,
            a lost `@require(role=…)` would leave the endpoint open to everybody who is logged in.
    """
    return carried(endpoint, _MARK, name=name) or LOGIN


def carried(endpoint: Any, mark: str, *, name: str) -> Any:
    """Returns what a marker has put into the attribute `mark` of `endpoint`, or None if it carries none.

    Raises:
        PolicyError: the marker sits where the framework never looks; the message begins with `name`.
    """
    own = getattr(endpoint, mark, None)
    for inner in _reachable(endpoint):
        lost = getattr(inner, mark, None)
        if lost is not None and lost != own:
            where = getattr(inner, "__qualname__", repr(inner))
            raise PolicyError(
                f"{name}: the marker '{lost}' on {where} does not reach the endpoint. Put it outermost, give the "
                "decorator between them functools.wraps, or list it in the view class's 'decorators'."
            )
    return own


def _reachable(endpoint: Any) -> Iterator[Any]:
    """Yields the functions and classes that a call of `endpoint` may pass through.

    They are found in closures, partials and view classes.
    """
    seen = {id(endpoint)}
    queue = [endpoint]
    while queue:
        for inner in _parts(queue.pop()):
            if callable(inner) and id(inner) not in seen:
                seen.add(id(inner))
                queue.append(inner)
                yield inner


def _parts(thing: Any) -> Iterator[Any]:
    if isinstance(thing, partial):
        yield thing.func
    if isinstance(thing, type):
        for base in thing.__mro__[:-1]:
            yield from (value for value in vars(base).values() if callable(value))
        return
    for cell in getattr(thing, "__closure__", None) or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a cell that is not filled yet
            continue
    yield getattr(thing, "__wrapped__", None)
    yield getattr(thing, "__func__", None)
    yield getattr(thing, "view_class", None)
    if not hasattr(thing, "__code__") and not isinstance(thing, type):  # an object with __call__
        yield from getattr(thing, "__dict__", {}).values()
        yield vars(type(thing)).get("__call__")


@dataclass(frozen=True, slots=True)
class Caller:
    """What the gate found out about a request: its caller, or that there is none and why."""

    principal: Principal | None = None
    #: Why there is no principal. Always set when `principal` is None.
    error: AuthError | None = None
    #: An access token issued during this request, which the pages put into Flask's session.
    renewed: str | None = field(default=None, repr=False)
    #: Whether the caller showed a browser's session and no token.
    by_session: bool = False
