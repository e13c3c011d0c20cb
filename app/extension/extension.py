"""What an extension brings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from app.auth.errors import AuthError
from app.auth.extending import ClaimFunction, Handler, SignalKind
from app.auth.policy import Marker, Policy, PolicyError, Root, given_policy, refuse_marks
from app.auth.service import Auth
from app.settings import Settings

if TYPE_CHECKING:
    from fastapi import APIRouter
    from flask import Blueprint, Flask

#: A policy as a team writes it: `require(…)`, `public`, or a `Policy`.
Given: TypeAlias = Marker | Policy | Callable[..., object]


@dataclass(frozen=True, slots=True)
class NavLink:
    """An entry in the menu of the pages."""

    href: str
    label: str


@dataclass(frozen=True, slots=True)
class Extension:
    """A team's own part of the site.

    Args:
        name: its name in messages, which must be unique among the extensions.
        routers: FastAPI routers, each with a prefix. They are served below `/api`.
        blueprints: Flask blueprints, which are served below `/`.
        nav_links: entries for the menu, shown to people who are logged in.
        lifespan: makes an async context manager that is entered on the event loop before the first request and
            left after the last one, for example for the extension's own database.
        on: `async` functions that take a `Signal`, by what they wait for: `registered`, `logged_in`, `logged_out`,
            `roles_changed`, `deleted`. They run on the event loop, within the lifespan.
        claims: `async` functions that take a `User` (of `app.auth.models`), by the name of the claim that they put
            into access tokens, and so into `Principal.claims`. They return JSON values.
        require: the policy of all endpoints, such as `require(role="staff")`; or one for each router and each
            blueprint, by the router's prefix or the blueprint's name. An endpoint's own marker goes before it.
        errors: the HTTP status of each kind of error that the extension's own endpoints raise, such as
            `{OutOfStock: 409}`. The error's text is shown, on both halves.
        init_app: is called with the Flask app that is being made and the settings, once for each app, before the
            blueprints are registered. It is the place for Flask extensions.
    """

    name: str
    routers: Sequence[APIRouter] = ()
    blueprints: Sequence[Blueprint] = ()
    nav_links: Sequence[NavLink] = ()
    lifespan: Callable[[], AbstractAsyncContextManager[object]] | None = field(default=None)
    on: Mapping[SignalKind | str, Handler] = field(default_factory=dict)
    claims: Mapping[str, ClaimFunction] = field(default_factory=dict)
    require: Given | Mapping[str, Given] | None = None
    init_app: Callable[[Flask, Settings], object] | None = None
    errors: Mapping[type[Exception], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises `TypeError` in the line of a team's code that gives something else than is meant here."""
        self._check_parts()
        for name in ("on", "claims", "errors"):
            if not isinstance(getattr(self, name), Mapping):
                raise TypeError(f"{name}= is a dictionary")
        # What `lifespan` makes can itself be called, as a decorator.
        if isinstance(self.lifespan, AbstractAsyncContextManager):
            raise TypeError("lifespan= is the function that makes the context manager, without its call")
        for name in ("lifespan", "init_app"):
            given: Any = getattr(self, name)
            if given is not None and not callable(given):
                raise TypeError(f"{name}= is a function")

    def _check_parts(self) -> None:
        # Told by what they have, as the command line knows no web framework.
        kinds = {
            "routers": ("APIRouter", "prefix"),
            "blueprints": ("Blueprint", "url_prefix"),
            "nav_links": ("NavLink", "href"),
        }
        for name, (kind, attribute) in kinds.items():
            parts: Any = getattr(self, name)
            if not isinstance(parts, Collection) or not all(hasattr(part, attribute) for part in parts):
                raise TypeError(f"{name}= is a list of {kind}")

    def connect(self, auth: Auth) -> None:
        """Has auth call the functions in `on` and `claims`.

        Raises:
            PolicyError: there is no such signal, a claim is reserved or taken, a function is not `async`,
                something carries a marker that would have no effect, or `errors` can't hold.
        """
        for root in self.roots():
            refuse_marks(root.target, name=root.name)
        for kind, handler in self.on.items():
            auth.signals.connect(kind, handler, owner=self.name)
        for name, function in self.claims.items():
            auth.extra_claims.add(name, function, owner=self.name)
        self._check_require()
        self._check_errors()

    def roots(self) -> Iterator[Root]:
        """Yields what Duet itself calls of the extension."""
        called: dict[str, Any] = {"lifespan": self.lifespan, "init_app": self.init_app}
        called |= {f"handler of the signal '{kind}'": handler for kind, handler in self.on.items()}
        called |= {f"function of the claim '{name}'": function for name, function in self.claims.items()}
        for what, function in called.items():
            if function is not None:
                yield Root(f"extension {self.name}: its {what}", function)

    def policy_around(self, part: str) -> Policy | None:
        """Returns the policy that `require` gives to all endpoints of a part, or None.

        Args:
            part: a router's prefix, or a blueprint's name.

        Raises:
            PolicyError: it is no policy.
        """
        given = self.require.get(part) if isinstance(self.require, Mapping) else self.require
        return None if given is None else given_policy(given, owner=f"extension {self.name}")

    def verdict_on(self, error: Exception) -> tuple[int, str] | None:
        """Returns the status and the text for `error`, by the nearest of its classes in `errors`, or None."""
        status = next((self.errors[kind] for kind in type(error).__mro__ if kind in self.errors), None)
        if status is None:
            return None
        # A KeyError puts its text into quotation marks.
        words = error.args[0] if len(error.args) == 1 and isinstance(error.args[0], str) else str(error)
        return status, words

    def _check_errors(self) -> None:
        """Raises `PolicyError` if `errors` would take what Duet answers, or has a status that is no error's."""
        given: Mapping[Any, Any] = self.errors
        for kind, status in given.items():
            name = f"extension {self.name}: errors= has {getattr(kind, '__qualname__', kind)!r}"
            if not isinstance(kind, type) or not issubclass(kind, Exception):
                raise PolicyError(f"{name}, which is no class of exceptions")
            if kind is Exception or issubclass(kind, AuthError):
                raise PolicyError(f"{name}, which Duet answers itself")
            if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status <= 599:
                raise PolicyError(f"{name} with {status!r}, which is not the status of an error (400 to 599)")

    def _check_require(self) -> None:
        """Raises `PolicyError` if `require` names something that is not here, or gives something else."""
        parts = {router.prefix for router in self.routers} | {blueprint.name for blueprint in self.blueprints}
        for part in self.require if isinstance(self.require, Mapping) else parts:
            if part not in parts:
                names = ", ".join(sorted(parts)) or "none"
                raise PolicyError(f"extension {self.name}: require= names {part!r}; its parts are {names}")
            self.policy_around(part)
