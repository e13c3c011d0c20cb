"""Further people on an app that runs."""

from __future__ import annotations

from typing import Any

from app.testing import TestClient


def beside(running: TestClient, **given: Any) -> TestClient:
    """Another client of the app that `running` has started, with a cookie jar of its own.

    A client that is not entered would run each request on an event loop of its own, while the app's parts wait on
    the one that they were started on.
    """
    one = TestClient(running.app, **given)
    one.portal = running.portal
    return one
