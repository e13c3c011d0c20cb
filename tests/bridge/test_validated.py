"""The bridge under the standard library's validator of WSGI, which stands between it and the apps."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

import flask
import httpx
import pytest

from tests.bridge.test_bridge import Environ, StartResponse, WSGIApp, pages
from tests.kit.live import serve, status, talk

CLOSE = b"Host: a\r\nConnection: close\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


def _flask() -> flask.Flask:
    app = flask.Flask("validated")
    app.secret_key = "k" * 32

    @app.route("/", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def form() -> str:
        return flask.request.form.get("a", "nothing")

    @app.route("/size", methods=["POST"])
    def size() -> str:
        flask.session["seen"] = True
        return str(len(flask.request.get_data()))

    @app.get("/stream")
    def stream() -> flask.Response:
        return flask.Response(flask.stream_with_context(part for part in ("a", "", "b")))

    @app.get("/file")
    def file() -> flask.Response:
        return flask.send_file(io.BytesIO(b"0123456789"), "text/plain", conditional=True, etag=False)

    @app.get("/empty")
    def empty() -> flask.Response:
        answer = flask.Response(status=204)
        del answer.headers["Content-Type"]
        return answer

    @app.get("/large")
    def large() -> str:
        return "x" * 1_500_000

    return app


def _lazy(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b""
    yield b"lazy"


def _writing(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"wri")
    write(b"tten")
    return [b"!"]


def _replaced(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        raise LookupError
    except LookupError:
        start_response("404 Not Found", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"replaced"]


def _reading(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    body = environ["wsgi.input"]
    lines = [body.readline(), *body.readlines(), body.read(10)]
    environ["wsgi.errors"].flush()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"%3d" % sum(map(len, lines))]


_BARE = {"/lazy": _lazy, "/writing": _writing, "/replaced": _replaced, "/reading": _reading}


def _validated() -> WSGIApp:
    """Flask, and apps without a framework at paths of their own, each behind the validator."""
    validated: Any = validator  # whose types know `write` by its parameter's name
    apps = {path: validated(app) for path, app in _BARE.items()}
    rest = validated(_flask())

    def choose(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        app: WSGIApp = apps.get(environ["PATH_INFO"], rest)
        return app(environ, start_response)

    return choose


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The apps behind the validator, the bridge and the edge."""
    with serve(pages(_validated())) as address:
        yield address


_KINDS: dict[str, tuple[bytes, int, bytes]] = {
    "GET": (b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n", 200, b"nothing"),
    "GET with a query": (b"GET /?a=%C3%B6&b HTTP/1.1\r\n" + CLOSE + b"\r\n", 200, b"nothing"),
    "HEAD": (b"HEAD / HTTP/1.1\r\n" + CLOSE + b"\r\n", 200, b""),
    "HEAD of a stream": (b"HEAD /stream HTTP/1.1\r\n" + CLOSE + b"\r\n", 200, b""),
    "OPTIONS": (b"OPTIONS / HTTP/1.1\r\n" + CLOSE + b"\r\n", 200, b""),
    "POST": (b"POST / HTTP/1.1\r\n" + CLOSE + FORM + b"Content-Length: 3\r\n\r\na=b", 200, b"b"),
    "POST without a body": (b"POST / HTTP/1.1\r\n" + CLOSE + b"Content-Length: 0\r\n\r\n", 200, b"nothing"),
    "POST in chunks": (
        b"POST / HTTP/1.1\r\n"
        + CLOSE
        + FORM
        + b"Transfer-Encoding: chunked\r\n\r\n2\r\na=\r\n1\r\nb\r\n0\r\n\r\n",
        200,
        b"b",
    ),
    "POST in no chunks": (
        b"POST / HTTP/1.1\r\n" + CLOSE + FORM + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        200,
        b"nothing",
    ),
    "POST of a large body": (
        b"POST /size HTTP/1.1\r\n" + CLOSE + b"Content-Length: 1500000\r\n\r\n" + b"x" * 1_500_000,
        200,
        b"1500000",
    ),
    "a body that nobody reads": (
        b"POST /nowhere HTTP/1.1\r\n" + CLOSE + b"Content-Length: 3\r\n\r\na=b",
        404,
        b"</p>\n",
    ),
    "a body read in lines": (
        b"POST /reading HTTP/1.1\r\n" + CLOSE + b"Content-Length: 6\r\n\r\na\nb\nc\n",
        200,
        b"  6",
    ),
    "PUT": (b"PUT / HTTP/1.1\r\n" + CLOSE + FORM + b"Content-Length: 3\r\n\r\na=b", 200, b"b"),
    "PATCH": (b"PATCH / HTTP/1.1\r\n" + CLOSE + FORM + b"Content-Length: 3\r\n\r\na=b", 200, b"b"),
    "DELETE": (b"DELETE / HTTP/1.1\r\n" + CLOSE + b"\r\n", 200, b"nothing"),
    "several cookies": (b"GET / HTTP/1.1\r\n" + CLOSE + b"Cookie: a=1\r\nCookie: b=2\r\n\r\n", 200, b"nothing"),
    "a path of other letters": (b"GET /%C3%B6/%00x HTTP/1.1\r\n" + CLOSE + b"\r\n", 400, b""),
    "a header of other letters": (b"GET / HTTP/1.1\r\n" + CLOSE + b"X-Name: \xc3\xb6\r\n\r\n", 200, b"nothing"),
    "no content": (b"GET /empty HTTP/1.1\r\n" + CLOSE + b"\r\n", 204, b""),
    "a large answer": (b"GET /large HTTP/1.1\r\n" + CLOSE + b"\r\n", 200, b"xxx"),
    "a part of a file": (b"GET /file HTTP/1.1\r\n" + CLOSE + b"Range: bytes=2-4\r\n\r\n", 206, b"234"),
    "a file": (b"GET /file HTTP/1.1\r\n" + CLOSE + b"\r\n", 200, b"0123456789"),
    "a stream": (b"GET /stream HTTP/1.0\r\n" + CLOSE + b"\r\n", 200, b""),
    "a late start": (b"GET /lazy HTTP/1.1\r\n" + CLOSE + b"\r\n", 200, b"lazy\r\n0\r\n\r\n"),
    "written": (b"GET /writing HTTP/1.1\r\n" + CLOSE + b"\r\n", 200, b"!\r\n0\r\n\r\n"),
    "a start replaced": (b"GET /replaced HTTP/1.1\r\n" + CLOSE + b"\r\n", 404, b"replaced\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("kind", _KINDS)
def test_each_kind_of_request_and_answer_is_valid_wsgi(url: str, kind: str) -> None:
    """The validator, which raises an exception wherever a server or an app breaks PEP 3333, finds nothing."""
    request, code, end = _KINDS[kind]
    answer = talk(url, request)
    assert status(answer) == code
    assert answer.endswith(end)


def test_the_environ_belongs_to_the_app() -> None:
    """An app may put another input in its place, or empty the environ; the bridge closes the body that it made."""
    bodies: list[Any] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        bodies.append(environ["wsgi.input"])
        if environ["PATH_INFO"] == "/replace":
            environ["wsgi.input"] = iter([b""])
            environ["REQUEST_METHOD"] = "HEAD"
        else:
            environ.clear()
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"an"
        yield b"swer"

    with serve(pages(app)) as url:
        assert httpx.post(f"{url}/replace", content=b"x" * 2_000_000).text == "answer"
        assert httpx.post(f"{url}/clear", content=b"x").text == "answer"
        assert httpx.head(f"{url}/clear").content == b""
    assert all(body.closed for body in bodies)
