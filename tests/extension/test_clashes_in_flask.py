"""What an extension registers with Flask replaces nothing of Duet's or another extension's, and is not in vain."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, render_template, render_template_string

from app.auth.policy import PolicyError, public
from app.extension import Extension
from app.main import create_app
from app.settings import Settings
from app.testing import TestClient, login_as, make_settings
from app.web.team.variables import OWN_VARIABLES
from tests.kit.building import page, start, team, with_blueprint

# async


async def plain(*_: Any) -> Any:
    """An async function."""


async def generator(*_: Any) -> AsyncIterator[str]:
    """An async generator."""
    yield ""


class Calling:
    """An object that is called asynchronously."""

    async def __call__(self, *_: Any) -> Any:
        """Does nothing."""

    async def method(self, *_: Any) -> Any:
        """Does nothing."""


@functools.wraps(plain)
def wrapping(*_: Any) -> Any:
    """A function that wraps an async one."""


ASYNC = [
    plain,
    generator,
    Calling(),
    Calling().method,
    functools.partial(plain),
    functools.partial(wrapping),
    wrapping,
]

REGISTRIES: dict[str, Callable[[Blueprint, Any], object]] = {
    "before_request": lambda it, hook: it.before_request(hook),
    "before_app_request": lambda it, hook: it.before_app_request(hook),
    "after_request": lambda it, hook: it.after_request(hook),
    "after_app_request": lambda it, hook: it.after_app_request(hook),
    "teardown_request": lambda it, hook: it.teardown_request(hook),
    "teardown_app_request": lambda it, hook: it.teardown_app_request(hook),
    "url_value_preprocessor": lambda it, hook: it.url_value_preprocessor(hook),
    "app_url_value_preprocessor": lambda it, hook: it.app_url_value_preprocessor(hook),
    "url_defaults": lambda it, hook: it.url_defaults(hook),
    "app_url_defaults": lambda it, hook: it.app_url_defaults(hook),
    "context_processor": lambda it, hook: it.context_processor(hook),
    "app_context_processor": lambda it, hook: it.app_context_processor(hook),
    "errorhandler": lambda it, hook: it.register_error_handler(404, hook),
    "app_errorhandler": lambda it, hook: it.app_errorhandler(ValueError)(hook),
    "filter": lambda it, hook: it.add_app_template_filter(hook, "mine"),
    "test": lambda it, hook: it.add_app_template_test(hook, "mine"),
    "global": lambda it, hook: it.add_app_template_global(hook, "mine"),
    "command": lambda it, hook: it.cli.command("mine")(hook),
    "appcontext": lambda it, hook: it.record(lambda state: state.app.teardown_appcontext(hook)),
    "shell": lambda it, hook: it.record(lambda state: state.app.shell_context_processor(hook)),
    "build error": lambda it, hook: it.record(lambda state: state.app.url_build_error_handlers.append(hook)),
    "record": lambda it, hook: it.record(hook),
    "record_once": lambda it, hook: it.record_once(hook),
    "view": lambda it, hook: it.add_url_rule("/x", "x", hook),
}


@pytest.mark.parametrize("registry", REGISTRIES)
def test_s44_no_function_of_flask_s_is_async(tmp_path: Path, registry: str) -> None:
    """In every registry an async function stops the start: it would break on a loop of its own, or never run."""
    for function in ASYNC if registry in ("before_request", "view") else [plain, generator]:

        def fill(blueprint: Blueprint, function: Any = function) -> None:
            REGISTRIES[registry](blueprint, function)

        with pytest.raises(PolicyError, match="can't be async"):
            create_app(make_settings(tmp_path), extensions=[with_blueprint(fill)])


def test_s44_an_async_init_app_stops_the_start(tmp_path: Path) -> None:
    """Nobody would await it."""
    with pytest.raises(PolicyError, match="extension team: its init_app can't be async"):
        create_app(make_settings(tmp_path), extensions=[team(init_app=plain)])


def test_s44_a_hook_that_was_added_later_is_looked_at_too(tmp_path: Path) -> None:
    """What is registered with the Flask app after create_app stops the start at the lifespan."""
    for meddle, message in (
        (lambda app: app.state.pages.before_request(plain), "plain, a hook of every page, can't be async"),
        (lambda app: setattr(app.state.pages, "wsgi_app", page), "wsgi_app of the Flask app was replaced"),
    ):
        with pytest.raises(PolicyError, match=message):
            start(tmp_path, meddle=meddle)


# names


@pytest.mark.parametrize(
    ("register", "what"),
    [
        (lambda it: it.add_app_template_filter(page, "moment"), "the template filter moment"),
        (lambda it: it.add_app_template_filter(page, "upper"), "the template filter upper"),
        (lambda it: it.add_app_template_test(page, "defined"), "the template test defined"),
        (lambda it: it.add_app_template_global(page, "url_for"), "the template global url_for"),
        (lambda it: it.add_app_template_global(page, "csrf_token"), "the template global csrf_token"),
        (lambda it: it.record(lambda state: state.app.view_functions.update({"auth.login": page})), "auth.login"),
        (lambda it: it.record(lambda state: state.app.extensions.update(duet=1)), "the Flask extension duet"),
        (lambda it: it.record(lambda state: state.app.extensions.pop("csrf")), "the Flask extension csrf"),
        (lambda it: it.record(lambda state: state.app.url_map.converters.update(int=1)), "the URL converter int"),
        (lambda it: it.record(lambda state: setattr(state.app.jinja_env, "loader", None)), "the template loader"),
        (lambda it: it.record(lambda state: state.app.before_request_funcs[None].clear()), "takes away"),
    ],
)
def test_what_an_extension_would_replace_stops_the_start(
    tmp_path: Path, register: Callable[[Blueprint], object], what: str
) -> None:
    """Duet's pages and those of other extensions use it."""
    with pytest.raises(PolicyError, match=f"extension team: it .*{what}"):
        create_app(make_settings(tmp_path), extensions=[with_blueprint(register)])


