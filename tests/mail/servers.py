"""Mail servers on loopback: a real one, and one that misbehaves as it is told."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any, ClassVar

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.kit.programs import find_program, free_port

USER, PASSWORD = "duet@example.com", "p@ss/word: ü"


@dataclass
class Mailbox:
    """A mail server that accepts everything, and keeps what it accepted."""

    port: int
    envelopes: list[Envelope] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    @property
    def mails(self) -> list[EmailMessage]:
        """The messages, parsed, in the order of arrival."""
        return [parse(envelope.content) for envelope in self.envelopes]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Called by aiosmtpd with each message."""
        self.envelopes.append(envelope)
        assert server.transport is not None
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 OK"

    def log_in(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """Called by aiosmtpd with each login; accepts `USER` and `PASSWORD`."""
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=self.logins[-1] == (USER, PASSWORD), handled=False)


def parse(content: bytes | str | None) -> EmailMessage:
    """Parses a message as it came over the wire."""
    assert isinstance(content, bytes)
    parser: BytesParser[EmailMessage] = BytesParser(policy=default)
    return parser.parsebytes(content)


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for localhost and 127.0.0.1, and its key."""

    path: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, *, names: str = "DNS:localhost,IP:127.0.0.1") -> Certificate:
        """Has openssl make a certificate for `names` in `folder`."""
        made = cls(folder / "certificate.pem", folder / "key.pem")
        command = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=mail \
            -addext subjectAltName={names} -keyout {made.key} -out {made.path}"
        subprocess.run([find_program("openssl"), *command.split()], check=True, capture_output=True)
        return made

    def server_context(self) -> ssl.SSLContext:
        """The TLS context of a server that uses it."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.path, self.key)
        return context


@contextlib.contextmanager
def mailbox(
    *, port: int | None = None, certificate: Certificate | None = None, implicit: bool = False, **options: Any
) -> Iterator[Mailbox]:
    """Runs aiosmtpd in its own thread.

    Args:
        port: None for a free port.
        certificate: gives the server STARTTLS and login; None for neither.
        implicit: TLS from the first byte instead of STARTTLS.
        options: passed to aiosmtpd.
    """
    box = Mailbox(port or free_port())
    if certificate is not None:
        context = certificate.server_context()
        options |= {"authenticator": box.log_in, "auth_exclude_mechanism": ["CRAM-MD5"]}
        if implicit:
            options |= {"ssl_context": context, "auth_require_tls": False}
        else:
            options |= {"tls_context": context, "require_starttls": True}
    controller = Controller(box, hostname="127.0.0.1", port=box.port, enable_SMTPUTF8=True, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class BadServer:
    """A mail server that answers as it is told, by a command's first word or by its whole line.

    An answer is a line, or `HANG` to keep the connection open without one, or `DROP` to close it. `GREETING` and
    `MESSAGE` stand for the connection and for the dot at the end of a message. The server has no STARTTLS.
    """

    HANG: ClassVar = "hang"
    DROP: ClassVar = "drop"

    answers: dict[str, str]
    port: int = field(default_factory=free_port)
    #: All lines that clients sent.
    lines: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    #: Set while a client is kept waiting.
    hanging: threading.Event = field(default_factory=threading.Event)
    _connections: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its `SMTP_URL`."""
        return f"smtp://127.0.0.1:{self.port}"

    def said(self, word: str) -> list[str]:
        """The lines that began with `word`."""
        return [line for line in self.lines if line.startswith(word)]

    @contextlib.contextmanager
    def running(self) -> Iterator[BadServer]:
        """Runs the server until the block is left."""
        with socket.create_server(("127.0.0.1", self.port), reuse_port=False) as listening:
            accepting = threading.Thread(target=self._accept, args=[listening])
            accepting.start()
            try:
                yield self
            finally:
                listening.shutdown(socket.SHUT_RDWR)
                accepting.join()
                for connection in self._connections:
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
                self.hanging.clear()
        for thread in self._threads:
            thread.join()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=[connection]))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as incoming, contextlib.suppress(OSError):
            if not self._answer(connection, incoming, "GREETING", "220 ready"):
                return
            while line := incoming.readline().decode(errors="replace").rstrip():
                self.lines.append(line)
                usual = {"QUIT": "221 bye", "DATA": "354 go on"}.get(line, "250 OK")
                word = line if line in self.answers else line.split(" ", 1)[0].upper()
                if not self._answer(connection, incoming, word, usual):
                    return
                if word == "DATA" and self.answers.get("DATA", "354").startswith("354"):
                    self._take(incoming)
                    if not self._answer(connection, incoming, "MESSAGE", "250 OK"):
                        return

    def _take(self, incoming: Any) -> None:
        message = b""
        while (line := incoming.readline()) not in (b".\r\n", b""):
            message += line
        self.messages.append(message)

    def _answer(self, connection: socket.socket, incoming: Any, word: str, usual: str) -> bool:
        """Answers a line, and returns whether the conversation goes on."""
        answer = self.answers.get(word, usual)
        if answer == self.HANG:
            self.hanging.set()
            incoming.read()  # until the client or the test closes the connection
            return False
        if answer == self.DROP:
            return False
        connection.sendall(f"{answer}\r\n".encode())
        return not answer.startswith("421")
