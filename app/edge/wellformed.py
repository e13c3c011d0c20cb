"""Checks that a request is well-formed: its target, its `Host`, its headers. Pure functions, no ASGI calls."""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from starlette.types import Scope

from app.edge.headers import Header

MAX_HEADER_BYTES = 32 * 1024
MAX_TARGET_BYTES = 8 * 1024
# The longest media types have some 150 bytes, their parameters included. What parses forms takes longer than all
# else for 30 KB of semicolons.
MAX_CONTENT_TYPE_BYTES = 1024
#: The path of a request that is about the server as a whole (RFC 9112 §3.2.4).
ASTERISK = "*"

# What carries a caller's own trace, and what goes with it, for whichever of OpenTelemetry's propagators reads it.
TRACES = frozenset(
    b"traceparent tracestate baggage b3 uber-trace-id jaeger-debug-id jaeger-baggage x-amzn-trace-id sentry-trace "
    b"x-cloud-trace-context grpc-trace-bin x-ot-span-context elastic-apm-traceparent newrelic "
    b"correlation-context".split()
)
TRACE_PREFIXES = (b"x-b3-", b"uberctx-", b"ot-tracer-", b"ot-baggage-", b"x-datadog-")
# What only a trusted proxy may say.
_ASIDE = TRACES | {b"forwarded", b"x-real-ip", b"x-request-id"}
_ASIDE_PREFIXES = (b"x-forwarded", *TRACE_PREFIXES)

_SLASHES = re.compile(r"//+")
# `%2F` is a slash in the decoded path, by which requests are routed and checked.
_RAW_SLASHES = re.compile(rb"(?:/|%2[fF]){2,}")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# A registered name or an IPv4 address. This is narrower than RFC 3986's reg-name, which would let quotes, commas
# and percent-escapes into links and logs.
_NAME = re.compile(rb"[A-Za-z0-9._~-]{1,253}")
_AUTHORITY = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@/?#]+)(?::([0-9]{0,5}))?")


