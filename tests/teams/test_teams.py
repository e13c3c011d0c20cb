"""Two apps built as people build them, with Flask and with FastAPI: both in one Duet, twice in a process."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.main import create_app
from app.testing import TestClient, login_as, make_settings
from tests.kit.duet import ApiClient, Browser, Running, running
from tests.kit.duet import make_settings as kit_settings
from tests.kit.programs import wait_until
from tests.teams import shelf, stock


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Running]]:
    """Two Duets in this process, each with both apps, a keeper and a clerk."""
    with ExitStack() as stack:
        served = []
        for _ in range(2):
            settings = kit_settings(tmp_path_factory.mktemp("site"))
            one = stack.enter_context(running(settings, extensions=[shelf.extension, stock.extension(settings)]))
            one.make_user("ada@example.com", name="Ada", roles=["keeper"])
            one.make_user("bo@example.com", name="Bo", roles=["clerk"])
            one.make_user("cy@example.com", name="Cy")
            served.append(one)
        yield served


@pytest.fixture(params=[0, 1], ids=["first", "second"])
def site(request: pytest.FixtureRequest, sites: list[Running]) -> Running:
    """One of the two."""
    one: Running = sites[request.param]
    return one


@pytest.fixture
def ada(site: Running) -> Iterator[Browser]:
    """Ada, on the pages."""
    with Browser(site.url) as browser:
        assert browser.log_in("ada@example.com").status_code == 303
        yield browser


@pytest.fixture
def keeper(site: Running) -> Iterator[ApiClient]:
    """Ada, on the API."""
    with ApiClient(site.url) as client:
        assert client.log_in("ada@example.com").status_code == 200
        yield client


def put_on_the_shelf(browser: Browser, title: str, content: bytes) -> str:
    """Uploads a document, and returns the path of its file."""
    form = {"title": title, "csrf_token": browser.csrf_token("/shelf/new")}
    kept = browser.post("/shelf/new", data=form, files={"file": (f"../{title}.txt", content, "text/plain")})
    assert (kept.status_code, kept.headers["location"]) == (302, "/shelf/")
    rows = list(csv.reader(browser.get("/shelf/all.csv").text.splitlines()))
    return f"/shelf/{next(number for number, kept_title in rows if kept_title == title)}/file"


# The Flask app


def test_its_pages_need_a_login_and_its_hooks_know_the_reader(site: Running, ada: Browser) -> None:
    """A stranger is led to the login; a reader's visits are counted in the team's own `g.user`."""
    with Browser(site.url) as stranger:
        led = stranger.get("/shelf/")
        assert (led.status_code, led.headers["location"]) == (303, "/login?next=/shelf/")
    page = ada.get("/shelf/").text
    assert "THE LONG SHELF" in page
    assert "You were here" in page
    assert "Log out" in page


def test_duet_s_own_pages_are_untouched_by_its_hooks(ada: Browser) -> None:
    """The team's `g.user` is None there, and the person is logged in all the same."""
    assert "Ada" in ada.get("/").text
    assert "ada@example.com" in ada.get("/account").text


def test_what_is_uploaded_is_downloaded_in_parts_too(ada: Browser) -> None:
    """A document comes back whole, or as the range that was asked for, and not again if it has not changed."""
    content = bytes(range(256)) * 400
    path = put_on_the_shelf(ada, "numbers", content)
    whole = ada.get(path)
    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["content-disposition"] == "attachment; filename=numbers.txt"
    part = ada.get(path, headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, content[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(content)}"
    assert ada.get(path, headers={"Range": "bytes=999999-"}).status_code == 416
    assert ada.get(path, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    head = ada.head(path)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(content)))


def test_a_table_is_streamed_while_its_connection_is_open(ada: Browser) -> None:
    """The rows come out of the database after the view has returned, in the order in which they are kept."""
    for title in ("b", "a"):
        put_on_the_shelf(ada, title, b"x")
    with ada.stream("GET", "/shelf/all.csv") as answer:
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        titles = [title for _, title in csv.reader(answer.iter_lines())]
    assert titles.index("b") < titles.index("a")


def test_its_own_error_pages_are_shown(ada: Browser) -> None:
    """The team's handlers answer its own 404 and its own exception, with the words that it chose."""
    gone = ada.get("/shelf/4711/file")
    assert gone.status_code == 404
    assert "There is no document 4711" in gone.text
    assert "Nothing here" in gone.text
    failed = ada.get("/shelf/print")
    assert failed.status_code == 503
    assert "There is no paper left" in failed.text
    assert "Nothing here" not in ada.get("/not-on-any-shelf").text, "other pages keep Duet's"


def test_a_form_without_a_token_or_a_file_keeps_nothing(ada: Browser) -> None:
    """A form without a CSRF token is refused, and one without a file is shown again."""
    before = ada.get("/shelf/all.csv").text
    file = {"file": ("x.txt", b"x", "text/plain")}
    assert ada.post("/shelf/new", data={"title": "x"}, files=file).status_code == 400
    # What a browser sends where no file was chosen; httpx would leave the file's name out.
    parts = (("title", "x"), ("csrf_token", ada.csrf_token("/shelf/new")), ('file"; filename="', ""))
    body = "".join(
        f'--a\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in parts
    )
    kind = {"Content-Type": "multipart/form-data; boundary=a"}
    again = ada.post("/shelf/new", content=f"{body}--a--\r\n", headers=kind)
    assert again.status_code == 200
    assert "A file is required." in again.text
    assert ada.get("/shelf/all.csv").text == before


# The FastAPI app


