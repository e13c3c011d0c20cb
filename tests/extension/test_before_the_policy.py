"""No code of an extension runs for a caller whom the policy refuses, and none answers in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from flask import Blueprint, Flask, request_started, template_rendered
from flask.signals import appcontext_pushed, appcontext_tearing_down
from flask_wtf.csrf import CSRFError
from starlette.convertors import Convertor, register_url_convertor
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter, Map

from app.auth.errors import AuthError, RoleMissing
from app.auth.policy import PolicyError, public, require
from app.extension import Extension
from app.main import create_app
from app.settings import Settings
from app.testing import TestClient, login_as, make_settings
from app.web.context import current_principal
from tests.kit.building import page, route, start, team, with_blueprint, with_router


class Spy:
    """An extension with code in every place where a framework calls it. It writes down what ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.receivers: list[Callable[..., None]] = []

    def extension(self) -> Extension:
        """The extension."""
        return team("spy", blueprints=[self._blueprint()], routers=[self._router()], init_app=self._init_app)

    def _note(self, name: str, result: Any = None) -> Callable[..., Any]:
        def function(*args: Any, **kwargs: Any) -> Any:
            self.ran.append(name)
            return args[0] if result is ... else result

        return function

    def _init_app(self, app: Flask, settings: Settings) -> None:
        app.url_map.converters["spied"] = self._converter()
        app.teardown_appcontext(self._note("teardown_appcontext"))
        for signal in (request_started, template_rendered, appcontext_pushed, appcontext_tearing_down):
            receiver = self._note(f"signal {signal.name}")
            self.receivers.append(receiver)
            signal.connect(receiver, app)

    def _converter(self) -> type[BaseConverter]:
        ran = self.ran

        class Spied(BaseConverter):
            def to_python(self, value: str) -> str:
                ran.append("converter")
                return value.upper()

        return Spied

    def _blueprint(self) -> Blueprint:
        it = Blueprint("spy", __name__, url_prefix="/spy")
        for kind in (Exception, HTTPException, 401, 403, 404):
            it.errorhandler(kind)(self._note("error handler", ("mine", 500)))
        for code in (401, 403, 404, 500):
            it.app_errorhandler(code)(self._note("error handler of all pages", ("mine", 500)))
        it.app_errorhandler(Exception)(self._note("error handler of all pages", ("mine", 500)))
        for scope, end in (("", ""), ("app_", " of all pages")):
            getattr(it, f"{scope}url_value_preprocessor")(self._note(f"url_value_preprocessor{end}"))
            getattr(it, f"{scope}url_defaults")(self._note(f"url_defaults{end}"))
            getattr(it, f"{scope}context_processor")(self._note(f"context_processor{end}", {}))
        it.before_request(self._note("before_request"))
        it.before_app_request(self._note("before_request of all pages"))
        it.after_request(self._note("after_request", ...))
        it.after_app_request(self._note("after_request of all pages", ...))
        it.teardown_request(self._note("teardown_request"))
        it.teardown_app_request(self._note("teardown_request of all pages"))
        it.get("/page")(page)
        it.get("/folder/", endpoint="folder")(page)
        it.get("/converted/<spied:value>", endpoint="converted")(lambda value: value)
        it.get("/staff", endpoint="staff")(require(role="staff")(lambda: "staff"))
        return it

    def _router(self) -> APIRouter:
        def depend() -> None:
            self.ran.append("dependency")

        spy = self

        class Spied(APIRoute):
            async def handle(self, scope: Any, receive: Any, send: Any) -> None:
                spy.ran.append("route class")
                await super().handle({**scope, "method": "GET"}, receive, send)

        class Doubled(Convertor[str]):
            regex = "[a-z]+"

            def convert(self, value: str) -> str:
                spy.ran.append("convertor")
                return value * 2

            def to_string(self, value: str) -> str:
                return value

        register_url_convertor("doubled", Doubled())
        router = APIRouter(prefix="/spy", route_class=Spied, dependencies=[Depends(depend)])
        router.get("/route")(route)
        router.get("/staff")(require(role="staff")(route_for_staff))
        router.get("/doubled/{value:doubled}")(doubled)
        router.get("/folder/")(route)
        return router


