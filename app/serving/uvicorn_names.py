"""The names that Duet takes out of uvicorn's inside, and why.

uvicorn documents how `Config` and `Server` are called. Duet's protocol and its server are subclasses of uvicorn's
(docs/adr/0018), and so build on what is inside.
"""

from __future__ import annotations

from typing import Any, Final

import uvicorn

from app.packages import PrivateNames

_HTTP: Final = "uvicorn.protocols.http.httptools_impl"

NAMES: Final = PrivateNames(
    "uvicorn",
    # The first line of an answer, by status: refusals are written below ASGI, where nobody else writes one.
    f"{_HTTP}:STATUS_LINE",
    # What a connection is served by. Bytes, the parts of a request that httptools tells of, and the connection's
    # beginning and end arrive in methods that asyncio and httptools name; these are uvicorn's own.
    f"{_HTTP}:HttpToolsProtocol._start_asgi_task",  # a request begins: see `UvicornProtocol.begin`
    f"{_HTTP}:HttpToolsProtocol._unsupported_upgrade_warning",  # see `UvicornProtocol.pass_over_upgrade`
    f"{_HTTP}:HttpToolsProtocol.handle_websocket_upgrade",  # another protocol takes over, and no deadline counts
    f"{_HTTP}:HttpToolsProtocol.send_400_response",  # the parser gave up: the refusal is Duet's
    f"{_HTTP}:HttpToolsProtocol.on_response_complete",  # starts the next request, or waits for one
    f"{_HTTP}:HttpToolsProtocol.shutdown",  # the server ends
    f"{_HTTP}:HttpToolsProtocol.loop",  # deadlines are its timers
    f"{_HTTP}:HttpToolsProtocol.parser",  # httptools', asked for the version and the upgrade
    f"{_HTTP}:HttpToolsProtocol.transport",
    f"{_HTTP}:HttpToolsProtocol.flow",  # whether the client is read from just now
    f"{_HTTP}:HttpToolsProtocol.scheme",
    f"{_HTTP}:HttpToolsProtocol.url",  # what a request's framing is judged by
    f"{_HTTP}:HttpToolsProtocol.headers",
    f"{_HTTP}:HttpToolsProtocol.timeout_keep_alive",  # seconds
    f"{_HTTP}:HttpToolsProtocol.pipeline",  # requests that wait for the answer before theirs; a refusal drops them
    f"{_HTTP}:HttpToolsProtocol.cycle",  # the request that was read last, not the one that is being answered
    f"{_HTTP}:HttpToolsProtocol.server_state",
    # One request and its answer: how far it got, and whether the connection outlives it.
    f"{_HTTP}:RequestResponseCycle.transport",  # changed for a polite one
    f"{_HTTP}:RequestResponseCycle.keep_alive",
    f"{_HTTP}:RequestResponseCycle.disconnected",
    f"{_HTTP}:RequestResponseCycle.message_event",
    f"{_HTTP}:RequestResponseCycle.response_started",
    f"{_HTTP}:RequestResponseCycle.response_complete",
    "uvicorn.protocols.http.flow_control:FlowControl.read_paused",
    "uvicorn.protocols.http.flow_control:FlowControl.resume_reading",
    # What all connections share: the headers of every answer, the count of requests, and who is connected.
    "uvicorn.server:ServerState.default_headers",
    "uvicorn.server:ServerState.total_requests",
    "uvicorn.server:ServerState.connections",
    # The server's steps, between which Duet greets, and leaves in time.
    "uvicorn:Server.run(sockets)",
    "uvicorn:Server.startup(sockets)",
    "uvicorn:Server.shutdown(sockets)",
    "uvicorn:Server.handle_exit",
    "uvicorn:Server.started",
    "uvicorn:Server.should_exit",
    "uvicorn:Server.server_state",
    # The signals that uvicorn raises again when it has ended: see `forget_signals`.
    "uvicorn:Server._captured_signals",
    # The class that serves a connection, in place of a name such as 'httptools'.
    "uvicorn:Config(http)",
)

with NAMES.importing():
    from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

__all__ = ["NAMES", "STATUS_LINE", "RequestResponseCycle", "UvicornProtocol", "forget_signals"]


class UvicornProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with names of Duet's own for its two steps whose names are private."""

    def begin(self, cycle: RequestResponseCycle) -> None:
        """Called when the app is about to be asked for the answer of `cycle`."""

    def pass_over_upgrade(self) -> None:
        """Called when a client wants to speak another language than HTTP, which is not spoken here."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.begin(cycle)
        super()._start_asgi_task(cycle, app)

    def _unsupported_upgrade_warning(self) -> None:
        self.pass_over_upgrade()  # and no line in the log: anybody could write as many as they like


def forget_signals(server: uvicorn.Server) -> None:
    """Lets `server` not raise again, when it has ended, the signals that it was ended by."""
    server._captured_signals.clear()