def test_two_extensions_have_names_of_their_own(tmp_path: Path) -> None:
    """The second of two with the same filter would change the first one's pages."""
    blueprints = [Blueprint(name, __name__) for name in ("one", "two")]
    for blueprint in blueprints:
        blueprint.add_app_template_filter(lambda text: text, "money")
    extensions = [team(one.name, blueprints=[one]) for one in blueprints]
    with pytest.raises(PolicyError, match="extension two: it replaces the template filter money"):
        create_app(make_settings(tmp_path), extensions=extensions)


def _with_templates(folder: Path, name: str, *templates: str) -> Extension:
    for template in templates:
        path = folder / name / template
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}'s {template}")
    blueprint = Blueprint(name, __name__, template_folder=str(folder / name), url_prefix=f"/{name}")
    blueprint.get("/x", endpoint="x")(public(lambda: render_template(templates[0])))
    return team(name, blueprints=[blueprint])


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        (
            [("one", "index.html"), ("two", "index.html")],
            "extension two: blueprint two: blueprint one has",
        ),
        ([("one", "home.html")], "extension one: blueprint one: Duet has a template home.html"),
        (
            [("one", "account/profile.html")],
            "extension one: blueprint one: Duet has",
        ),
    ],
)
def test_a_template_that_would_never_be_shown_stops_the_start(
    tmp_path: Path, templates: list[tuple[str, str]], message: str
) -> None:
    """Flask shows whichever of the same name it finds first, without a word."""
    extensions = [_with_templates(tmp_path, *given) for given in templates]
    with pytest.raises(PolicyError) as caught:
        create_app(make_settings(tmp_path / "data"), extensions=extensions)
    assert str(caught.value).startswith(message)


def test_templates_of_their_own_are_shown(tmp_path: Path) -> None:
    """Hidden files, and one folder for two blueprints, are no clash."""
    one = _with_templates(tmp_path, "one", "one/index.html", ".gitkeep")
    two = _with_templates(tmp_path, "two", "two/index.html", ".gitkeep")
    also = Blueprint("also", __name__, template_folder=str(tmp_path / "two"))
    app = create_app(make_settings(tmp_path / "data"), extensions=[one, two, team("also", blueprints=[also])])
    with TestClient(app) as client:
        assert [client.get(f"/{name}/x").text for name in ("one", "two")] == [
            "one's one/index.html",
            "two's two/index.html",
        ]