async def route_for_staff() -> str:
    """A route."""
    return "staff"


async def doubled(value: str) -> str:
    """A route with a parameter."""
    return value


@pytest.fixture(scope="module")
def spied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Spy]]:
    """A Duet with the spy, and nobody logged in."""
    spy = Spy()
    app = create_app(make_settings(tmp_path_factory.mktemp("spied")), extensions=[spy.extension()])
    with TestClient(app, follow_redirects=False) as client:
        yield client, spy


@pytest.fixture
def stranger(spied: tuple[TestClient, Spy]) -> tuple[TestClient, Spy]:
    """The same, with nobody logged in and nothing written down."""
    client, spy = spied
    client.cookies.clear()
    client.headers.pop("Authorization", None)
    spy.ran.clear()
    return client, spy


PAGES = ("/spy/page", "/spy/folder", "/spy/folder/", "/spy/page/", "/spy/converted/x", "/spy/staff", "//spy//page")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", PAGES)
def test_s44_a_stranger_meets_no_code_of_a_team_on_a_page(
    stranger: tuple[TestClient, Spy], method: str, path: str
) -> None:
    """Whatever an extension registers with Flask, a stranger is led to the login, and none of it ran."""
    client, spy = stranger
    answer = client.request(method, f"http://testserver{path}")
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login")
    assert spy.ran == []


ROUTES = ("/api/spy/route", "/api/spy/folder", "/api/spy/folder/", "/api/spy/route/", "/api/spy/doubled/x")


@pytest.mark.parametrize("path", ROUTES)
def test_s44_a_stranger_meets_no_code_of_a_team_on_a_route(stranger: tuple[TestClient, Spy], path: str) -> None:
    """Whatever an extension registers with FastAPI, a stranger gets a 401, and none of it ran."""
    client, spy = stranger
    assert client.get(path).status_code == 401
    assert spy.ran == []


def test_s44_head_is_answered_by_no_route_class(stranger: tuple[TestClient, Spy]) -> None:
    """A route class that answers HEAD by its GET answers nobody: HEAD is a 405, and none of the class ran."""
    client, spy = stranger
    assert client.head("/api/spy/route").status_code == 405
    assert client.head("/api/spy/route", headers=bearer(client)).status_code == 405
    assert spy.ran == []


def bearer(client: TestClient) -> dict[str, str]:
    """The Authorization of somebody who is logged in."""
    login_as(client, "grace@example.com")
    return {"Authorization": client.headers["Authorization"]}


@pytest.mark.parametrize("path", ["/spy/staff", "/api/spy/staff"])
def test_s44_who_lacks_a_role_meets_no_code_of_a_team(stranger: tuple[TestClient, Spy], path: str) -> None:
    """The refusal is Duet's own 403, stands in the audit log, and none of the team's code ran."""
    client, spy = stranger
    login_as(client, "ada@example.com")
    spy.ran.clear()
    answer = client.get(path)
    assert answer.status_code == 403
    assert "mine" not in answer.text
    assert spy.ran == []
    rows = client.get("/api/users/me/audit").json()["items"]
    assert "refused" in rows[0]["event"]


def test_s44_the_rest_runs_for_those_whom_the_policy_lets_in(stranger: tuple[TestClient, Spy]) -> None:
    """For somebody who may, each place of both frameworks runs the team's code, and converters convert."""
    client, spy = stranger
    login_as(client, "ada@example.com")
    assert client.get("/spy/converted/x").text == "X"
    assert client.get("/api/spy/doubled/x").json() == "xx"
    assert {
        "after_request",
        "after_request of all pages",
        "before_request",
        "before_request of all pages",
        "converter",
        "convertor",
        "dependency",
        "route class",
        "signal appcontext-pushed",
        "signal request-started",
        "teardown_appcontext",
        "teardown_request",
        "teardown_request of all pages",
        "url_value_preprocessor",
        "url_value_preprocessor of all pages",
    } <= set(spy.ran)
    assert client.get("/spy/page/").headers["location"] == "/spy/page"
    folder = client.get("/spy/folder?a=b", headers={"Host": "elsewhere.example"})
    assert (folder.status_code, folder.headers["location"]) == (308, "/spy/folder/?a=b")
    assert client.get("/api/spy/folder?a=b").headers["location"] == "/api/spy/folder/?a=b"
    assert client.get("/api/spy/route/").status_code == 307


