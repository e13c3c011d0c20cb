"""How large a body each route takes, for the edge to ask before it reads one."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from app.api.guard.guard import OwnRoute
from app.bodies import own_limit
from app.paths import API


class RouteBodies:
    """Knows the limit of each route of the API.

    A team's route may have FastAPI's `max_body_size`, its own or that of a router around it. The guard makes the
    marker one.

    Args:
        api: the API, with all its routes.
        max_body_bytes: what a route takes that has no other limit.
    """

    def __init__(self, api: FastAPI, max_body_bytes: int) -> None:
        own = own_limit(max_body_bytes).max_bytes
        self._usual = max_body_bytes
        self._limits: list[tuple[BaseRoute, int]] = []
        for route in api.routes:
            given: int | None = getattr(route, "max_body_size", None)
            if isinstance(route, OwnRoute):
                self._limits.append((route, own))
            else:
                self._limits.append((route, max_body_bytes if given is None else given))

    def max_bytes(self, scope: Scope) -> int:
        """Returns how many bytes the route that answers a request with this scope takes.

        Nothing reads the body where no route answers. There the usual limit holds, so that what would be permitted
        elsewhere is a 404 and not a 413.
        """
        inner = {**scope, "root_path": API}
        found = (limit for route, limit in self._limits if route.matches(inner)[0] is Match.FULL)
        return next(found, self._usual)