def test_a_context_processor_replaces_nothing_of_duet_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its other names count, Duet's own stay, and the log names it, once."""

    def ours() -> dict[str, Any]:
        return {"person": None, "nav_links": "mine", "product": "Mine", "csrf_token": "mine", "colour": "green"}

    def fill(blueprint: Blueprint) -> None:
        blueprint.app_context_processor(ours)
        text = "{{ person.id }}|{{ nav_links }}|{{ product }}|{{ colour }}"
        blueprint.get("/x", endpoint="x")(lambda: render_template_string(text))

    app = create_app(make_settings(tmp_path), extensions=[with_blueprint(fill)])
    with TestClient(app) as client:
        login_as(client)
        for _ in range(2):
            person, links, product, colour = client.get("/x").text.split("|")
            assert (bool(person), links, product, colour) == (True, "[]", "Duet", "green")
    lines = [line for line in capsys.readouterr().out.splitlines() if "template_variables_taken" in line]
    assert len(lines) == 1
    assert "ours" in lines[0]


def test_the_names_that_stay_are_those_that_duet_gives(tmp_path: Path) -> None:
    """Whatever Duet gives all templates is among the names that a context processor can't replace."""
    pages: Flask = create_app(make_settings(tmp_path)).state.pages
    context: dict[str, Any] = {}
    with pages.test_request_context("/login"):
        for processor in pages.template_context_processors[None]:
            context.update(processor())  # type: ignore[arg-type]  # none of them is async
    assert context.keys() <= OWN_VARIABLES


# what would be in vain


def _nested(**given: Any) -> Extension:
    outer, inner = Blueprint("team", __name__), Blueprint("inner", __name__, **given)
    outer.register_blueprint(inner)
    return team(blueprints=[outer])


@pytest.mark.parametrize(
    ("extension", "message"),
    [
        (
            lambda: with_blueprint(lambda it: None, subdomain="shop"),
            "extension team: blueprint team: its subdomain",
        ),
        (lambda: _nested(subdomain="shop"), "extension team: blueprint inner: its subdomain"),
        (
            lambda: with_blueprint(lambda it: it.add_url_rule("/x", "x", page, subdomain="shop")),
            "page /x (team.x): it would never be reached",
        ),
        (
            lambda: with_blueprint(lambda it: None, static_folder="nowhere"),
            "extension team: blueprint team: its static folder",
        ),
        (
            lambda: with_blueprint(lambda it: None, template_folder="nowhere"),
            "extension team: blueprint team: its template folder",
        ),
        (lambda: _nested(static_folder="nowhere"), "extension team: blueprint inner: its static folder"),
    ],
)
def test_what_would_be_in_vain_stops_the_start(
    tmp_path: Path, extension: Callable[[], Extension], message: str
) -> None:
    """A subdomain is never reached, and a folder that is not there has no files."""
    with pytest.raises(PolicyError) as caught:
        create_app(make_settings(tmp_path), extensions=[extension()])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


# init_app


class Counting:
    """A Flask extension as most are made: one object, which is given each app."""

    def __init__(self) -> None:
        self.apps: list[Flask] = []

    def init_app(self, app: Flask, settings: Settings) -> None:
        """Registers what it needs with `app`."""
        self.apps.append(app)
        app.config["COUNTING_FOLDER"] = str(settings.data_dir)
        app.extensions["counting"] = self
        app.before_request(lambda: None)
        app.add_url_rule("/counted", "counted", lambda: "counted")


def test_init_app_sets_up_flask_extensions(tmp_path: Path) -> None:
    """A module's blueprint and Flask extension serve two apps of a process; what they register is protected."""
    counting, blueprint = Counting(), Blueprint("team", __name__)
    blueprint.get("/x", endpoint="x")(lambda: "x")
    apps = [
        create_app(
            make_settings(tmp_path / name),
            extensions=[team(blueprints=[blueprint], init_app=counting.init_app)],
        )
        for name in ("one", "two")
    ]
    assert counting.apps == [app.state.pages for app in apps]
    assert [app.state.pages.config["COUNTING_FOLDER"] for app in apps] == [
        str(tmp_path / n) for n in ("one", "two")
    ]
    for app in apps:
        assert {rule.path: str(rule.policy) for rule in app.state.rules}["/counted"] == "login"
        with TestClient(app, follow_redirects=False) as client:
            assert client.get("/counted").headers["location"].startswith("/login")
            login_as(client)
            assert client.get("/counted").text == "counted"


@pytest.mark.parametrize("path", ["/account/x", "/api/x", "/static/x"])
def test_a_page_of_init_app_is_not_duet_s(tmp_path: Path, path: str) -> None:
    """Its pages are claimed as those of a blueprint are."""
    extension = team(init_app=lambda app, settings: app.add_url_rule(path, "mine", page))
    with pytest.raises(PolicyError, match=f"extension team: {path} belongs to Duet"):
        create_app(make_settings(tmp_path), extensions=[extension])
