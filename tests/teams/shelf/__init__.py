"""A shelf of documents as Flask teams build them: SQLite by hand, `g`, hooks, templates, uploads, downloads."""

from __future__ import annotations

from app.extension import Extension, NavLink
from tests.teams.shelf import database, pages

extension = Extension(
    "shelf", blueprints=[pages.blueprint], nav_links=[NavLink("/shelf/", "Shelf")], init_app=database.init_app
)
