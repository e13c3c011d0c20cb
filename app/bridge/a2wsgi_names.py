"""The one name that Duet takes out of a2wsgi's inside, and why. The only importer of `a2wsgi`."""

from __future__ import annotations

from typing import Final

from app.packages import PrivateNames

NAMES: Final = PrivateNames(
    "a2wsgi",
    # Makes a WSGI environ of an ASGI scope. a2wsgi documents `WSGIMiddleware` alone, which takes a thread before
    # the body is there (docs/adr/0009).
    "a2wsgi.wsgi:build_environ",
)

with NAMES.importing():
    from a2wsgi.wsgi import build_environ

__all__ = ["NAMES", "build_environ"]
