"""The private names of uvicorn that Duet uses, and why.

uvicorn documents how `Config` and `Server` are called. Duet's protocol and server are subclasses of uvicorn's
(docs/adr/0018), and so depend on its private names.
"""

from __future__ import annotations

from typing import Any, Final

import uvicorn

from app.packages import PrivateNames

_HTTP: Final = "uvicorn.protocols.http.httptools_impl"

NAMES: Final = PrivateNames(
    "uvicorn",
    # The first line of an answer, by status. Duet writes refusals below ASGI, where uvicorn does not write one.
    f"{_HTTP}:STATUS_LINE",
    # The class that serves a connection. Bytes, the parts of a request that httptools reports, and the beginning
    # and end of the connection arrive in methods that asyncio and httptools name. The following are uvicorn's own.
    f"{_HTTP}:HttpToolsProtocol._start_asgi_task",  # a request begins: see `UvicornProtocol.begin`
    f"{_HTTP}:HttpToolsProtocol._unsupported_upgrade_warning",  # see `UvicornProtocol.pass_over_upgrade`
    f"{_HTTP}:HttpToolsProtocol._should_upgrade",  # see `UvicornProtocol.is_handshake`
    f"{_HTTP}:HttpToolsProtocol._get_upgrade",  # see `UvicornProtocol.wanted_protocol`
    f"{_HTTP}:HttpToolsProtocol.handle_websocket_upgrade",  # another protocol takes over, and deadlines end
    f"{_HTTP}:HttpToolsProtocol.send_400_response",  # the parser gave up: Duet writes the refusal
    f"{_HTTP}:HttpToolsProtocol.on_response_complete",  # starts the next request, or waits for one
    f"{_HTTP}:HttpToolsProtocol.shutdown",  # the server ends
    f"{_HTTP}:HttpToolsProtocol.loop",  # its timers are the deadlines
    f"{_HTTP}:HttpToolsProtocol.parser",  # httptools' parser, replaced by Duet's own around it
    f"{_HTTP}:HttpToolsProtocol.transport",
    f"{_HTTP}:HttpToolsProtocol.flow",  # tells whether input from the client is paused
    f"{_HTTP}:HttpToolsProtocol.scheme",
    f"{_HTTP}:HttpToolsProtocol.url",  # these two tell whether a request's framing is valid
    f"{_HTTP}:HttpToolsProtocol.headers",
    f"{_HTTP}:HttpToolsProtocol.scope",  # the path in it is '*' where the request is about the server as a whole
    f"{_HTTP}:HttpToolsProtocol.timeout_keep_alive",  # seconds
    f"{_HTTP}:HttpToolsProtocol.pipeline",  # requests that wait for an earlier answer; a refusal drops them
    f"{_HTTP}:HttpToolsProtocol.cycle",  # the last request that was read, not the one being answered
    f"{_HTTP}:HttpToolsProtocol.server_state",
    # A request and its answer: how far they got, and whether the connection outlives them.
    f"{_HTTP}:RequestResponseCycle.transport",  # replaced by a polite one
    f"{_HTTP}:RequestResponseCycle.keep_alive",
    f"{_HTTP}:RequestResponseCycle.disconnected",
    f"{_HTTP}:RequestResponseCycle.message_event",
    f"{_HTTP}:RequestResponseCycle.response_started",
    f"{_HTTP}:RequestResponseCycle.response_complete",
    f"{_HTTP}:RequestResponseCycle.scope",
    # These three differ for an HTTP/1.0 client, to which uvicorn would send a transfer coding and a 100.
    f"{_HTTP}:RequestResponseCycle.chunked_encoding",
    f"{_HTTP}:RequestResponseCycle.expected_content_length",
    f"{_HTTP}:RequestResponseCycle.waiting_for_100_continue",
    "uvicorn.protocols.http.flow_control:FlowControl.read_paused",
    "uvicorn.protocols.http.flow_control:FlowControl.resume_reading",
    # What all connections share: the headers of every answer, the count of requests, and the connections.
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
    # The signals that uvicorn raises again after it has ended: see `forget_signals`.
    "uvicorn:Server._captured_signals",
    # The class that serves a connection, instead of a name such as 'httptools'.
    "uvicorn:Config(http)",
)

with NAMES.importing():
    from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

__all__ = ["NAMES", "STATUS_LINE", "RequestResponseCycle", "UvicornProtocol", "forget_signals"]


class UvicornProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with public names in Duet for those of its steps whose names are private."""

    def begin(self, cycle: RequestResponseCycle, app: Any) -> Any:
        """Called when the app is about to answer the request of `cycle`. Returns what answers it."""
        return app

    def is_handshake(self) -> bool:
        """Called if a client asks for a WebSocket. Returns whether it may get one."""
        return True

    def wanted_protocol(self) -> bytes | None:
        """Returns the value of `Upgrade` in lower case, or None if the client asks for no other protocol."""
        return self._get_upgrade()

    def pass_over_upgrade(self) -> None:
        """Called when a client wants a WebSocket and no library for that is installed."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, self.begin(cycle, app))

    def _should_upgrade(self) -> bool:
        return super()._should_upgrade() and self.is_handshake()

    def _unsupported_upgrade_warning(self) -> None:
        self.pass_over_upgrade()  # without a line in the log, which anybody could fill


def forget_signals(server: uvicorn.Server) -> None:
    """Keeps `server` from raising the signals that ended it again, after it has ended."""
    server._captured_signals.clear()
