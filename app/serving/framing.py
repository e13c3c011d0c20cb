"""The checks of a request's head that httptools leaves out: what it accepts, although two readers may disagree."""

from __future__ import annotations

import re
from collections.abc import Sequence

Header = tuple[bytes, bytes]

_ABSOLUTE = re.compile(rb"[a-z][a-z0-9+.-]*://([^/?#]*)", re.IGNORECASE)


def check_framing(method: bytes, target: bytes, version: str, headers: Sequence[Header], *, seen: bytes) -> None:
    """Raises `ValueError` if the head of a request can be read in two ways, or is none of HTTP/1.

    httptools 0.9 itself refuses Content-Length together with Transfer-Encoding, several Content-Lengths, folded
    lines, bare line feeds and a space before the colon.

    Args:
        method: its method.
        target: its target, as it was sent.
        version: the two numbers of its version.
        headers: its headers, with names in lower case.
        seen: bytes that were received, of which the head is a part.
    """
    # httptools takes RTSP and ICE as well, and does not tell: the name of the protocol follows the target.
    if version not in ("1.0", "1.1") or target + b" HTTP/" not in seen:
        raise ValueError("unknown version")
    # RFC 9110 §9.3.6: this is no proxy. The parser would take all that follows for a tunnel.
    if method == b"CONNECT":
        raise ValueError("a tunnel")
    if target.startswith(b"*") and not is_asterisk(method, target):  # RFC 9112 §3.2.4
        raise ValueError("an asterisk that is not that of OPTIONS")
    codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
    # RFC 9112 §6.1: the server doesn't understand the coding, or it comes from an HTTP/1.0 client.
    if codings and (codings != [b"chunked"] or version == "1.0"):
        raise ValueError("unknown transfer coding")
    # RFC 9112 §3.2.2: an absolute target names the host. uvicorn drops it, so it has to equal Host.
    if match := _ABSOLUTE.match(target):
        hosts = [value.lower() for name, value in headers if name == b"host"]
        if hosts != [match[1].lower()]:
            raise ValueError("target and Host differ")


def has_body(headers: Sequence[Header]) -> bool:
    """Returns whether a body follows the head (RFC 9112 section 6.3), whose framing was checked."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 \t"))
        for name, value in headers
    )


def with_path(target: bytes) -> bytes:
    """Returns a target in absolute form with a path. RFC 9110 section 4.2.3: an empty path means '/'."""
    if (match := _ABSOLUTE.match(target)) and target[match.end() : match.end() + 1] in (b"", b"?"):
        return target[: match.end()] + b"/" + target[match.end() :]
    return target


def is_asterisk(method: bytes, target: bytes) -> bool:
    """Returns whether a request is about the server as a whole, and no resource.

    That is `OPTIONS *` (RFC 9112 section 3.2.4), or the same in absolute form with neither path nor query.
    """
    match = _ABSOLUTE.match(target)
    return method == b"OPTIONS" and (target == b"*" or (match is not None and match.end() == len(target)))
