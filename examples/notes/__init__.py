"""Notes of each user: pages and an API over the same data. `EXTENSIONS=examples.notes:extension` adds them."""

from __future__ import annotations

from app.extension import Extension, NavLink, Signal, SignalKind
from app.settings import Settings
from examples.notes.notebook import Notebook
from examples.notes.pages import create_blueprint
from examples.notes.routes import create_router


def extension(settings: Settings) -> Extension:
    """The extension, over a database of its own in `DATA_DIR`."""
    notebook = Notebook(settings.data_dir / "notes.db")

    async def forget(signal: Signal) -> None:
        """Deletes the notes of an account that was deleted."""
        await notebook.delete_all(signal.user_id)

    return Extension(
        "notes",
        blueprints=[create_blueprint(notebook)],
        routers=[create_router(notebook)],
        nav_links=[NavLink("/notes", "Notes")],
        lifespan=notebook.open,
        on={SignalKind.DELETED: forget},
    )
