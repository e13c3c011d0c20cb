"""The composition root: makes one app of settings, store, auth, edge, gate, bridge, API and pages."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI

from app.api.fastapi_names import set_outermost
from app.assembly import (
    Core,
    Site,
    create_halves,
    create_layers,
    create_lifespan,
    create_mail,
    create_routes,
    draw_errors,
)
from app.auth.policy import PolicyError, refuse_lost_marks
from app.extension import Extension, load_extensions
from app.foundation import build_configured_auth, open_configured_store
from app.observing.requests import Requests
from app.observing.tracing import create_tracing
from app.settings import Settings, load
from app.web.context import hand_table

VERSION: Final = version("duet")


def create_app(settings: Settings | None = None, *, extensions: Sequence[Extension] = ()) -> FastAPI:
    """Makes the whole of Duet, as one ASGI app.

    Args:
        settings: the settings; read from the environment if None.
        extensions: the team's own code, in addition to what `EXTENSIONS` names.

    Returns:
        The root app. Its `state.api` and `state.pages` are the halves, `state.auth` is auth, and `state.rules` is
        the policy's table.

    Raises:
        SettingsError: a setting is malformed, weak or missing.
        PolicyError: a page or route can't be protected; the message names it.
        PackageUnfit: a package has lost a name that Duet needs.
    """
    core = _create_core(settings or load(), extensions)
    halves = create_halves(core)
    own = [root for extension in core.extensions for root in extension.roots()]
    refuse_lost_marks([*halves.pages.roots, *halves.api.roots, *own])
    routes = create_routes(core, halves)
    table = (*halves.pages.rules, *halves.api.rules, *routes.rules)
    hand_table(halves.pages.part, table)
    tracing = create_tracing(core.settings.otel_exporter_otlp_endpoint, version=VERSION)
    return _create_root(Site(core, halves, routes, table, create_mail(core), tracing))


def _create_core(settings: Settings, extensions: Sequence[Extension]) -> Core:
    """Makes the store and auth over it, and connects the extensions with auth."""
    extensions = (*extensions, *load_extensions(settings.extensions, settings))
    _refuse_duplicates(extensions)
    store = open_configured_store(settings)
    auth = build_configured_auth(settings, store)
    for extension in extensions:
        extension.connect(auth)
    return Core(VERSION, settings, extensions, store, auth, Requests())


def _create_root(site: Site) -> FastAPI:
    """Makes the root app over all parts. It has the routes and the lifespan, and answers behind the layers."""
    root = FastAPI(
        openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=create_lifespan(site)
    )
    root.router.routes[:] = site.root.routes
    root.state.api, root.state.pages = site.halves.api.part, site.halves.pages.part
    root.state.auth, root.state.rules = site.core.auth, site.table
    draw_errors(root, site.halves.refuse)
    # Set here and not added as middleware, so that nothing can get outside the edge and the gate.
    set_outermost(root, create_layers(site, root))
    return root


def _refuse_duplicates(extensions: Sequence[Extension]) -> None:
    names = [extension.name for extension in extensions]
    for name in names:
        if names.count(name) > 1:
            raise PolicyError(f"extension {name}: two extensions have this name")
