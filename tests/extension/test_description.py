"""OpenAPI describes an extension's routes as they are: who may call them, and by which credentials."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, Security
from fastapi.security import APIKeyHeader, OAuth2PasswordBearer

from app.auth.policy import public
from app.main import create_app
from app.testing import make_settings
from tests.kit.building import route, team

KEY = APIKeyHeader(name="X-Partner")
CLASHING = OAuth2PasswordBearer("elsewhere", scheme_name="login")
OURS = ("login", "token")


async def with_key(key: Annotated[str, Security(KEY)]) -> str:
    """A route that asks for a key of the team's as well."""
    return key


async def with_clash(token: Annotated[str, Security(CLASHING)]) -> str:
    """A route with a scheme that has a name of Duet's."""
    return token


async def opened(key: Annotated[str, Security(KEY)]) -> str:
    """A public route that asks for a key of the team's."""
    return key


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The description."""
    router = APIRouter(prefix="/team")
    router.get("/items/{item}/{sub:path}")(route)
    router.get("/key")(with_key)
    router.get("/clash")(with_clash)
    router.get("/open")(public(opened))
    app = create_app(make_settings(tmp_path_factory.mktemp("d")), extensions=[team(routers=[router])])
    api: FastAPI = app.state.api
    return api.openapi()


def test_a_path_with_a_converter_is_described_as_protected(described: dict[str, Any]) -> None:
    """Its operation has the ways to log in, and the 401."""
    operation = described["paths"]["/team/items/{item}/{sub}"]["get"]
    assert operation["security"] == [{name: []} for name in OURS]
    assert "401" in operation["responses"]


def test_every_security_scheme_is_there(described: dict[str, Any]) -> None:
    """No operation names a scheme that is not described, and a team's own is asked for beside Duet's."""
    schemes = described["components"]["securitySchemes"]
    operations = [one for path in described["paths"].values() for one in path.values()]
    named = {name for one in operations for asked in one.get("security", ()) for name in asked}
    assert named <= schemes.keys()
    paths = described["paths"]
    assert paths["/team/key"]["get"]["security"] == [{name: [], "APIKeyHeader": []} for name in OURS]
    assert paths["/team/open"]["get"]["security"] == [{"APIKeyHeader": []}]
    clashing = paths["/team/clash"]["get"]["security"]
    assert clashing == [{name: [], "login-of-extension": []} for name in OURS]
    assert schemes["login-of-extension"]["flows"]["password"]["tokenUrl"] == "elsewhere"
    assert schemes["login"]["flows"]["password"]["tokenUrl"] == "/api/auth/token"
