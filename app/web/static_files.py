"""Serves static files of Duet and of blueprints, on the event loop, to everybody, and without a session."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from flask import Flask
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_A_YEAR: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "public, no-cache"


class _VersionedFiles(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        # A file with its hash in the URL never changes. Without it, the browser asks whether the file has changed.
        has_version = scope["query_string"].startswith(b"v=")
        response.headers["Cache-Control"] = _A_YEAR if has_version else _ASK_AGAIN
        return response


def static_paths(app: Flask) -> dict[str, str]:
    """Returns the paths of the static folders of `app` and its blueprints, by endpoint."""
    owners = {"static": app, **{f"{name}.static": blueprint for name, blueprint in app.blueprints.items()}}
    return {
        rule.endpoint: rule.rule.removesuffix("/<path:filename>")
        for rule in app.url_map.iter_rules()
        if rule.endpoint in owners and owners[rule.endpoint].has_static_folder
    }


def static_mounts(app: Flask) -> list[Mount]:
    """Returns a mount for every static folder of `app` and its blueprints."""
    mounts = []
    for endpoint, path in static_paths(app).items():
        owner_name = endpoint.rpartition(".")[0]
        owner = app.blueprints[owner_name] if owner_name else app
        mounts.append(Mount(path, _VersionedFiles(directory=owner.static_folder), name=endpoint))
    return mounts


def version_assets(app: Flask) -> None:
    """Lets `url_for` add a hash of the content to the URLs of Duet's own static files."""
    folder = Path(app.static_folder or "")

    @lru_cache(maxsize=256)
    def version(filename: str) -> str | None:
        try:
            return hashlib.sha256((folder / filename).read_bytes()).hexdigest()[:12]
        except OSError:
            return None

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "v" not in values:
            values["v"] = version(values["filename"])

    # These are for error pages that are rendered outside of a request.
    for name, filename in (("stylesheet_url", "duet.css"), ("icon_url", "duet.svg")):
        app.jinja_env.globals[name] = f"{app.static_url_path}/{filename}?v={version(filename)}"
