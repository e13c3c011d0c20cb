"""Decides whose `X-Forwarded-*` headers are believed, and what they change."""

import functools
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from starlette.types import Scope

from app.edge.headers import Header
from app.edge.wellformed import TRACE_PREFIXES, TRACES, is_host

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::\d+)?|(?P<v4>[0-9.]+):\d+")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
# How long each header of a trace may be: what W3C's Trace Context asks of `tracestate`, the longest (§3.3.1.5).
MAX_TRACE_BYTES = 512
# What proxies, balancers and content delivery networks add to what they hand on, besides `X-Forwarded-*`.
_HANDED_ON = frozenset(
    b"forwarded via x-real-ip x-client-ip client-ip x-cluster-client-ip true-client-ip cdn-loop cf-connecting-ip "
    b"cf-ray fastly-client-ip fly-client-ip x-azure-clientip x-envoy-external-address x-original-host x-host "
    b"x-proxyuser-ip x-appengine-user-ip x-amzn-trace-id x-arr-log-id proxy-connection".split()
)


@functools.lru_cache(1024)  # the same few clients ask again and again
def parse_address(text: str) -> _Address | None:
    """Read an IP address, with or without a port, an IPv4-mapped one as IPv4. Return None if it is not one.

    A zone ('%eth0', RFC 4007 section 11) is dropped: Python takes any text for a zone, which would get into logs
    and counters.
    """
    if match := _WITH_PORT.fullmatch(text):
        text = match["v6"] or match["v4"]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address


def _parse_network(text: str) -> _Network:
    network = ipaddress.ip_network(text.strip(), strict=False)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        return ipaddress.IPv4Network((int(mapped or 0), network.prefixlen - 96))
    return network


def was_handed_on(headers: Iterable[Header]) -> bool:
    """Tell whether a header says that somebody handed this request on, in any spelling, trusted or not."""
    for name, _ in headers:
        plain = name.replace(b"_", b"-") if b"_" in name else name
        if plain in _HANDED_ON or plain.startswith((b"x-forwarded", b"x-original-forwarded")):
            return True
    return False


class TrustedProxies:
    """The proxies in front of Duet.

    Args:
        addresses: IPv4 and IPv6 addresses and CIDR networks.

    Raises:
        ValueError: one of them is neither.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        if isinstance(addresses, str):
            raise TypeError("trusted proxies are a collection of addresses, not one string")
        self._networks = [_parse_network(address) for address in addresses]

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)

    def apply(self, scope: Scope, aside: Mapping[bytes, list[bytes]]) -> str | None:
        """Write into `scope` what a trusted proxy says about the client, the scheme, the host and the trace.

        From any other peer, `aside` has no effect: anybody can send these headers. Malformed values are ignored.

        Args:
            scope: the request's scope; `client`, `scheme` and, among `headers`, the host and what carries a trace
                are changed in it.
            aside: the values of the headers that only a trusted proxy may set, by name.

        Returns:
            The request id that the proxy gave, or None.
        """
        client = scope.get("client")
        peer = parse_address(client[0]) if client else None
        if client is None or peer is None:
            return None
        if not self._networks or not self._trusts(peer):
            scope["client"] = (str(peer), client[1])
            return None
        origin = self._origin(peer, aside.get(b"x-forwarded-for", []))
        scope["client"] = (str(origin), client[1] if origin == peer else 0)
        proto = _last(aside, b"x-forwarded-proto").lower()
        if proto in (b"http", b"https"):
            secure = proto == b"https"
            plain = "ws" if scope["type"] == "websocket" else "http"
            scope["scheme"] = f"{plain}s" if secure else plain
        host = _last(aside, b"x-forwarded-host")
        if is_host(host):
            scope["headers"] = [(name, host if name == b"host" else value) for name, value in scope["headers"]]
        scope["headers"] = [*scope["headers"], *_traces(aside)]
        request_id = _last(aside, b"x-request-id")
        return request_id.decode("ascii") if _REQUEST_ID.fullmatch(request_id) else None

    def _origin(self, peer: _Address, values: list[bytes]) -> _Address:
        """Walk the chain from the right, as long as a trusted proxy wrote each hop.

        The client sent what stands further left, and may have invented it. A malformed entry ends the walk for
        the same reason.
        """
        origin = peer
        for text in reversed(b",".join(values).decode("latin-1").split(",")):
            address = parse_address(text.strip())
            if address is None:
                break
            origin = address
            if not self._trusts(address):
                break
        return origin


def _traces(aside: Mapping[bytes, list[bytes]]) -> Iterator[Header]:
    """Yield the headers that carry the caller's trace, each as one, and none that is too long."""
    for name, values in aside.items():
        if name in TRACES or name.startswith(TRACE_PREFIXES):
            value = b",".join(values)  # of several `traceparent`, none is valid then
            if len(value) <= MAX_TRACE_BYTES:
                yield name, value


def _last(aside: Mapping[bytes, list[bytes]], name: bytes) -> bytes:
    """Return what the nearest proxy wrote, which is the last item of the header's list."""
    values = aside.get(name)
    return values[-1].rpartition(b",")[2].strip() if values else b""
