"""Tells the edge how large a request's body may be: the half that answers the request knows."""

from __future__ import annotations

from starlette.types import Scope

from app.api.guard.bodies import RouteBodies
from app.assembly.parts import Site
from app.edge import MaxBodyBytes
from app.paths import is_api
from app.web.bodies import get_page_bodies


def max_body_bytes(site: Site) -> MaxBodyBytes:
    """Returns what tells, by a request's scope, how many bytes the route or page that it is for takes."""
    routes = RouteBodies(site.halves.api.part, site.core.settings.max_body_bytes)
    pages = get_page_bodies(site.halves.pages.part)

    def judge(scope: Scope) -> int:
        return routes.max_bytes(scope) if is_api(scope["path"]) else pages.max_bytes(scope)

    return judge
