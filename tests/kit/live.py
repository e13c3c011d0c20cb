"""Real uvicorn servers on free loopback ports, and raw bytes to and from them."""

import asyncio
import contextlib
import faulthandler
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from app.serving.protocol import DuetProtocol

#: How long a server may take to end, in seconds: requests get two, and closing the lifespan a few more.
ENDING_SECONDS = 20


@contextlib.contextmanager
def serve(
    app: ASGIApp, *, protocol: type[DuetProtocol] = DuetProtocol, port: int = 0, **config: Any
) -> Iterator[str]:
    """Serve `app` from its own thread and event loop, and yield its base URL.

    Args:
        app: the ASGI app; its lifespan runs, if it has one.
        protocol: the protocol class, such as one with shorter limits.
        port: the port to listen on; a free one if 0.
        config: further settings of uvicorn.

    Raises:
        RuntimeError: the server did not start, or did not end; standard error says what it was doing.
    """
    options: dict[str, Any] = {
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,
        "timeout_graceful_shutdown": 2,
        **config,
    }
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        server = uvicorn.Server(uvicorn.Config(app, http=protocol, **options))
        # The thread is a daemon: a server that does not end fails its test, and must not keep the run from ending.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            while not server.started:
                if not thread.is_alive():
                    raise RuntimeError("the server did not start")
                time.sleep(0.005)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(ENDING_SECONDS)
            if thread.is_alive():
                _tell_what_runs(server)
                raise RuntimeError(f"the server did not end within {ENDING_SECONDS} seconds")


def _tell_what_runs(server: uvicorn.Server) -> None:
    """Print what each thread is doing, and each task of the server's loop."""
    faulthandler.dump_traceback(2)  # the number, because pytest's `sys.stderr` has none
    for task in asyncio.all_tasks(server.servers[0].get_loop()):
        sys.stderr.write(f"{task}\n")
        awaited: Any = task.get_coro()
        while frame := getattr(awaited, "cr_frame", None):  # `print_stack` shows only the outermost frame
            where = f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"
            sys.stderr.write(f"  {where}\n")
            awaited = awaited.cr_await


def connect(url: str, *, seconds: float = 10, receive_buffer: int | None = None) -> socket.socket:
    """Open a plain connection to the server at `url`; each wait on it ends after `seconds`."""
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(seconds)
    connection.connect((urlsplit(url).hostname, urlsplit(url).port))
    return connection


def read_all(connection: socket.socket) -> bytes:
    """Read until the server closes the connection, politely or not."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return received


def talk(url: str, data: bytes) -> bytes:
    """Send `data` on a new connection, and return everything that comes until the server closes it."""
    with connect(url) as connection:
        connection.sendall(data)
        return read_all(connection)


def status(answer: bytes) -> int:
    """Return the status of a raw answer; 0 if there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0
