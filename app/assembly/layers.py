"""The layers around the root, from the inside out: the shortcut to the API, the gate, spans, and the edge."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from starlette.types import ASGIApp

from app.assembly.bodies import max_body_bytes
from app.assembly.parts import Site
from app.assembly.shortcut import Shortcut
from app.edge import Edge
from app.gate import Gate
from app.paths import HEALTHZ, METRICS, READYZ

#: What monitors and load balancers ask for. HAProxy's own check is `OPTIONS /`.
WATCHED: Final = (
    *((method, path) for method in ("GET", "HEAD") for path in (HEALTHZ, READYZ, METRICS)),
    ("OPTIONS", "/"),
    ("OPTIONS", "*"),
)


def create_layers(site: Site, root: FastAPI) -> ASGIApp:
    """Puts `root` behind the layers that a request passes first. Its error handlers must be there already."""
    settings, halves = site.core.settings, site.halves
    gate = Gate(
        Shortcut(root, site.root.api, public_url=settings.public_url),
        auth=site.core.auth,
        read_session=halves.cookie.access_token,
        read_script_session=halves.scripts.access_token,
        open_prefixes=site.root.open_prefixes,
    )
    return Edge(
        site.tracing.around(gate),
        max_body_bytes=max_body_bytes(site),
        refuse=halves.refuse,
        trusted_proxies=settings.trusted_proxies,
        https=settings.is_https,
        observe=site.core.requests.observe,
        watched=WATCHED,
    )
