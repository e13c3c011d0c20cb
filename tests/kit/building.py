"""Small extensions that the start refuses, and the start itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from flask import Blueprint

from app.extension import Extension
from app.main import create_app
from tests.kit.duet import make_settings


def page() -> str:
    """A page."""
    return "page"


async def route() -> str:
    """A route."""
    return "route"


def team(name: str = "team", **given: Any) -> Extension:
    """An extension with the given parts."""
    return Extension(name, **given)


def with_router(fill: Callable[[APIRouter], object], *, prefix: str = "/team", **given: Any) -> Extension:
    """An extension with one router, which `fill` fills."""
    router = APIRouter(prefix=prefix, **given)
    fill(router)
    return team(routers=[router])


def with_blueprint(fill: Callable[[Blueprint], object], *, name: str = "team", **given: Any) -> Extension:
    """An extension with one blueprint, which `fill` fills."""
    blueprint = Blueprint(name, __name__, **given)
    fill(blueprint)
    return team(blueprints=[blueprint])


def start(folder: Path, *extensions: Extension, meddle: Callable[[FastAPI], object] | None = None) -> FastAPI:
    """Makes an app, lets `meddle` change it, and runs its lifespan once. Raises the error that stops the start."""
    app = create_app(make_settings(folder), extensions=extensions)
    if meddle is not None:
        meddle(app)

    async def run() -> None:
        async with app.router.lifespan_context(app):
            pass

    asyncio.run(run())
    return app
