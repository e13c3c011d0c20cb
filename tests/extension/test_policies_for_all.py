"""`Extension(require=…)` is the policy of all endpoints of an extension, and any of several roles will do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from flask import Blueprint

from app.auth.policy import Policy, PolicyError, public, require
from app.extension import Extension
from app.main import create_app
from app.testing import TestClient, login_as, make_settings
from tests.kit.building import team

FIVE = timedelta(minutes=5)


def _extension(given: Any) -> Extension:
    blueprint, inner = (
        Blueprint("desk", __name__, url_prefix="/desk"),
        Blueprint("inner", __name__, url_prefix="/in"),
    )
    router, child = APIRouter(prefix="/desk"), APIRouter(prefix="/in")
    markers: dict[str, Any] = {
        "plain": lambda endpoint: endpoint,
        "open": public,
        "fresh": require(fresh=FIVE),
        "admins": require(role="admin"),
    }
    for name, marker in markers.items():
        blueprint.get(f"/{name}", endpoint=name)(marker(lambda: "page"))
        router.get(f"/{name}")(marker(_route()))
    inner.get("/plain", endpoint="plain")(lambda: "page")
    child.get("/plain")(_route())
    blueprint.register_blueprint(inner)
    router.include_router(child)
    return team("desk", blueprints=[blueprint], routers=[router], require=given)


def _route() -> Any:
    async def route() -> str:
        return "route"

    return route


def _app(folder: Path, given: Any) -> FastAPI:
    return create_app(make_settings(folder), extensions=[_extension(given)])


def _rules(folder: Path, given: Any) -> dict[str, str]:
    return {rule.path: str(rule.policy) for rule in _app(folder, given).state.rules if "/desk/" in rule.path}


@pytest.mark.parametrize("given", [require(role=["staff", "boss"]), Policy(role=("staff", "boss"))])
def test_s43_a_policy_for_all_endpoints(tmp_path: Path, given: Any) -> None:
    """An endpoint without a marker has it, one with a marker what this leaves open; `@public` opens."""
    expected = {
        "/plain": "role staff or boss",
        "/in/plain": "role staff or boss",
        "/open": "public",
        "/fresh": "role staff or boss, password within 300 s",
        "/admins": "role admin",
    }
    rules = _rules(tmp_path, given)
    assert rules == {f"{half}/desk{path}": one for half in ("", "/api") for path, one in expected.items()}


def test_s43_a_policy_for_each_part(tmp_path: Path) -> None:
    """A router is named by its prefix, a blueprint by its name."""
    rules = _rules(tmp_path, {"/desk": require(role="staff"), "desk": public})
    assert (rules["/api/desk/plain"], rules["/desk/plain"]) == ("role staff", "public")
    assert (rules["/api/desk/in/plain"], rules["/desk/in/plain"]) == ("role staff", "public")
    assert rules["/desk/admins"] == "role admin"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("staff", "extension desk: require= is a policy"),
        ({"desk": "staff"}, "extension desk: require= is a policy"),
        ({"shop": public}, "extension desk: require= names 'shop'; its parts are /desk, desk"),
        (lambda endpoint: endpoint, "extension desk: require= is a policy"),
        (True, "extension desk: require= is a policy"),
        (Policy(role=""), "require(role='')"),
    ],
)
def test_s43_what_is_no_policy_stops_the_start(tmp_path: Path, given: Any, message: str) -> None:
    """Without it, all endpoints would be open to everybody who is logged in."""
    with pytest.raises(PolicyError) as caught:
        _app(tmp_path, given)
    assert str(caught.value).startswith(message)


def test_s43_any_of_several_roles_will_do(tmp_path: Path) -> None:
    """Who has one of them gets in on both halves; anybody else gets a 403 that says which would do in the log."""
    with TestClient(_app(tmp_path, require(role=("staff", "boss")))) as client:
        for number, (roles, status) in enumerate(
            ((["staff"], 200), (["boss", "other"], 200), (["other"], 403), ([], 403))
        ):
            login_as(client, f"ada{number}@example.com", roles=roles)
            answers = [client.get("/desk/plain"), client.get("/api/desk/plain")]
            assert [answer.status_code for answer in answers] == [status] * 2
        assert 'error="insufficient_scope"' in answers[1].headers["WWW-Authenticate"]
        assert client.get("/desk/open").status_code == 200
        operation = client.get("/api/openapi.json").json()["paths"]["/desk/plain"]["get"]
        assert "Needs: role staff or boss." in operation["description"]
        assert "role staff or boss" in operation["responses"]["403"]["description"]
        login_as(client, "admin@example.com", roles=["admin"])
        assert "role staff or boss" in client.get("/admin/routes").text
        assert "staff" in client.get("/admin/invites").text
