"""The files that Duet takes out of flask-swagger-ui, and why. The only importer of `flask_swagger_ui`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import flask_swagger_ui

from app.packages import PrivateNames

NAMES: Final = PrivateNames("flask-swagger-ui")

_FOLDER: Final = Path(flask_swagger_ui.__file__).parent / "dist"

#: Swagger UI itself, by the names under which the documentation serves it. Where they lie is the package's own
#: affair: what it documents is a Flask blueprint, which Duet has no use for.
FILES: Final[Mapping[str, Path]] = {name: _FOLDER / name for name in ("swagger-ui.css", "swagger-ui-bundle.js")}


def check() -> None:
    """Raises `PackageUnfit` where a file is not there."""
    for path in FILES.values():
        if not path.is_file():
            raise NAMES.gone(f"{path.parent.name}/", path.name)
