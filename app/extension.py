"""How a team adds its own code: routers for the API, blueprints for the pages, both protected by default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from app.secret_key import SettingsError
from app.settings import Settings

if TYPE_CHECKING:
    from fastapi import APIRouter
    from flask import Blueprint


@dataclass(frozen=True, slots=True)
class NavLink:
    """An entry in the menu of the pages."""

    href: str
    label: str


@dataclass(frozen=True, slots=True)
class Extension:
    """A team's own part of the site.

    Args:
        name: names it in messages; unique among the extensions.
        routers: FastAPI routers, each with a prefix; they are served below `/api`.
        blueprints: Flask blueprints, served below `/`.
        nav_links: entries for the menu, shown to whoever is signed in.
        lifespan: makes an async context manager that is entered on the event loop before the first request, and
            left after the last: for the extension's own database, say.
    """

    name: str
    routers: Sequence[APIRouter] = ()
    blueprints: Sequence[Blueprint] = ()
    nav_links: Sequence[NavLink] = ()
    lifespan: Callable[[], AbstractAsyncContextManager[object]] | None = field(default=None)


def load_extensions(names: Sequence[str], settings: Settings) -> tuple[Extension, ...]:
    """The extensions that `EXTENSIONS` names: each an `Extension`, or a function from the settings to one.

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
