"""The routes of the root: it serves health, metrics, metadata and static files, and the halves serve the rest."""

from __future__ import annotations

from starlette.routing import Mount, Route

from app.api.well_known import create_well_known
from app.assembly.parts import Core, Halves, RootRoutes
from app.auth.policy import Rule
from app.observing.health import create_health
from app.observing.metrics import create_metrics
from app.paths import API
from app.web.static_files import static_mounts


def create_routes(core: Core, halves: Halves) -> RootRoutes:
    """Makes the routes of the root, in order. The pages come last, because they answer for every path."""
    statics = static_mounts(halves.pages.part)
    own, rules = _own_routes(core, halves)
    api = Mount(API, halves.api.part)
    return RootRoutes(
        routes=(
            *own,
            # A mount does not match `/api` itself, to which the API answers 404 as JSON.
            Route(API, halves.api.part),
            api,
            *statics,
            Mount("/", halves.bridge),
        ),
        api=api,
        rules=rules,
        open_prefixes=(*(route.path for route in own), *(f"{mount.path}/" for mount in statics)),
    )


def _own_routes(core: Core, halves: Halves) -> tuple[list[Route], tuple[Rule, ...]]:
    """Makes the routes that belong to neither half and are open to everybody; the metrics ask who reads."""
    parts = (
        create_health(core.store, core.auth),
        create_metrics(
            core.auth,
            core.store.measurements,
            core.requests,
            halves.bridge.counts,
            version=core.version,
            token=core.settings.metrics_token.get_secret_value(),
        ),
        create_well_known(core.auth),
    )
    return [route for one in parts for route in one.part], tuple(rule for one in parts for rule in one.rules)
