"""uvicorn's HTTP protocol, with the deadlines, limits and checks that can only be enforced below ASGI."""

import asyncio
import enum
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from starlette.types import ASGIApp

from app.edge.headers import with_security_headers
from app.serving.framing import check_framing, has_body, is_asterisk, with_path
from app.serving.parser import RequestParser
from app.serving.transport import PoliteTransport
from app.serving.uvicorn_names import STATUS_LINE, RequestResponseCycle, UvicornProtocol
from app.serving.versions import ended_by_closing


class _Phase(enum.Enum):
    """What the next byte from the client belongs to."""

    IDLE = "between two requests"
    HEAD = "a request's head"
    BODY = "a request's body"


class DuetProtocol(UvicornProtocol):
    """The class for uvicorn's `http=`. A deployment or test that needs other limits subclasses it.

    Attributes:
        header_seconds: how long the head of a request may take from its first byte (or from the connection's
            start), and also the rest of a body that nobody waits for any more.
        max_header_bytes: how large a head may grow before it is complete, and how large the framing of a body
            (chunk extensions, trailers) may be. The edge limits the size of a complete head.
        stall_seconds: how long a client may read nothing of an answer that waits for it.
        linger_seconds: how long the server keeps listening to a refused client, so that the client can read why.
        farewell_seconds: how long a connection without a request stays open when the server ends: the next request
            may be on its way already, and would be lost (RFC 9112 §9.6).
        is_ending: whether the server is about to end. Each answer is then the last one on its connection.
        https: whether people reach Duet over https even if this process sees http.
    """

    header_seconds: float = 10
    max_header_bytes: int = 64 * 1024
    stall_seconds: float = 20
    linger_seconds: float = 5
    farewell_seconds: float = 0.5
    is_ending: bool = False
    https: bool = False

    # uvicorn 0.54 was seen to keep a half-sent head for good, and also a client that sends or reads nothing. It
    # accepted a head of 5 MB, and added trailers to the headers that the app sees.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.parser = RequestParser(self)  # type: ignore[assignment] # it has what uvicorn calls
        self._phase = _Phase.IDLE
        self._seen = b""  # what was received since before the head began that is being read
        self._deaf = False  # further input is ignored
        self._hung_up = False  # the last byte has been written
        self._head_bytes = 0
        self._framing_bytes = 0
        self._payload_bytes = 0
        self._running: RequestResponseCycle | None = None
        self._polite = PoliteTransport(transport, self.loop, self._hang_up)
        self._deadline: asyncio.TimerHandle | None = None
        self._stall_check: asyncio.TimerHandle | None = None
        self._taken = 0
        self._set_deadline(self.header_seconds, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._set_deadline(None)
        if self._stall_check is not None:
            self._stall_check.cancel()
        super().connection_lost(exc)

    # The request

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._seen = self._seen + data if self._phase is _Phase.HEAD else data
        if self._phase is _Phase.IDLE:
            # An empty line before a request (RFC 9112 §2.2) also counts as the beginning of its head.
            self._phase = _Phase.HEAD
            self._head_bytes = 0
            self._set_deadline(None)
        super().data_received(data)
        if self._phase is not _Phase.HEAD:
            self._seen = b""
        if self._phase is _Phase.HEAD and not self._deaf:
            self._head_bytes += len(data)
            if self._head_bytes > self.max_header_bytes:
                self._refuse(431)
            elif self._deadline is None:
                self._set_deadline(self.header_seconds, self._late)
        elif self._phase is _Phase.BODY:
            self._framing_bytes += len(data)
            # Sixteen bytes of framing per byte of body are enough for a client that sends byte by byte.
            if self._framing_bytes - self._payload_bytes > self.max_header_bytes + 16 * self._payload_bytes:
                self._refuse(400)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase = _Phase.HEAD
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        # A field in the trailer must not count as one in the head (RFC 9110 §6.5.1): it could be a second Host, or
        # an Authorization or X-Forwarded-For that a proxy never saw.
        if self._phase is not _Phase.BODY:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        method, target, version = self.parser.get_method(), self.url, self.parser.get_http_version()
        # What this raises makes the parser fail, and ends in send_400_response.
        check_framing(method, target, version, self.headers, seen=self._seen)
        if self.ignores_upgrade:  # the parser reads the head anew
            return
        self._set_deadline(None)
        self._phase = _Phase.BODY
        self._framing_bytes = self._payload_bytes = 0
        is_asterisk_form = is_asterisk(method, target)
        self.url = b"/" if is_asterisk_form else with_path(target)
        super().on_headers_complete()
        if is_asterisk_form:
            self.scope["path"], self.scope["raw_path"] = "*", b"*"

    def on_body(self, body: bytes) -> None:
        self._payload_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.ignores_upgrade:
            return
        super().on_message_complete()
        self._phase = _Phase.IDLE
        self._set_deadline(None)
        if self._running is not None and self._running.response_complete:
            # This was the rest of a body that the answer did not wait for. Each piece of it has stopped uvicorn's
            # own timer, which uvicorn only starts at the end of an answer.
            self._set_deadline(self.timeout_keep_alive, self._late)

    def _late(self) -> None:
        if self.flow.read_paused:  # this side is the one that does not read
            self._set_deadline(self.header_seconds, self._late)
        elif self._phase is _Phase.HEAD:
            self._refuse(408)
        else:
            self._hang_up()

    def _set_deadline(self, seconds: float | None, then: Callable[[], object] | None = None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if seconds is not None and then is not None:
            self._deadline = self.loop.call_later(seconds, self._meet_deadline, then)

    def _meet_deadline(self, then: Callable[[], object]) -> None:
        self._deadline = None
        then()

    def shutdown(self) -> None:
        """Called when the server ends. Requests that have arrived are still answered."""
        self.is_ending = True
        if self._running is not None and not self._running.response_complete:
            self._running.keep_alive = False
        elif self._phase is _Phase.IDLE:
            self._set_deadline(self.farewell_seconds, self._hang_up)

    # Upgrades

    def is_handshake(self) -> bool:
        """Returns whether the request can open a WebSocket (RFC 6455 section 4.1), if it asks for one at all.

        Any other request with an `Upgrade: websocket` is an ordinary one, and in HTTP/1.0 there is no upgrade.
        """
        is_plain_get = self.parser.get_method() == b"GET" and not has_body(self.headers)
        return is_plain_get and self.parser.get_http_version() == "1.1"

    @property
    def ignores_upgrade(self) -> bool:
        """Whether the request just read asks for another protocol that it will not get."""
        return self.parser.should_upgrade() and not (
            self.wanted_protocol() == b"websocket" and self.is_handshake()
        )

    def head_without_upgrade(self) -> bytes:
        """Returns the head just read as that of an ordinary request, and the last one on its connection.

        What follows may be in either protocol: a proxy in between may have taken the connection for a tunnel.
        """
        first = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        fields = [b"%b: %b" % field for field in self.headers if field[0] not in (b"connection", b"upgrade")]
        self._seen = b"\r\n".join([first, *fields, b"connection: close", b"", b""])
        return self._seen

    def handle_websocket_upgrade(self) -> None:
        self._set_deadline(None)
        super().handle_websocket_upgrade()

    def pass_over_upgrade(self) -> None:
        # There is no WebSocket library. The handshake is answered as the GET that it is.
        self._deaf = True
        if self.cycle is not None:
            self.cycle.keep_alive = False

    # Refusals and the end

    def send_400_response(self, msg: str) -> None:
        self._refuse(400)

    def _refuse(self, status: int) -> None:
        """Answer what is not a request, unless this would come inside or before another answer."""
        self._deaf = True
        self._set_deadline(None)
        current = self._running
        answering = current is not None and not current.response_complete
        broken = self.cycle if self._phase is _Phase.BODY else None
        if current is not None and answering and broken is not current:
            current.keep_alive = False
            self.pipeline.clear()
            return
        if broken is not None:
            # Nobody may write after this, and `receive` says that the client is gone.
            broken.disconnected = True
            broken.message_event.set()
        if broken is None or not broken.response_started:
            self._polite.write(self._refusal(status))
        self._hang_up()

    def _refusal(self, status: int) -> bytes:
        content = HTTPStatus(status).phrase.capitalize().encode("ascii")
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(content)),
            (b"connection", b"close"),
        ]
        dressed = with_security_headers(headers, https=self.https or self.scheme == "https")
        lines = [b"%b: %b\r\n" % header for header in dressed]
        return b"".join([STATUS_LINE[status], *lines, b"\r\n", content])

    def begin(self, cycle: RequestResponseCycle, app: ASGIApp) -> ASGIApp:
        self._running = cycle
        cycle.keep_alive = cycle.keep_alive and not self.is_ending
        self._polite.begin_answer()
        cycle.transport = cast(asyncio.Transport, self._polite)
        return ended_by_closing(app, cycle) if cycle.scope["http_version"] == "1.0" else app

    def on_response_complete(self) -> None:
        if self._hung_up:
            self.server_state.total_requests += 1
            self.pipeline.clear()
        else:
            super().on_response_complete()
            if self._phase is _Phase.BODY:
                self._set_deadline(self.header_seconds, self._hang_up)
        self._watch_for_stall()

    def _hang_up(self) -> None:
        """Close the connection so that the client can read the last answer.

        If a socket is closed while bytes are still coming in, TCP resets the connection, and the answer may be
        lost before it is read (RFC 9112 §9.6). So this stops writing, and listens for a while.
        """
        self._deaf = self._hung_up = True
        self._polite.flush()
        if self.transport.is_closing():
            return
        if self._phase is _Phase.IDLE or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.flow.resume_reading()
            self.transport.write_eof()
            self._set_deadline(self.linger_seconds, self.transport.close)
        self._watch_for_stall()

    # A client that does not read

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_for_stall()

    def _watch_for_stall(self) -> None:
        if self._stall_check is None and self.transport.get_write_buffer_size():
            self._taken = self._polite.written - self.transport.get_write_buffer_size()
            self._stall_check = self.loop.call_later(self.stall_seconds, self._check_for_stall)

    def _check_for_stall(self) -> None:
        self._stall_check = None
        waiting = self.transport.get_write_buffer_size()
        if waiting and self._polite.written - waiting == self._taken:
            self.transport.abort()
        else:
            self._watch_for_stall()
