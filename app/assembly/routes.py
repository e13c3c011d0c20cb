"""What the root leads to: health, metrics, metadata and static files by itself, the rest through the halves."""

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
    """The routes of the root, in their order: the pages come last, because they answer for every path."""
    statics = static_mounts(halves.pages.part)
    own, rules = _own_routes(core, halves)
    api = Mount(API, halves.api.part)
    return RootRoutes(
        routes=(
            *own,
            # `/api` itself as well, which a mount does not match; the API says 404 to it, as JSON.
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
    """What belongs to neither half, open to everybody."""
    parts = (
        create_health(core.store, core.auth),
        create_metrics(
            core.auth, core.store.measurements, core.requests, halves.bridge.counts, version=core.version
        ),
        create_well_known(core.auth),
    )
    return [route for one in parts for route in one.part], tuple(rule for one in parts for rule in one.rules)