def test_a_role_s_scopes_decide(site: Running, keeper: ApiClient) -> None:
    """A keeper may add, a clerk may read, and others may do neither, as the team's own dependency says."""
    assert keeper.post("/api/stock/", json={"name": f"nails {site.url}", "count": 3}).status_code == 201
    with ApiClient(site.url) as other:
        assert other.get("/api/stock/").status_code == 401
        other.log_in("bo@example.com")
        assert other.get("/api/stock/").status_code == 200
        refused = other.post("/api/stock/", json={"name": "x"})
        assert (refused.status_code, refused.json()["detail"]) == (403, "You lack stock:write")
        other.log_in("cy@example.com")
        assert other.get("/api/stock/").json()["detail"] == "You lack stock:read"


def test_its_words_reach_the_client(keeper: ApiClient) -> None:
    """What the author wrote in an HTTPException or a validator is what the client reads, dictionaries too."""
    assert keeper.post("/api/stock/", json={"name": "glue"}).status_code == 201
    taken = keeper.post("/api/stock/", json={"name": "glue"})
    assert taken.status_code == 409
    assert (taken.json()["message"], taken.json()["name"]) == ("There is one already", "glue")
    assert isinstance(taken.json()["detail"], str)
    assert keeper.get("/api/stock/4711/movements").json()["detail"] == "No item 4711"
    [fault] = keeper.post("/api/stock/", json={"name": "12"}).json()["errors"]
    assert (fault["pointer"], fault["detail"]) == ("/name", "an item is not named by a number")


def test_a_refused_change_is_rolled_back(keeper: ApiClient) -> None:
    """The session of a route that raises is rolled back, and its background task does not run."""
    item = keeper.post("/api/stock/", json={"name": "bolts", "count": 5}).json()["id"]
    assert keeper.post(f"/api/stock/{item}/changes", json={"change": -9}).status_code == 409
    assert keeper.post(f"/api/stock/{item}/changes", json={"change": -2}).json()["count"] == 3
    # Background tasks run after the answer.
    wait_until(lambda: keeper.get(f"/api/stock/{item}/movements").json() != [])
    assert keeper.get(f"/api/stock/{item}/movements").json() == [-2]


def test_a_file_is_taken(keeper: ApiClient) -> None:
    """An UploadFile arrives with its name, its type and its content."""
    item = keeper.post("/api/stock/", json={"name": "lamp"}).json()["id"]
    kept = keeper.put(f"/api/stock/{item}/photo", files={"file": ("lamp.png", b"\x89PNG" * 50_000, "image/png")})
    assert kept.json() == {"filename": "lamp.png", "content_type": "image/png", "size": 200_000}


def test_events_come_while_things_change(site: Running, keeper: ApiClient) -> None:
    """A stream of events is delivered one by one, while other requests are answered."""
    item = keeper.post("/api/stock/", json={"name": "rope", "count": 2}).json()["id"]
    # The kit's own transport reads whole answers.
    listener = httpx.Client(base_url=site.url, headers=keeper.headers, transport=httpx.HTTPTransport())
    with listener, listener.stream("GET", f"/api/stock/{item}/events") as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        told = []
        for line in answer.iter_lines():
            if line:
                told.append(line)
                keeper.post(f"/api/stock/{item}/changes", json={"change": -1})
    assert told == ["data: 2", "data: 1", "data: 0"]


def test_a_slash_more_or_less_finds_the_same(keeper: ApiClient) -> None:
    """A path without its last slash leads to the one with it, as in both frameworks."""
    assert keeper.get("/api/stock", follow_redirects=True).json() == keeper.get("/api/stock/").json()


def test_its_websocket_knows_the_caller(tmp_path: Path) -> None:
    """A WebSocket talks to whoever is logged in, over the team's own database."""
    settings = make_settings(tmp_path)
    app = create_app(settings, extensions=[stock.extension(settings)])
    with TestClient(app) as client:
        me = login_as(client, roles=["keeper"]).get("/api/users/me").json()["id"]
        item = client.post("/api/stock/", json={"name": "chalk", "count": 4}).json()["id"]
        with client.websocket_connect(f"/api/stock/{item}/desk") as socket:
            socket.send_text("-1")
            assert socket.receive_json() == {"would_be": 3, "asked_by": me}


# Both


def test_neither_site_sees_the_other(sites: list[Running]) -> None:
    """What was put on one site's shelf and into its store is not on the other's."""
    first, second = sites
    with Browser(first.url) as here, Browser(second.url) as there:
        for one in (here, there):
            one.log_in("ada@example.com")
        put_on_the_shelf(here, "only here", b"x")
        assert "only here" in here.get("/shelf/all.csv").text
        assert "only here" not in there.get("/shelf/all.csv").text
    with ApiClient(first.url) as nearby, ApiClient(second.url) as far:
        for client in (nearby, far):
            client.log_in("ada@example.com")
        nearby.post("/api/stock/", json={"name": "only in the first"})
        assert "only in the first" in nearby.get("/api/stock/").text
        assert "only in the first" not in far.get("/api/stock/").text


def test_the_description_of_the_api_has_the_team_s_routes(keeper: ApiClient) -> None:
    """OpenAPI names no security scheme that it does not define, and says that the team's routes need a login."""
    description = keeper.get("/api/openapi.json").json()
    schemes = set(description["components"]["securitySchemes"])
    for path, calls in description["paths"].items():
        for method, call in calls.items():
            named = {name for need in call.get("security", ()) for name in need}
            assert named <= schemes, (path, method)
            assert named or not path.startswith("/api/stock"), (path, method)
