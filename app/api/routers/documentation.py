"""`/api/openapi.json` and `/api/docs`: Swagger UI from a pinned package, without a script in the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.exceptions import HTTPException

from app.api.guard.guard import OwnRoute
from app.api.swagger_ui_names import FILES
from app.auth.policy import public
from app.paths import API, STATIC

router = APIRouter(include_in_schema=False, route_class=OwnRoute)

_ASSETS: Final = {**FILES, "start.js": Path(__file__).parent.parent / "static" / "swagger-start.js"}
_DESCRIPTION: Final = f"{API}/openapi.json"
_PAGE: Final = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API · Duet</title>
<link rel="icon" href="{STATIC}/duet.svg" type="image/svg+xml">
<link rel="stylesheet" href="{API}/docs/swagger-ui.css">
</head>
<body>
<nav class="swagger-ui"><p class="wrapper link"><a class="nostyle" href="/">← Back to the site</a></p></nav>
<main id="swagger"></main>
<noscript>This page needs JavaScript. The description: <a href="{_DESCRIPTION}">{_DESCRIPTION}</a></noscript>
<script src="{API}/docs/swagger-ui-bundle.js"></script>
<script src="{API}/docs/start.js"></script>
</body>
</html>
"""
# The policy of every page, with `data:` added, from which Swagger UI draws its icons. Its script sets styles one
# by one, which needs no 'unsafe-inline'. tests/browser/test_docs.py shows both.
_POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)


@router.get("/openapi.json")
@public
async def openapi(request: Request) -> dict[str, Any]:
    """Returns the OpenAPI description."""
    description: dict[str, Any] = request.app.openapi()
    return description


@router.get("/docs")
@public
async def docs() -> Response:
    """Returns the page of Swagger UI."""
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"})


@router.get("/docs/{name}")
@public
async def asset(name: str) -> Response:
    """Returns a file of Swagger UI."""
    path = _ASSETS.get(name)
    if path is None:
        raise HTTPException(404)
    return FileResponse(path, headers={"Cache-Control": "no-cache"})
