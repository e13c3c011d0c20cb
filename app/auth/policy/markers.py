"""The markers `@public` and `@require`, which are plain attributes: the same ones serve views and routes.

An endpoint without one needs a login, so it is safe to forget the marker. A marker that guards nothing stops the
start by name: whoever wrote it believes that it does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any, Final, TypeVar

from app.auth.models import is_role
from app.auth.policy.decision import LOGIN, PUBLIC, Policy
from app.auth.policy.errors import PolicyError
from app.auth.policy.parts import attribute, is_a, name_of, reachable

_MARK: Final = "__duet_policy__"
#: Where a marker for the size of bodies leaves what it says. It is an endpoint's, too.
BODY_MARK: Final = "__duet_body_limit__"
_INSTEAD: Final = (
    "Markers go above views and routes. For all endpoints of a blueprint or router there is Extension(require=…)."
)

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class Marker:
    """What `require(…)` returns: it is put above an endpoint, or handed to `Extension(require=…)`."""

    __slots__ = ("policy",)

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def __call__(self, endpoint: Endpoint) -> Endpoint:
        """Marks `endpoint`. Raises `PolicyError` if it has another marker already."""
        return _mark(endpoint, self.policy)


def public(endpoint: Endpoint) -> Endpoint:
    """Opens an endpoint to everybody. It still learns who the caller is, if they are logged in.

    Raises:
        PolicyError: the endpoint has another marker already.
    """
    return _mark(endpoint, PUBLIC)


def require(
    *, role: str | Collection[str] | None = None, fresh: timedelta | None = None, reads: bool = False
) -> Marker:
    """Asks more of an endpoint's callers than a login or, with `reads`, less of their tokens.

    Args:
        role: a role that the caller's account must have, or several, any of which will do.
        fresh: how long ago the password may have been proven at most.
        reads: whether it changes nothing although its method is not a safe one, such as a query sent as a form.

    Raises:
        PolicyError: a role that no account can have, a time that is none; or, once it is put above an endpoint,
            that this has another marker already: role and freshness go into one marker.
    """
    _refuse_senseless(fresh, reads)
    return Marker(Policy(role=None if role is None else _roles(role), fresh=fresh, reads=reads))


def _refuse_senseless(fresh: object, reads: object) -> None:
    """Raises `PolicyError` for what would fail, or mean nothing, at each request."""
    if fresh is not None and not (isinstance(fresh, timedelta) and fresh >= timedelta()):
        raise PolicyError(f"require(fresh={fresh!r}): it is a timedelta, such as timedelta(minutes=5)")
    if not isinstance(reads, bool):
        raise PolicyError(f"require(reads={reads!r}): it is True or False")


def _roles(given: object) -> str | tuple[str, ...]:
    """Returns the role, or the roles as a tuple, each once. Raises `PolicyError`."""
    every = list(given) if isinstance(given, list | tuple | set | frozenset) else [given]
    roles = [role for role in every if isinstance(role, str) and is_role(role)]
    if not every or len(roles) < len(every):
        # Nobody has such a role, so the endpoint would be closed to everybody, and a typo hard to find.
        raise PolicyError(
            f"require(role={given!r}): it is a word, such as 'admin', or several: ('admin', 'editor')"
        )
    roles = sorted(set(roles), key=roles.index)
    return roles[0] if len(roles) == 1 else tuple(roles)


def _mark(endpoint: Endpoint, policy: Policy) -> Endpoint:
    known = mark_of(endpoint)
    if known is not None and known != policy:
        # The outer marker would silently win: a `@public` above a `@require(role=…)` would open the endpoint.
        raise PolicyError(f"{name_of(endpoint)}: it carries two markers, '{known}' and '{policy}': keep one")
    try:
        setattr(endpoint, _MARK, policy)
    except (AttributeError, TypeError):  # a bound method, a builtin
        raise PolicyError(f"{name_of(endpoint)}: it can't carry the marker '{policy}'. {_INSTEAD}") from None
    return endpoint


def mark_of(thing: Any) -> Policy | None:
    """Returns the policy that `thing` carries itself, or None. What its class carries is not its own."""
    mark = (attribute(thing, "__dict__") or {}).get(_MARK)
    return mark if isinstance(mark, Policy) else None


def given_policy(given: object, *, owner: str) -> Policy:
    """Returns the policy that a team gave: by `require(…)`, by `public`, or as a `Policy`.

    Raises:
        PolicyError: it is none of these. The message begins with `owner`.
    """
    if isinstance(given, Marker):
        return given.policy
    if given is public:
        return PUBLIC
    if isinstance(given, Policy):
        return given if given.is_public else require(role=given.role, fresh=given.fresh, reads=given.reads).policy
    raise PolicyError(f"{owner}: require= is a policy, such as require(role='admin'), and not {given!r}")


def policy_of(endpoint: Any, *, name: str, around: Policy | None = None) -> Policy:
    """Returns the policy of `endpoint`: what it carries, within `around`; or `LOGIN` if there is neither.

    Args:
        endpoint: the function that a route or URL rule calls.
        name: how messages name it.
        around: the policy of everything beside it, if an extension gave one.

    Raises:
        PolicyError: a marker sits on something that `endpoint` wraps, or on a method of its class, where the
            framework never looks: for example, under a decorator without `functools.wraps`. Without this check,
            a lost `@require(role=…)` would leave the endpoint open to everybody who is logged in.
    """
    if is_marker(endpoint):
        raise PolicyError(f"{name}: its endpoint is a marker, not a function. {_INSTEAD}")
    own: Policy | None = carried(endpoint, _MARK, name=name)
    if around is None:
        return own or LOGIN
    return around if own is None else own.within(around)


def carried(endpoint: Any, mark: str, *, name: str) -> Any:
    """Returns what a marker has put into the attribute `mark` of `endpoint`, or None if it carries none.

    Raises:
        PolicyError: the marker sits where the framework never looks; the message begins with `name`.
    """
    own = attribute(endpoint, mark)
    for inner in reachable(endpoint):
        lost = attribute(inner, mark)
        if lost is not None and lost != own:
            raise PolicyError(
                f"{name}: the marker '{lost}' on {name_of(inner, short=True)} does not reach the endpoint. Put it "
                "outermost, give the decorator between them functools.wraps, or list it in the view class's "
                "'decorators'."
            )
    return own


def is_marker(thing: Any) -> bool:
    """Tells whether `thing` is a marker, where something that a marker could be put on belongs."""
    return is_a(thing, Marker) or thing is public or thing is require


def refuse_marks(thing: Any, *, name: str, allowed: Policy | None = None) -> None:
    """Refuses a marker on something that is no endpoint: a hook, a dependency, a blueprint, a handler.

    Nobody would look at it there, and everybody would get in.

    Args:
        thing: what the framework calls or holds.
        name: how messages name it.
        allowed: a marker that may be there, because the endpoint has the same.

    Raises:
        PolicyError: `thing`, what it wraps, or a method of its class carries a marker, or it is one.
    """
    if is_marker(thing):
        raise PolicyError(f"{name} is a marker, which does nothing there. {_INSTEAD}")
    for one in (thing, *reachable(thing, held=False)):
        mark = mark_of(one)
        if mark is None or mark == allowed:
            mark = (attribute(one, "__dict__") or {}).get(BODY_MARK)
        if mark is not None:
            on = "" if one is thing else f" on {name_of(one, short=True)}"
            raise PolicyError(f"{name}: the marker '{mark}'{on} has no effect there. {_INSTEAD}")
