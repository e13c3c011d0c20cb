"""Prepares a request for WSGI: reads its body on the event loop, and builds its environ."""

import io
import sys
import tempfile
from typing import IO, Any
from urllib.parse import quote

from starlette.types import Receive, Scope

from app.bridge.a2wsgi_names import build_environ
from app.scope import IN_ENVIRON

#: A larger body waits for its view in a temporary file, not in memory.
SPOOL_BYTES = 1024 * 1024


async def read_body(receive: Receive) -> tuple[IO[bytes], int] | None:
    """Read a request's body to its end, before a thread is taken: a slow client must not hold one.

    The edge's `receive` enforces the size limit and the deadline.

    Returns:
        The body, to be read from its start, and its size in bytes; None if the client went away.
    """
    message = await receive()
    if message["type"] != "http.request":
        return None
    if not message.get("more_body", False):
        whole = message.get("body", b"")
        return io.BytesIO(whole), len(whole)
    body: IO[bytes] = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - closed with the exchange
    try:
        body.write(message.get("body", b""))
        while message.get("more_body", False):
            message = await receive()
            if message["type"] != "http.request":
                body.close()
                return None
            body.write(message.get("body", b""))
    except BaseException:
        body.close()
        raise
    size = body.tell()
    body.seek(0)
    return body, size


def make_environ(scope: Scope, body: IO[bytes], size: int) -> dict[str, Any]:
    """Build the WSGI environ of a request whose body is complete.

    It is a2wsgi's environ, with what a2wsgi gets wrong corrected: it joins repeated `Cookie` headers with a
    comma, writes errors to standard output, raises an exception for a query that is not ASCII, and gives no
    length for a chunked body, which Flask would take for an empty form.
    """
    query: bytes = scope.get("query_string", b"")
    plain = scope if query.isascii() else {**scope, "query_string": quote(query, safe="%&=+/?;").encode()}
    environ: dict[str, Any] = build_environ(plain, body)  # type: ignore[arg-type,assignment]
    # Flask's side looks here for what the gate found, so it must be the scope that all layers share.
    environ[IN_ENVIRON] = scope
    # a2wsgi would prefer an environment variable of the process.
    environ["SCRIPT_NAME"] = scope.get("root_path", "").encode("utf-8").decode("latin-1")
    environ["wsgi.errors"] = sys.stderr
    environ["wsgi.multiprocess"] = False
    if environ.pop("HTTP_TRANSFER_ENCODING", None) is not None or size:
        environ["CONTENT_LENGTH"] = str(size)
    if "CONTENT_LENGTH" not in environ:
        # Where the length is known, Werkzeug keeps to it, and reads as `wsgiref.validate` allows.
        environ["wsgi.input_terminated"] = True
    if "HTTP_COOKIE" in environ:
        cookies = [value for name, value in scope["headers"] if name == b"cookie"]
        environ["HTTP_COOKIE"] = b"; ".join(cookies).decode("latin-1")
    return environ
