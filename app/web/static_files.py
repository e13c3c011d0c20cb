"""Serves static files of Duet and of blueprints, on the event loop, to everybody, and without a session.

Caches keep a file for ever under the address that has the hash of its own content, and under no other. Where two
versions of Duet answer behind one proxy, the older one is asked for the newer one's addresses too, and its answers
must not stay there.
"""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Any, Final, TypeAlias

from flask import Flask
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope
from werkzeug.security import safe_join

_A_YEAR: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "public, no-cache"
#: How many digits of a hash an address has.
_DIGITS: Final = 12
_Path: TypeAlias = str | os.PathLike[str]
#: What differs between two states of a file: the system sets the last of them with each change.
_State: TypeAlias = tuple[int, int, int, int]


class Hashes:
    """The hashes of files. Each is read again only if its file has changed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[_State, str]] = {}

    def of(self, path: _Path, found: os.stat_result) -> str:
        """Returns the SHA-256 of the file at `path`, whose state is `found`. Raises `OSError`."""
        known = self._known.get(str(path))
        if known is not None and known[0] == _state(found):
            return known[1]
        with open(path, "rb") as file:
            state = _state(os.fstat(file.fileno()))
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._known[str(path)] = state, digest
        return digest


def _state(found: os.stat_result) -> _State:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class _VersionedFiles(StaticFiles):
    def __init__(self, directory: _Path | None) -> None:
        super().__init__(directory=directory)
        self._hashes = Hashes()

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Also reads the file if its hash is not known: this runs in a thread, unlike what follows."""
        full_path, found = super().lookup_path(path)
        if found is not None and stat.S_ISREG(found.st_mode):
            self._hashes.of(full_path, found)
        return full_path, found

    def file_response(
        self, full_path: _Path, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        digest = self._hashes.of(full_path, stat_result)
        is_own = scope["query_string"] == b"v=" + digest[:_DIGITS].encode()
        headers = {"ETag": f'"{digest[:32]}"', "Cache-Control": _A_YEAR if is_own else _ASK_AGAIN}
        response = FileResponse(full_path, status_code, headers, stat_result=stat_result)
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response

    def is_not_modified(self, response_headers: Headers, request_headers: Headers) -> bool:
        """Goes by the hash alone: files of two versions may have the same date, as those of an image often do."""
        return "if-none-match" in request_headers and super().is_not_modified(response_headers, request_headers)


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
    return [
        Mount(path, _VersionedFiles(_folder(app, endpoint)), name=endpoint)
        for endpoint, path in static_paths(app).items()
    ]


def _folder(app: Flask, endpoint: str) -> str | None:
    """Returns the folder of the files that the endpoint of a static folder serves."""
    owner = endpoint.rpartition(".")[0]
    return app.blueprints[owner].static_folder if owner else app.static_folder


def version_assets(app: Flask) -> None:
    """Lets `url_for` add a hash of the content to the URLs of static files, Duet's own and those of blueprints."""
    hashes = Hashes()

    def version(endpoint: str, filename: str) -> str | None:
        path = safe_join(_folder(app, endpoint) or "", filename)
        try:
            return None if path is None else hashes.of(path, os.stat(path))[:_DIGITS]
        except (OSError, ValueError):  # a file that is not there, or a name that none can have
            return None

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        is_static = endpoint == "static" or (endpoint.endswith(".static") and endpoint[:-7] in app.blueprints)
        if is_static and "v" not in values and isinstance(values.get("filename"), str):
            values["v"] = version(endpoint, values["filename"])

    # These are for error pages that are rendered outside of a request.
    for name, filename in (("stylesheet_url", "duet.css"), ("icon_url", "duet.svg")):
        app.jinja_env.globals[name] = f"{app.static_url_path}/{filename}?v={version('static', filename)}"
