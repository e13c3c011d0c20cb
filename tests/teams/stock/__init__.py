"""A warehouse's API as FastAPI teams build them: async SQLAlchemy, uploads, events, scopes and a WebSocket."""

from __future__ import annotations

from app.extension import Extension
from app.settings import Settings
from tests.teams.stock.database import Database
from tests.teams.stock.routes import create_router


def extension(settings: Settings) -> Extension:
    """The warehouse, over a database of its own in `DATA_DIR`."""
    database = Database(settings.data_dir / "stock.db")
    router = create_router(database, photos=settings.data_dir / "photos")
    return Extension("stock", routers=[router], lifespan=database.open)
