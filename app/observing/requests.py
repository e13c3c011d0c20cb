"""Counts requests, for the metrics."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, Final

from app.paths import is_api
from app.scope import ROUTE
from app.store.measurements import Distribution

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})


class Requests:
    """Counts requests by half, method, route and status, and measures how long their answers took.

    A stranger can't choose any label: a route is the template that the app declared, or '-' if none matched.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, str, str]] = Counter()
        self.seconds: defaultdict[tuple[str, str], Distribution] = defaultdict(Distribution)

    def observe(self, scope: Mapping[str, Any], status: int | None, seconds: float) -> None:
        """Counts a request that was answered, or whose client went away first (`status` is None then)."""
        half = "api" if is_api(scope["path"]) else "pages"
        route = scope.get(ROUTE, "-")
        method = scope.get("method", "WEBSOCKET")
        self.counts[half, method if method in _METHODS else "OTHER", route, str(status or "-")] += 1
        self.seconds[half, route].add(seconds)