def test_s44_a_signal_of_every_app_stops_the_start(tmp_path: Path) -> None:
    """A handler that was not connected with the app would get the signals of refused callers, too."""

    def seen(sender: Flask, **_: object) -> None: ...

    with (
        request_started.connected_to(seen),
        pytest.raises(PolicyError, match="seen would get the signals"),
    ):
        start(tmp_path, with_blueprint(lambda it: it.get("/x")(page)))


class _Matching(APIRoute):
    def matches(self, scope: Any) -> Any:
        return super().matches(scope)


class _Instead(APIRoute):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        vars(self)["handle"] = route


@pytest.mark.parametrize("route_class", [_Matching, _Instead])
def test_s44_a_route_that_goes_around_the_guard_stops_the_start(
    tmp_path: Path, route_class: type[APIRoute]
) -> None:
    """What a route class does before the policy is asked, or in its place, is refused by name."""
    extension = with_router(lambda it: it.get("/x")(route), route_class=route_class)
    with pytest.raises(PolicyError, match=rf"/api/team/x: its class {route_class.__name__} has a way of its own"):
        start(tmp_path, extension)


@pytest.mark.parametrize(
    ("name", "meddle"),
    [
        ("wsgi_app", lambda app, _: setattr(app, "wsgi_app", partial(app.wsgi_app))),
        ("request_class", lambda app, _: setattr(app, "request_class", type("Mine", (app.request_class,), {}))),
        ("full_dispatch_request", lambda app, _: setattr(app, "full_dispatch_request", page)),
        ("preprocess_request", lambda app, _: setattr(app, "preprocess_request", page)),
        ("url_map", lambda app, _: setattr(app, "url_map", Map())),
    ],
)
def test_s44_what_is_around_the_policy_can_t_be_replaced(
    tmp_path: Path, name: str, meddle: Callable[[Flask, Settings], None]
) -> None:
    """Neither a setup function of a blueprint nor `init_app` can put itself before the policy."""
    recorded = with_blueprint(lambda it: it.record_once(lambda state: meddle(state.app, None)))  # type: ignore[arg-type]
    for extension in (team(init_app=meddle), recorded):
        with pytest.raises(PolicyError, match=rf"extension team: it replaces {name} of the Flask app"):
            create_app(make_settings(tmp_path), extensions=[extension])


def test_s44_redirect_to_stops_the_start(tmp_path: Path) -> None:
    """Werkzeug would redirect, and call the team's function, before anybody is asked."""
    extension = with_blueprint(lambda it: it.add_url_rule("/x", "x", page, redirect_to="/y"))
    with pytest.raises(PolicyError, match=r"page /x \(team\.x\): redirect_to would answer before the policy"):
        start(tmp_path, extension)


def test_s44_a_refusal_within_a_view_is_duet_s(tmp_path: Path) -> None:
    """A view that finds nobody leads to the login, though its blueprint has a handler for every exception."""

    def fill(blueprint: Blueprint) -> None:
        blueprint.register_error_handler(Exception, lambda error: ("mine", 500))
        blueprint.get("/open")(public(lambda: current_principal.user_id))
        blueprint.post("/form", endpoint="form")(public(lambda: "form"))

    app = create_app(make_settings(tmp_path), extensions=[with_blueprint(fill)])
    with TestClient(app, follow_redirects=False) as client:
        assert client.get("/open").headers["location"].startswith("/login")
        assert client.post("/form").status_code == 400


@pytest.mark.parametrize("kind", [AuthError, RoleMissing, HTTPException, CSRFError])
def test_s44_duet_s_error_handlers_stay(tmp_path: Path, kind: type[Exception]) -> None:
    """An extension can't take the answers to Duet's own errors away from all pages."""
    extension = with_blueprint(lambda it: it.app_errorhandler(kind)(lambda error: ""))
    with pytest.raises(PolicyError, match=rf"extension team: .*{kind.__name__}"):
        start(tmp_path, extension)
