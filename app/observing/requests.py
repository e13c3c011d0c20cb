"""What is counted of each request: read when somebody asks for `/metrics`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, Final

from app.store.figures import Distribution

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})


class Requests:
    """Requests by half, method, route and status, and how long their answers took.

    No label is a stranger's to choose: a route is the template that the app declared; what matched none has none.
    """

    def __init__(self, route_key: str) -> None:
        self._route_key = route_key
        self.counts: Counter[tuple[str, str, str, str]] = Counter()
        self.seconds: defaultdict[tuple[str, str], Distribution] = defaultdict(Distribution)

    def observe(self, scope: Mapping[str, Any], status: int | None, seconds: float) -> None:
        """One that was answered, or whose client went away before."""
        path = scope["path"]
        half = "api" if path.startswith("/api/") or path == "/api" else "pages"
        route = scope.get(self._route_key, "-")
        method = scope.get("method", "WEBSOCKET")
        self.counts[half, method if method in _METHODS else "OTHER", route, str(status or "-")] += 1
        self.seconds[half, route].add(seconds)
