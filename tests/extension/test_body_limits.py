"""A team's routes and pages take `MAX_BODY_BYTES`, or what one of them says for itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Body, Depends, Form, Request, WebSocket
from flask import Blueprint, request
from flask.views import MethodView
from pydantic import AfterValidator, BaseModel, ConfigDict

from app.auth.policy import PolicyError, public
from app.extension import Extension, max_body_bytes
from app.main import create_app
from app.testing import TestClient, csrf_token, login_as
from tests.kit.building import start, with_blueprint, with_router
from tests.kit.cost import FORM, JSON, MOST_CALLS, Counter, counting, numbered
from tests.kit.duet import make_settings
from tests.kit.naughty import quiet

USUAL = 1_048_576
LARGE = 5_000_000
SMALL = 2_000


class Note(BaseModel):
    """What a team's route may take."""

    model_config = ConfigDict(extra="forbid")
    text: str = ""


def refuse(_: list[int]) -> list[int]:
    """A validator of a team's."""
    raise ValueError("these won't do")


def team_routes() -> APIRouter:
    """Routes that tell how much arrived: usual, large and small ones."""
    routes = APIRouter(prefix="/team")
    strict = APIRouter(prefix="/strict", max_body_size=SMALL, form_limits={"max_fields": 3})

    @routes.post("/usual")
    @routes.post("/native", max_body_size=LARGE)
    @strict.post("/inherited")
    @strict.post("/own", max_body_size=LARGE)
    @public
    async def count(request: Request) -> int:
        return len(await request.body())

    @routes.post("/large")
    @max_body_bytes(LARGE)
    @public
    async def large(request: Request) -> int:
        return len(await request.body())

    @routes.post("/small")
    @public
    @max_body_bytes(SMALL)
    async def small(request: Request) -> int:
        return len(await request.body())

    @strict.post("/form")
    @strict.post("/more", form_limits={"max_fields": 5})
    @public
    async def form(a: Annotated[list[str], Form()]) -> int:
        return len(a)

    @routes.post("/form")
    @max_body_bytes(LARGE, max_fields=7)
    @public
    async def marked_form(a: Annotated[list[str], Form()]) -> int:
        return sum(map(len, a))

    @routes.post("/note")
    @public
    async def note(note: Note) -> str:
        return note.text

    @routes.post("/echo")
    @public
    async def echo(a: Annotated[str, Form()]) -> str:
        return a

    @routes.post("/judged")
    @public
    async def judged(numbers: Annotated[list[int], AfterValidator(refuse)]) -> int:
        return len(numbers)

    @routes.post("/texts")
    @public
    async def texts(texts: Annotated[dict[str, list[str]], Body()]) -> int:
        return len(texts)

    routes.include_router(strict, form_limits={"max_fields": 9})
    return routes


def team_pages() -> Blueprint:
    """The same as pages."""
    pages = Blueprint("team", __name__, url_prefix="/team")

    def posted() -> str:
        return str(sum(len(name) + len(value) for name, value in request.form.items(multi=True)))

    pages.add_url_rule("/usual", "usual", public(posted), methods=["POST"])

    @pages.post("/large")
    @max_body_bytes(LARGE, max_fields=2000)
    @public
    def large_page() -> str:
        return posted()

    @pages.post("/small")
    @max_body_bytes(SMALL)
    @public
    def small_page() -> str:
        return posted()

    class Upload(MethodView):
        decorators = [public, max_body_bytes(LARGE)]  # noqa: RUF012 - Flask wants a list

        def post(self) -> str:
            return posted()

    pages.add_url_rule("/upload", view_func=Upload.as_view("upload"))
    return pages


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Counter]]:
    """Somebody who is logged in to a Duet with that team's code, and what counts the calls that it makes."""
    app = create_app(
        make_settings(tmp_path_factory.mktemp("duet")),
        extensions=[Extension("team", routers=[team_routes()], blueprints=[team_pages()])],
    )
    with quiet(), counting(app) as (client, counter):
        yield login_as(client), counter


@pytest.fixture
def client(site: tuple[TestClient, Counter]) -> TestClient:
    """That somebody."""
    return site[0]


def post(client: TestClient, path: str, body: Any, kind: str = FORM) -> httpx.Response:
    """Sends a body with the page's proof that it may."""
    headers = {"Content-Type": kind, "X-CSRFToken": csrf_token(client, "/account")}
    if path.startswith("/api/"):
        headers = {"Content-Type": kind}
    answer: httpx.Response = client.post(path, content=body, headers=headers)
    return answer


