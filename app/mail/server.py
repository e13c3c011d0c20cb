"""Reads `SMTP_URL`: which server to use, how to connect to it, and as which user."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote, urlsplit

FORM = "smtp://user:password@host:587 or smtps://…, with special characters percent-encoded"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server.

    Args:
        host: its name, which must be in its certificate.
        port: its port.
        tls: `none`; `starttls`, where the connection becomes a TLS one or is not used; or `implicit`, where it is
            one from the start.
        user: empty if there is no login.
        password: the user's.
    """

    host: str
    port: int
    tls: str
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_smtp_url(url: str) -> SmtpServer:
    """Returns the server of an `SMTP_URL`. Raises ValueError, which never quotes the URL.

    `smtp://` means STARTTLS, and no mail is sent without it: if a client accepted a connection without encryption,
    somebody in between could bring one about (RFC 8314 section 3). Mail is only sent in the clear if it does not
    leave the machine or the operator asked for it by `?starttls=no`, and never if there is a password to overhear.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/") or parts.fragment:
        raise ValueError(f"is not of the form {FORM}")
    port = parts.port  # raises ValueError if it is not a port
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    wants_plain = options == {"starttls": "no"}
    if options and not (wants_plain and parts.scheme == "smtp"):
        raise ValueError("takes ?starttls=no after smtp://, and nothing else")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if any(not char.isprintable() for char in parts.hostname + user + password):
        raise ValueError(f"is not of the form {FORM}")
    if parts.scheme == "smtps":
        return SmtpServer(parts.hostname, port or 465, "implicit", user, password)
    if user and wants_plain:
        raise ValueError("has a user and ?starttls=no: the password would travel in the clear; drop one of them")
    tls = "starttls" if user or not (wants_plain or _is_loopback(parts.hostname)) else "none"
    return SmtpServer(parts.hostname, port or 587, tls, user, password)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
