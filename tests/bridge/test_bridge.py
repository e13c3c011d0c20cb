"""The pages' bridge over real sockets: bodies, threads, streams and PEP 3333."""

import contextlib
import contextvars
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import flask
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from app.bridge import PagesApp
from app.edge import Edge
from tests.kit.live import connect, read_all, serve, status, talk

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], None]]
WSGIApp = Callable[[Environ, StartResponse], Iterable[bytes]]

asked_by: contextvars.ContextVar[str] = contextvars.ContextVar("asked_by")


def refuse(scope: Scope, code: int, detail: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    return [(b"content-type", b"text/plain")], f"{code} {detail}".encode()


def pages(
    app: Any, *, threads: int = 2, slow_threads: int = 2, max_queued: int = 50, max_slow_queued: int = 50
) -> ASGIApp:
    """`app` behind the bridge and the edge; everything below /slow is slow, every /own is ours."""
    bridge = PagesApp(
        app,
        threads=threads,
        slow_threads=slow_threads,
        is_slow=lambda scope: scope["path"].startswith("/slow"),
        is_own=lambda scope: scope["path"].endswith("/own"),
        refuse=refuse,
        max_queued=max_queued,
        max_slow_queued=max_slow_queued,
    )

    async def asking(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await bridge.aclose()
            await send({"type": "lifespan.shutdown.complete"})
            return
        asked_by.set(scope["path"])
        await bridge(scope, receive, send)

    return Edge(asking, max_body_bytes=lambda _: 3_000_000, refuse=refuse, body_seconds=0.8)


class Stream:
    """A stream whose chunks the test hands out, and which reports when it is closed."""

    def __init__(self) -> None:
        self.may_go_on = threading.Semaphore(0)
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        yield b"first"
        while self.may_go_on.acquire(timeout=5):
            yield b"next"

    def close(self) -> None:
        self.closed.set()


def make_flask() -> flask.Flask:
    app = flask.Flask("pages")
    app.secret_key = "k" * 32

    @app.route("/", methods=["GET", "POST"])
    def index() -> str:
        return "hello"

    @app.post("/form")
    def form() -> dict[str, Any]:
        return {"form": flask.request.form.to_dict(), "length": flask.request.content_length}

    @app.post("/size")
    def size() -> str:
        return str(len(flask.request.get_data()))

    @app.get("/context")
    def context() -> str:
        return asked_by.get("nobody")

    @app.get("/cookies")
    def cookies() -> dict[str, str]:
        return flask.request.cookies.to_dict()

    @app.get("/where/<path:rest>")
    def where(rest: str) -> dict[str, str]:
        request = flask.request
        return {
            "root": request.script_root,
            "path": request.path,
            "query": request.query_string.decode(),
            "rest": rest,
        }

    add_answers(app)
    return app


def add_answers(app: flask.Flask) -> None:
    @app.get("/slow/<float:seconds>")
    def slow(seconds: float) -> str:
        time.sleep(seconds)
        return "done"

    @app.get("/large")
    def large() -> str:
        return "x" * 3_000_000

    @app.get("/empty")
    def empty() -> tuple[str, int]:
        return "", 204

    @app.get("/environ")
    def environ() -> dict[str, bool]:
        found = flask.request.environ
        return {
            "errors": found["wsgi.errors"] is sys.stderr,
            "terminated": found["wsgi.input_terminated"],
            "scope": found["asgi.scope"]["path"] == "/environ",
        }


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(pages(make_flask())) as address:
        yield address


POST = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
CLOSE = b"Connection: close\r\n\r\n"


# Requests


def test_a_form_is_parsed(url: str) -> None:
    """An ordinary form reaches Flask."""
    answer = httpx.post(url + "/form", data={"email": "a@b", "name": "ö"}).json()
    assert answer["form"] == {"email": "a@b", "name": "ö"}


def test_a_chunked_form_is_parsed(url: str) -> None:
    """A chunked form reaches Flask, which would see it empty if the bridge did not tell its length."""
    chunks = b"4\r\na=1&\r\n3\r\nb=2\r\n0\r\n\r\n"
    answer = talk(url, POST % b"/form" + b"Transfer-Encoding: chunked\r\n" + CLOSE + chunks)
    assert b'"form":{"a":"1","b":"2"}' in answer.replace(b" ", b"")
    assert b'"length":7' in answer.replace(b" ", b"")


def test_a_large_body_arrives_whole(url: str) -> None:
    """A body larger than what is kept in memory waits in a file."""
    assert httpx.post(url + "/size", content=b"x" * 2_500_000).text == "2500000"


def test_context_variables_reach_the_view(url: str) -> None:
    """Context variables that the outer layers set are visible in the view's thread."""
    assert httpx.get(url + "/context").text == "/context"


def test_several_cookie_headers_reach_flask() -> None:
    """Several Cookie headers are joined as cookies are, even without the edge."""
    bridge = PagesApp(
        make_flask(),
        threads=1,
        slow_threads=1,
        is_slow=lambda scope: False,
        refuse=refuse,
        max_queued=1,
        max_slow_queued=1,
    )
    with serve(bridge, lifespan="off") as url:
        answer = talk(url, b"GET /cookies HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\nCookie: b=2\r\n" + CLOSE)
    assert b'{"a":"1","b":"2"}' in answer.replace(b" ", b"")


def test_the_path_is_split_by_the_mount() -> None:
    """A mount at the root takes nothing from the path, and another mount takes its prefix."""
    for prefix in ("", "/sub"):
        app = Starlette(routes=[Mount(prefix or "/", app=pages(make_flask()))])
        with serve(app, lifespan="off") as url:
            found = httpx.get(f"{url}{prefix}/where/größe x?q=%C3%B6&r").json()
        assert found == {"root": prefix, "path": "/where/größe x", "query": "q=%C3%B6&r", "rest": "größe x"}


def test_the_environ_is_what_flask_expects(url: str) -> None:
    """Errors go to standard error, the input ends, and the shared scope is there."""
    assert httpx.get(url + "/environ").json() == {"errors": True, "terminated": True, "scope": True}


# Threads


def test_half_sent_posts_do_not_stop_pages(url: str) -> None:
    """Bodies are awaited on the event loop, so ten slow clients hold neither of the two threads."""
    connections = [connect(url) for _ in range(10)]
    try:
        for connection in connections:
            connection.sendall(POST % b"/form" + b"Content-Length: 100\r\n\r\na=")
        assert httpx.get(url, timeout=0.7).text == "hello"
        assert [status(read_all(connection)) for connection in connections] == [408] * 10
    finally:
        for connection in connections:
            connection.close()


def test_slow_views_do_not_stop_quick_ones() -> None:
    """Sixteen slow views wait for each other, and for nobody else."""
    may_end = threading.Event()

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/slow":
            may_end.wait(10)
        start_response("200 OK", [])
        return [b"ok"]

    with serve(pages(app)) as url:
        slow_ones = [connect(url) for _ in range(16)]
        for connection in slow_ones:
            connection.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n" + CLOSE)
        time.sleep(0.1)
        assert httpx.get(url, timeout=5).text == "ok"
        may_end.set()
        for connection in slow_ones:
            with connection:
                assert status(read_all(connection)) == 200


@pytest.mark.parametrize("folder", ["", "/slow"], ids=["quick", "slow"])
def test_the_site_s_own_views_have_threads_in_reserve(folder: str) -> None:
    """While others keep every thread of a pool, the site's own views are served; the others wait."""
    may_end, waiting = threading.Event(), threading.Semaphore(0)

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].endswith("/wait"):
            waiting.release()
            may_end.wait(60)
        start_response("200 OK", [])
        return [b"ok"]

    with serve(pages(app)) as url, ThreadPoolExecutor(4) as people:
        kept = [people.submit(httpx.get, f"{url}{folder}/wait", timeout=60) for _ in range(2)]
        assert all(waiting.acquire(timeout=60) for _ in kept)
        other = people.submit(httpx.get, f"{url}{folder}/other", timeout=60)
        assert httpx.get(f"{url}{folder}/own", timeout=60).text == "ok"
        assert not other.done()
        may_end.set()
        assert {one.result().status_code for one in (*kept, other)} == {200}


def test_more_than_may_wait_are_refused_at_once() -> None:
    """A full pool is a 503 with `Retry-After`, drawn like any refusal; the other pool is not affected."""
    with serve(pages(make_flask(), slow_threads=1, max_slow_queued=1)) as url, ThreadPoolExecutor(2) as people:
        waiting = [people.submit(httpx.get, url + "/slow/0.6", timeout=10) for _ in range(2)]
        time.sleep(0.3)
        answer = httpx.get(url + "/slow/0.0")
        assert not waiting[1].done()
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "2"
        assert answer.text.startswith("503 ")
        assert httpx.head(url + "/slow/0.0").status_code == 503
        assert httpx.get(url).status_code == 200
        assert {done.result().status_code for done in waiting} == {200}


def test_who_leaves_the_queue_frees_a_place() -> None:
    """A client that went away while it waited is not served, and another may wait."""
    asked: list[str] = []
    app = make_flask()
    app.before_request(lambda: asked.append(flask.request.query_string.decode()))
    with serve(pages(app, slow_threads=1, max_slow_queued=1)) as url, ThreadPoolExecutor(2) as people:
        running = people.submit(httpx.get, url + "/slow/0.8?running")
        time.sleep(0.2)
        with connect(url) as leaving:
            leaving.sendall(b"GET /slow/0.0?left HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(0.1)
        time.sleep(0.1)
        assert httpx.get(url + "/slow/0.0?stayed", timeout=5).status_code == 200
        assert running.result().status_code == 200
    assert asked == ["running", "stayed"]


def test_a_client_that_leaves_within_its_body_is_not_served() -> None:
    """No view runs for half a form, and nothing is logged as a failure."""
    asked: list[str] = []
    app = make_flask()
    app.before_request(lambda: asked.append(flask.request.path))
    with serve(pages(app)) as url:
        with connect(url) as leaving:
            leaving.sendall(POST % b"/form" + b"Content-Length: 100\r\n\r\na=")
            time.sleep(0.1)
        assert httpx.get(url).status_code == 200
    assert asked == ["/"]


# Answers


def test_head_and_no_content_have_no_body(url: str) -> None:
    """Answers to HEAD and those without content have the headers that GET would have."""
    head = talk(url, b"HEAD / HTTP/1.1\r\nHost: a\r\n" + CLOSE)
    assert status(head) == 200
    assert b"content-length: 5" in head
    assert head.endswith(b"\r\n\r\n")
    assert httpx.get(url + "/empty").status_code == 204


def test_a_large_answer_arrives_whole(url: str) -> None:
    """An answer too large for one go is sent piece by piece."""
    assert len(httpx.get(url + "/large").content) == 3_000_000


def test_an_exception_is_a_500_and_the_bridge_goes_on() -> None:
    """An exception of the WSGI app reaches the edge, even StopIteration, which no future can carry."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/stop":
            raise StopIteration
        raise LookupError("here")

    with serve(pages(app)) as url:
        assert [httpx.get(url + path).status_code for path in ("/", "/stop", "/")] == [500] * 3


def test_a_stream_arrives_chunk_by_chunk_and_ends_with_its_client() -> None:
    """Each chunk is sent as soon as it is there; when the client leaves, the iterable is closed and the thread is
    free."""
    stream = Stream()

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/stream":
            start_response("200 OK", [("Content-Length", "2")])
            return [b"ok"]
        start_response("200 OK", [("Content-Type", "text/event-stream"), ("Connection", "upgrade")])
        return stream

    with serve(pages(app, threads=1)) as url:
        with httpx.stream("GET", url + "/stream") as answer:
            assert answer.headers.get("connection") != "upgrade"
            chunks = answer.iter_raw()
            assert next(chunks) == b"first"
            stream.may_go_on.release()
            assert next(chunks) == b"next"
            assert not stream.closed.is_set()
        time.sleep(0.1)
        stream.may_go_on.release(3)
        assert stream.closed.wait(5)
        assert httpx.get(url, timeout=5).text == "ok"


def test_a_stream_waits_for_its_reader() -> None:
    """A client that does not read holds the stream back, which is not gathered in memory."""
    made = 0

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal made
        start_response("200 OK", [])
        for _ in range(2000):
            made += 1
            yield b"x" * 50_000

    with serve(pages(app)) as url, connect(url, receive_buffer=4096) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.5)
        assert 0 < made < 1000


@pytest.mark.parametrize("pieces", [1, 400], ids=["in one piece", "streamed"])
def test_who_reads_nothing_keeps_nobody_from_the_pages(pieces: int) -> None:
    """Other people's threads do not wait for ten clients that ask for a large page and do not read it."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/large":
            start_response("200 OK", [("Content-Length", "2")])
            return [b"ok"]
        start_response("200 OK", [("Content-Length", "40000000")])
        return (b"x" * (40_000_000 // pieces) for _ in range(pieces))

    def threads() -> int:
        return sum(thread.name.startswith("pages_") for thread in threading.enumerate())

    others = threads()
    with contextlib.ExitStack() as stack, serve(pages(app, threads=2)) as url:
        for _ in range(10):
            connection = stack.enter_context(connect(url, receive_buffer=4096))
            connection.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.3)
        assert httpx.get(url, timeout=5).text == "ok"
        stack.close()
        ends = time.monotonic() + 60
        while threads() > others + 2 and time.monotonic() < ends:
            time.sleep(0.05)
        assert threads() <= others + 2


def test_a_stream_that_fails_halfway_does_not_look_complete() -> None:
    """When a stream fails halfway, the connection is cut and the iterable is closed."""
    closed = threading.Event()

    class Failing:
        def __iter__(self) -> Iterator[bytes]:
            yield b"half"
            raise LookupError("halfway")

        def close(self) -> None:
            closed.set()

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Failing()

    with serve(pages(app)) as url:
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(url)
        assert closed.is_set()


# PEP 3333


def lazy(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    yield b""
    yield b"lazy"


def writing(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [])
    write(b"wri")
    write(b"tten")
    return [b"!"]


def replaced(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("X-Old", "1")])
    try:
        raise LookupError
    except LookupError:
        start_response("404 Not Found", [("X-New", "1")], sys.exc_info())
    return [b"replaced"]


def not_modified(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("304 Not Modified", [("Content-Length", "5")])
    return [b"hello"]


@pytest.mark.parametrize(
    ("app", "code", "text"),
    [(lazy, 200, "lazy"), (writing, 200, "written!"), (replaced, 404, "replaced"), (not_modified, 304, "")],
)
def test_each_way_to_answer_that_pep_3333_knows(app: WSGIApp, code: int, text: str) -> None:
    """An app may start late, use `write`, replace a start because of an error, or send a status without a body."""
    with serve(pages(app)) as url:
        answer = httpx.get(url)
        assert (answer.status_code, answer.text) == (code, text)
        assert "x-old" not in answer.headers


def never_started(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return [b"x"]


def started_twice(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    start_response("200 OK", [])
    return []


def too_long(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "1")])
    while True:
        yield b"x"


def too_short(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "9")])
    return [b"x"]


@pytest.mark.parametrize("app", [never_started, started_twice, too_long, too_short])
def test_an_app_that_breaks_pep_3333_is_a_500(app: WSGIApp) -> None:
    """A wrong answer is a clean failure, not half an answer."""
    with serve(pages(app)) as url:
        assert httpx.get(url).status_code == 500


def test_an_error_behind_the_start_of_a_stream_is_raised_again() -> None:
    """Once bytes have been sent, `exc_info` can only end the answer."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])(b"half")
        try:
            raise LookupError
        except LookupError:
            start_response("500 Oops", [], sys.exc_info())
        return []

    with serve(pages(app)) as url, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url)


# Other scopes


async def test_a_websocket_is_closed_politely() -> None:
    """A WebSocket is closed politely, since WSGI has none."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    bridge = PagesApp(
        make_flask(),
        threads=1,
        slow_threads=1,
        is_slow=lambda scope: False,
        refuse=refuse,
        max_queued=1,
        max_slow_queued=1,
    )
    await bridge({"type": "websocket", "path": "/"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1000}]
    with pytest.raises(RuntimeError):
        await bridge({"type": "lifespan"}, receive, send)
    await bridge.aclose()
