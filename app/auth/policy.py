"""Who may enter: markers for endpoints of both frameworks, and the one decision over them.

A marker is a plain attribute on the endpoint, so the same decorator works on a Flask view and on a FastAPI
route. An endpoint without one needs a login: forgetting is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Generic, TypeVar

from app.auth.errors import AuthError, LoginStale, RoleMissing, ScopeMissing, TokenMissing
from app.auth.models import ADMIN, LEGACY_CLIENT, TOKEN_CLIENT, WRITE, Principal

#: How recent the password's last proof must be for a sensitive act.
FRESH: Final = timedelta(minutes=15)
_MARK: Final = "__duet_policy__"
#: What to say where a login would do, and this kind of token never will.
_NOT_BY_TOKEN: Final = {
    TOKEN_CLIENT: "A personal access token can't do this. Log in with the password.",
    LEGACY_CLIENT: "A token of the earlier system can't do this. Log in with the password.",
}

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a caller must be to reach an endpoint. The default asks for a login, no more."""

    is_public: bool = False
    role: str | None = None
    fresh: timedelta | None = None
    #: It changes nothing, whatever its method: a token that may only read gets in.
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
    """Opens an endpoint to everybody. It still learns who is there, if somebody is.

    Raises:
        PolicyError: the endpoint has another marker already.
    """
    return _mark(endpoint, PUBLIC)


def require(
    *, role: str | None = None, fresh: timedelta | None = None, reads: bool = False
) -> Callable[[Endpoint], Endpoint]:
    """Asks more than a login of an endpoint's callers, or, by `reads`, less of their tokens.

    Args:
        role: a role that the caller's account must have.
        fresh: how long ago the password may have been proven, at most.
        reads: whether it changes nothing although its method is not a safe one, as a query that is sent as a form.

    Raises:
        PolicyError: the endpoint has another marker already; role and freshness go into one.
    """
    policy = Policy(role=role, fresh=fresh, reads=reads)
    return lambda endpoint: _mark(endpoint, policy)


def _mark(endpoint: Endpoint, policy: Policy) -> Endpoint:
    known = vars(endpoint).get(_MARK)
    if known is not None and known != policy:
        # The outer one would silently win: a `@public` above a `@require(role=…)` would open the endpoint.
        where = f"{endpoint.__module__}.{getattr(endpoint, '__qualname__', repr(endpoint))}"
        raise PolicyError(f"{where}: it carries two markers, '{known}' and '{policy}': keep one")
    setattr(endpoint, _MARK, policy)
    return endpoint


def decide(policy: Policy, caller: Caller, now: datetime, *, writes: bool) -> Principal | None:
    """The only place that says yes or no, for pages and API alike.

    Args:
        policy: the endpoint's.
        caller: whom the gate found.
        now: this instant.
        writes: whether the call may change something: its method is not a safe one (RFC 9110 section 9.2.1).

    Returns:
        The caller's principal; None for an anonymous caller of a public endpoint, and for a read-only token there
        that would write: what everybody may do, nobody does in the name of its owner.

    Raises:
        NotAuthenticated, TryLater: nobody is signed in; the gate's reason is passed on.
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
        # Those of the earlier system never have this role, whoever's they are.
        is_earlier = principal.client_id == LEGACY_CLIENT and policy.role == ADMIN
        raise RoleMissing(policy.role, _NOT_BY_TOKEN[LEGACY_CLIENT] if is_earlier else None)
    if policy.fresh is not None and now - principal.auth_time > policy.fresh:
        raise LoginStale(policy.fresh, _NOT_BY_TOKEN.get(principal.client_id))
    return principal


# The table: every endpoint of the process with its policy, resolved once, at start.


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
        """The row of a route that the root serves by itself: everybody may read it."""
        return cls("root", path, ("GET", "HEAD"), endpoint, PUBLIC)


@dataclass(frozen=True, slots=True)
class Covered(Generic[Part]):
    """A part of the site, and its rows of the table: who makes the one tells the other."""

    part: Part
    rules: tuple[Rule, ...]


class PolicyError(Exception):
    """The table has a hole, so the process does not start. The message names the endpoint."""


def policy_of(endpoint: Any, *, name: str) -> Policy:
    """The policy that `endpoint` carries, `LOGIN` if none.

    Args:
        endpoint: the function that a route or URL rule calls.
        name: how to name it to a person.

    Raises:
        PolicyError: a marker sits on something that `endpoint` wraps, or on a method of its class, where the
            framework will never look: under a decorator without `functools.wraps`, say. Without this check a
            lost `@require(role=…)` would leave the endpoint open to everybody signed in.
    """
    own = getattr(endpoint, _MARK, None)
    for inner in _reachable(endpoint):
        lost = getattr(inner, _MARK, None)
        if lost is not None and lost != own:
            where = getattr(inner, "__qualname__", repr(inner))
            raise PolicyError(
                f"{name}: the marker '{lost}' on {where} does not reach the endpoint. Put it outermost, give the "
                "decorator between them functools.wraps, or list it in the view class's 'decorators'."
            )
    return own or LOGIN


def _reachable(endpoint: Any) -> Iterator[Any]:
    """Functions and classes that a call of `endpoint` may pass through: closures, partials, view classes."""
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
    """What the gate found out about a request: somebody, or nobody and the reason why."""

    principal: Principal | None = None
    #: Why there is no principal. Always set when `principal` is None.
    error: AuthError | None = None
    #: An access token issued during this request, which the pages put into Flask's session.
    renewed: str | None = field(default=None, repr=False)
    #: Whether a browser's session was shown, and no token.
    by_session: bool = False