class Malformed(Exception):
    """The request can't be taken as it is.

    Attributes:
        status: the HTTP status of the refusal.
        detail: one sentence for the client. It never repeats what the client sent.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def tidy_target(scope: Scope) -> None:
    """Collapse the slashes in the path of `scope`, and check path and query.

    `//api/x` and `/api//x` must fall under the same rules as `/api/x`. The path is collapsed before anything is
    refused, so that a refusal also comes from the half that the path belongs to.

    Raises:
        Malformed: the target is too long (414), not UTF-8, has a control character, or does not start
            with a slash (400).
    """
    raw: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass")
    query: bytes = scope.get("query_string", b"")
    if len(raw) + len(query) > MAX_TARGET_BYTES:
        scope["path"] = _SLASHES.sub("/", scope["path"][:MAX_TARGET_BYTES])
        raise Malformed(414, "The address is too long.")
    path = scope["path"] = _SLASHES.sub("/", scope["path"])
    scope["raw_path"] = _RAW_SLASHES.sub(b"/", raw)
    # uvicorn replaces what is not UTF-8 with U+FFFD, so two paths would become one: check the bytes instead.
    try:
        unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed(400, "The path is not valid UTF-8.") from None
    is_about_server = path == ASTERISK and not query and scope.get("method") == "OPTIONS"
    if not (path.startswith("/") or is_about_server) or _CONTROLS.search(path):
        raise Malformed(400, "The path is malformed.")
    if not query.isascii() or _CONTROLS.search(query.decode("latin-1")):
        raise Malformed(400, "The query is malformed.")


def sift(headers: Iterable[Header]) -> tuple[list[Header], dict[bytes, list[bytes]]]:
    """Sort the headers of a request into those for the app and those that only a trusted proxy may set.

    Names with an underscore are dropped: in WSGI's environ, `X_Forwarded_For` and `X-Forwarded-For` are the same.
    Several `Cookie` headers (RFC 9113 §8.2.3 allows them) become one, because a WSGI bridge would join them with a
    comma and lose the session.

    Raises:
        Malformed: the headers are too large, together or the media type alone (431; RFC 6585 §5).
    """
    kept: list[Header] = []
    aside: dict[bytes, list[bytes]] = {}
    cookies: list[bytes] = []
    size = 0
    for name, value in headers:
        size += len(name) + len(value) + 4
        if b"_" in name:
            continue
        if name == b"cookie":
            cookies.append(value)
        elif name in _ASIDE or name.startswith(_ASIDE_PREFIXES):
            aside.setdefault(name, []).append(value)
        else:
            kept.append((name, value))
        if name == b"content-type" and len(value) > MAX_CONTENT_TYPE_BYTES:
            raise Malformed(431, "The Content-Type is too long.")
    if size > MAX_HEADER_BYTES:
        raise Malformed(431, "The headers are too large.")
    if cookies:
        kept.append((b"cookie", first_of_each(b"; ".join(cookies))))
    return kept, aside


def first_of_each(cookies: bytes) -> bytes:
    """Drop each cookie whose name has occurred before.

    Of two, Starlette would read the last and Werkzeug the first, but the halves must not see different sessions.
    The first is the one with the longest path (RFC 6265 §5.4).
    """
    pairs = [pair.strip() for pair in cookies.split(b";")]
    by_name: dict[bytes, bytes] = {}
    for pair in pairs:
        by_name.setdefault(pair.partition(b"=")[0].rstrip(), pair)
    return cookies if len(by_name) == len(pairs) else b"; ".join(by_name.values())


def repeated_cookies(headers: Iterable[Header]) -> frozenset[bytes]:
    """Return the names that several cookies share: another host on the domain may have planted one of them."""
    pairs = [pair for name, value in headers if name == b"cookie" for pair in value.split(b";")]
    names = Counter(pair.partition(b"=")[0].strip() for pair in pairs)
    return frozenset(name for name, times in names.items() if times > 1)


def check_framing(headers: Iterable[Header]) -> int | None:
    """Return the request's `Content-Length`, or None if it has none.

    Raises:
        Malformed: there are several, or it is not a plain number (400; RFC 9112 §6.3).
    """
    lengths = [value.strip() for name, value in headers if name == b"content-length"]
    if not lengths:
        return None
    if len(lengths) > 1 or not lengths[0].isdigit() or len(lengths[0]) > 18:
        raise Malformed(400, "The Content-Length is malformed.")
    return int(lengths[0])


def announces_body(scope: Scope) -> bool:
    """Tell whether a body may follow the head: in HTTP/1, one of two headers has to say so (RFC 9112 §6.3)."""
    if scope.get("http_version") not in ("1.0", "1.1"):
        return True
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


def names_no_host(scope: Scope) -> bool:
    """Tell whether a request may have been meant for any host: its `Host` is empty, or it is HTTP/1.0 without one.

    RFC 9112 §3.2 allows both, and load balancers send both to see whether a server lives.
    """
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    return hosts == [b""] or (not hosts and scope.get("http_version") == "1.0")


def check_host(headers: Iterable[Header]) -> None:
    """Require exactly one well-formed `Host`, from HTTP/1.0 too (RFC 9110 §7.2).

    Raises:
        Malformed: there is none, or several, or it is not a host (400).
    """
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1 or not is_host(hosts[0]):
        raise Malformed(400, "Exactly one well-formed Host header is needed.")


def is_host(value: bytes) -> bool:
    """Tell whether `value` is a host with an optional port, and without user information (RFC 3986 §3.2)."""
    match = _AUTHORITY.fullmatch(value)
    if match is None:
        return False
    host, port = match.groups()
    if port and int(port) > 65535:
        return False
    if not host.startswith(b"["):
        return _NAME.fullmatch(host) is not None
    try:
        ipaddress.IPv6Address(host[1:-1].decode("ascii"))
    except ValueError:
        return False
    return True