LIMITS = {
    "/team/usual": USUAL,
    "/team/large": LARGE,
    "/team/small": SMALL,
    "/team/upload": LARGE,
    "/api/team/usual": USUAL,
    "/api/team/large": LARGE,
    "/api/team/small": SMALL,
    "/api/team/native": LARGE,
    "/api/team/strict/inherited": SMALL,
    "/api/team/strict/own": LARGE,
}


@pytest.mark.parametrize(("path", "limit"), LIMITS.items(), ids=LIMITS)
def test_s38_each_endpoint_has_its_own_limit(client: TestClient, path: str, limit: int) -> None:
    """A body of the limit arrives whole, and one byte more is a 413, whether or not its length was announced."""
    body = b"a=" + b"x" * (limit - 2)
    arrived = post(client, path, body)
    assert (arrived.status_code, int(arrived.text)) == (200, limit if path.startswith("/api") else limit - 1)
    for one in (body + b"x", iter([body, b"x"])):
        answer = post(client, path, one)
        assert answer.status_code == 413
        assert answer.headers["Content-Type"].startswith("application/problem" if "/api/" in path else "text/html")


def test_s38_a_refused_body_is_not_read(client: TestClient) -> None:
    """A body that announces too much for its route is refused before a byte of it is read."""

    def body() -> Iterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    for path, limit in LIMITS.items():
        answer = client.post(path, content=body(), headers={"Content-Length": str(limit + 1)})
        assert answer.status_code == 413


PARTS = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
MULTIPART = "multipart/form-data; boundary=b"
FIELDS = {"/team/usual": 1000, "/team/large": 2000, "/team/small": 1000}


@pytest.mark.parametrize(("path", "most"), FIELDS.items(), ids=FIELDS)
def test_s38_a_page_counts_the_fields_of_every_kind_of_form(client: TestClient, path: str, most: int) -> None:
    """A thousand fields are taken, or as many as the marker says; one more is a 413."""
    sizes = [(FORM, b"a&" * most, b"a&" * most + b"a")]
    if path != "/team/small":
        sizes.append((MULTIPART, PARTS * most + b"--b--", PARTS * (most + 1) + b"--b--"))
    for kind, enough, too_many in sizes:
        assert post(client, path, enough, kind).status_code == 200
        assert post(client, path, too_many, kind).status_code == 413


def test_s38_the_heads_of_parts_have_a_limit(client: TestClient) -> None:
    """A megabyte of parameters in the head of a form's part is a 413, and a megabyte of a file is taken."""
    head = b'--b\r\nContent-Disposition: form-data; name="a"%b\r\n\r\n%b\r\n--b--\r\n'
    assert post(client, "/team/usual", head % (b";a=b" * 250_000, b"x"), MULTIPART).status_code == 413
    assert post(client, "/team/usual", head % (b';filename="f"', b"\r\nx" * 340_000), MULTIPART).status_code == 200


FORM_LIMITS = {"/api/team/strict/form": 3, "/api/team/strict/more": 5, "/api/team/form": 7}


@pytest.mark.parametrize(("path", "most"), FORM_LIMITS.items(), ids=FORM_LIMITS)
def test_a_route_keeps_its_form_limits(client: TestClient, path: str, most: int) -> None:
    """What FastAPI's `form_limits` say on a route, a router or its inclusion holds, and so does the marker."""
    assert post(client, path, b"a=b&" * most).status_code == 200
    assert post(client, path, b"a=b&" * most + b"a=b").status_code == 400


def test_a_text_in_a_form_may_be_as_large_as_the_marker_says(client: TestClient) -> None:
    """A text of four megabytes in a form arrives on both halves, in either form."""
    text = b"x" * 4_000_000
    parts = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n%b\r\n--b--\r\n' % text
    for kind, body in ((FORM, b"a=" + text), (MULTIPART, parts)):
        assert post(client, "/api/team/form", body, kind).json() == len(text)
        assert post(client, "/team/large", body, kind).text == str(len(text) + 1)


