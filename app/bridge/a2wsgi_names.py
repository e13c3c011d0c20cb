"""The one private name of a2wsgi that Duet uses, and why. No other module imports `a2wsgi`."""

from __future__ import annotations

from typing import Final

from app.packages import PrivateNames

NAMES: Final = PrivateNames(
    "a2wsgi",
    # Makes a WSGI environ from an ASGI scope. a2wsgi only documents `WSGIMiddleware`, which takes a thread before
    # the body has arrived (docs/adr/0009).
    "a2wsgi.wsgi:build_environ",
)

with NAMES.importing():
    from a2wsgi.wsgi import build_environ

__all__ = ["NAMES", "build_environ"]
