"""The start when FastAPI lacks a private name that Duet uses."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import fastapi.routing
import pytest
from fastapi import APIRouter
from fastapi.routing import RouteContext

from app.api.fastapi_names import NAMES, OPERATION
from app.main import create_app
from tests.kit.duet import make_settings
from tests.packages.taking import assert_refused, missing_at, places, take_away

each_part = pytest.mark.parametrize("name", OPERATION)


@places(NAMES)
def test_no_app_is_made_without_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    """If FastAPI has lost a private name that Duet needs, no app is made."""
    take_away(monkeypatch, place)
    assert_refused("fastapi", missing_at(place), lambda: create_app(make_settings(tmp_path)))


@each_part
def test_each_part_of_an_operation_can_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """If an operation no longer shows one of its parts, no app is made, lest a route be served without it."""

    def read(context: RouteContext, wanted: str) -> Any:
        if wanted == name:
            raise AttributeError(wanted)
        return getattr(context._effective_route, wanted)

    monkeypatch.setattr(RouteContext, "__getattr__", read)
    if name in vars(RouteContext):
        monkeypatch.delattr(RouteContext, name)
    assert_refused("fastapi", f"RouteContext has no {name}", lambda: create_app(make_settings(tmp_path)))


@each_part
def test_each_part_of_an_operation_can_be_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """If FastAPI no longer accepts a part of an operation, no app is made."""
    take_away(monkeypatch, f"fastapi.routing:APIRouter.add_api_route({name})")
    missing = f"APIRouter.add_api_route has no parameter {name}"
    assert_refused("fastapi", missing, lambda: create_app(make_settings(tmp_path)))


def test_a_lifespan_has_to_show_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If routers merge lifespans in another way, no app is made: one might be missed, or invented."""

    def merged(*lifespans: Any) -> Any:
        return lambda app: lifespans[0](app)

    monkeypatch.setattr(fastapi.routing, "_merge_lifespan_context", merged)
    missing = "_merge_lifespan_context has no closure over both lifespans"
    assert_refused("fastapi", missing, lambda: create_app(make_settings(tmp_path)))


def test_the_parts_of_an_operation_are_those_that_were_read() -> None:
    """FastAPI accepts no part of an operation that nobody has looked at."""
    # `form_limits`, new in FastAPI 0.165, is not copied: the description of a route does not have it.
    known = {*OPERATION, "self", "path", "endpoint", "route_class_override", "form_limits"}
    assert set(inspect.signature(APIRouter.add_api_route).parameters) == known
