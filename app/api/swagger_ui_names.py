"""The files of flask-swagger-ui that Duet uses, and why. No other module imports `flask_swagger_ui`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import flask_swagger_ui

from app.packages import PrivateNames

NAMES: Final = PrivateNames("flask-swagger-ui")

_FOLDER: Final = Path(flask_swagger_ui.__file__).parent / "dist"

#: The files of Swagger UI, by the names under which the documentation serves them. The package does not document
#: where they lie, only a Flask blueprint, which Duet has no use for.
FILES: Final[Mapping[str, Path]] = {name: _FOLDER / name for name in ("swagger-ui.css", "swagger-ui-bundle.js")}


def check() -> None:
    """Raises `PackageUnfit` if a file is missing."""
    for path in FILES.values():
        if not path.is_file():
            raise NAMES.gone(f"{path.parent.name}/", path.name)