def test_s38_a_flood_of_unknown_fields_is_answered_in_short(site: tuple[TestClient, Counter]) -> None:
    """110,000 unknown fields are refused by one fault that counts them, as are 300,000 wrong texts."""
    client, counter = site
    unknown = numbered(b'"%d":1,', 876_000, before=b"{", after=b'"":1}')
    wrong = b'{"a":[' + b"[]," * 300_000 + b"[]]}"
    key = json.dumps({"x" * 500_000: [[]] * 30}).encode()
    for path, body, least in (
        ("/api/team/note", unknown, 75_000),
        ("/api/team/texts", wrong, 300_001),
        ("/api/team/texts", key, 30),
    ):
        answer = counter.ask(partial(client.post, path, content=body, headers={"Content-Type": JSON}))
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
        assert len(answer.json()["errors"]) <= 20
        said = [int(word) for word in answer.text.replace(",", "").split() if word.isdigit()]
        assert max(said) >= least
        assert len(answer.content) < 10_000
        assert counter.calls < MOST_CALLS


def test_s38_comparing_words_with_what_was_sent_costs_little(site: tuple[TestClient, Counter]) -> None:
    """A validator's words are shown beside a few values, and left out where comparing them would take long."""
    client, counter = site
    for count, words in ((100, "these won't do"), (400_000, "The value is not acceptable.")):
        body = b"[" + b"1," * count + b"1]"
        answer = counter.ask(
            partial(client.post, "/api/team/judged", content=body, headers={"Content-Type": JSON})
        )
        assert (answer.status_code, answer.json()["errors"][0]["detail"]) == (422, words)
        assert counter.calls < MOST_CALLS


def test_s38_the_escapes_of_a_route_s_form_cost_little(site: tuple[TestClient, Counter]) -> None:
    """A megabyte of escapes to a route of FastAPI's with a form is read in few steps, and read rightly."""
    client, counter = site
    for escape, means in ((b"%41", "A"), (b"%C3%A4", "ä"), (b"%", "%"), (b"%FF", "\ufffd")):
        times = 1_000_000 // len(escape)
        answer = counter.ask(
            partial(client.post, "/api/team/echo", content=b"a=" + escape * times, headers={"Content-Type": FORM})
        )
        assert counter.calls < MOST_CALLS
        assert answer.json() == means * times


def hidden(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that forgets what it wraps."""
    return lambda *args, **given: view(*args, **given)


def marked() -> str:
    """Carries the marker."""
    return "marked"


max_body_bytes(SMALL)(marked)


@pytest.mark.parametrize(
    "extension",
    [
        with_blueprint(lambda blueprint: blueprint.add_url_rule("/a", "a", hidden(marked))),
        with_router(lambda router: router.add_api_route("/a", hidden(marked))),
    ],
    ids=["page", "route"],
)
def test_a_marker_that_does_not_reach_its_endpoint_stops_the_start(tmp_path: Path, extension: Extension) -> None:
    """A limit under a decorator without `functools.wraps` is refused by name."""
    with pytest.raises(PolicyError, match=r"max_body_bytes\(2000\)' on marked does not reach the endpoint"):
        start(tmp_path, extension)


def on_a_hook(blueprint: Blueprint) -> None:
    """Puts the marker on something that runs before each page."""
    blueprint.before_request(marked)


def on_a_socket(router: APIRouter) -> None:
    """Puts the marker on a WebSocket route."""

    @router.websocket("/a")
    @max_body_bytes(SMALL)
    async def socket(socket: WebSocket) -> None: ...


@pytest.mark.parametrize(
    "make",
    [
        lambda: with_blueprint(max_body_bytes(SMALL)),  # type: ignore[arg-type]
        lambda: with_router(max_body_bytes(SMALL)),
        lambda: with_blueprint(on_a_hook),
        lambda: with_router(lambda router: router.get("/a", dependencies=[Depends(marked)])(hidden)),
        lambda: with_router(on_a_socket),
    ],
    ids=["blueprint", "router", "hook", "dependency", "socket"],
)
def test_a_marker_where_nobody_looks_stops_the_start(tmp_path: Path, make: Callable[[], Extension]) -> None:
    """A limit on something that is no endpoint, or whose requests have no body, is refused by name."""
    with pytest.raises(PolicyError, match=r"has no effect"):
        start(tmp_path, make())


@pytest.mark.parametrize("number", [-1, 1.5, "5MB", True, None])
def test_a_limit_is_a_whole_number(number: Any) -> None:
    """Anything else is refused where it is written."""
    with pytest.raises(PolicyError, match="a limit is a whole number"):
        max_body_bytes(number)
    with pytest.raises(PolicyError, match="a limit is a whole number"):
        max_body_bytes(1, max_fields=number)
