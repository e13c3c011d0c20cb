"""How a team adds its own code: routers for the API, blueprints for the pages, both protected by default."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from app.auth.extending import ClaimFunction, Handler, Signal, SignalKind
from app.auth.policy import PolicyError
from app.auth.service import Auth
from app.bodies import max_body_bytes
from app.settings import Settings, SettingsError

if TYPE_CHECKING:
    from fastapi import APIRouter
    from flask import Blueprint

__all__ = ["Extension", "NavLink", "SettingsError", "Signal", "SignalKind", "load_extensions", "max_body_bytes"]


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
    """

    name: str
    routers: Sequence[APIRouter] = ()
    blueprints: Sequence[Blueprint] = ()
    nav_links: Sequence[NavLink] = ()
    lifespan: Callable[[], AbstractAsyncContextManager[object]] | None = field(default=None)
    on: Mapping[SignalKind | str, Handler] = field(default_factory=dict)
    claims: Mapping[str, ClaimFunction] = field(default_factory=dict)

    def connect(self, auth: Auth) -> None:
        """Has auth call the functions in `on` and `claims`.

        Raises:
            PolicyError: there is no such signal, a claim is reserved or taken, or a function is not `async`.
        """
        for kind, handler in self.on.items():
            auth.signals.connect(kind, handler, owner=self.name)
        for name, function in self.claims.items():
            auth.extra_claims.add(name, function, owner=self.name)


def load_extensions(names: Sequence[str], settings: Settings) -> tuple[Extension, ...]:
    """Loads what `EXTENSIONS` names: each is an `Extension`, or a function from the settings to an `Extension`.

    Raises:
        SettingsError: a module or attribute is missing, or is something else.
    """
    return tuple(_load(name, settings) for name in names)


def _load(name: str, settings: Settings) -> Extension:
    module_name, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"EXTENSIONS: can't load {name}: {error}") from error
    extension = found(settings) if callable(found) else found
    if not isinstance(extension, Extension):
        raise SettingsError(f"EXTENSIONS: {name} is a {type(extension).__name__}, not an Extension")
    return extension


class Claims:
    """Knows who owns which part of the site: the first word of a path belongs to Duet or to one extension.

    Args:
        root: the path that all these paths are below, for messages: `/api`, or nothing for the pages.
        own: the words that belong to Duet.
    """

    def __init__(self, root: str, own: Iterable[str]) -> None:
        self._root = root
        self._owners: dict[str, str | None] = dict.fromkeys(own)  # None is Duet, which is no extension's name
        self._prefixes: set[str] = set()

    def claim(self, prefix: str, name: str) -> None:
        """Gives `prefix` and its first word to the extension `name`. Raises `PolicyError`."""
        self.check(prefix, name)
        plain = prefix.rstrip("/")
        if plain in self._prefixes:
            raise PolicyError(f"extension {name}: the prefix {self._root}{plain} is taken twice")
        self._prefixes.add(plain)
        self._owners[_first_word(prefix)] = name

    def check(self, path: str, name: str) -> None:
        """Raises `PolicyError` if `path` is below a word that another owner has claimed."""
        owner = self._owners.get(_first_word(path), name)
        if owner != name:
            raise PolicyError(f"extension {name}: {self._root}{path} belongs to {owner or 'Duet'} already")


def _first_word(path: str) -> str:
    return path.lstrip("/").partition("/")[0]
