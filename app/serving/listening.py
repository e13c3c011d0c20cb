"""Binds the sockets on which Duet listens."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any, Final

#: The address that stands for every IPv6 address of the machine, and here for every IPv4 address as well.
EVERY_ADDRESS: Final = "::"


class PortTaken(Exception):
    """Duet can't listen on the host and port that it was given. The message is one line."""


def bind(host: str, port: int) -> list[socket.socket]:
    """Binds a socket for each IP address of `host`, of which 'localhost' has two. One of them is enough.

    Raises:
        PortTaken: none can be bound, or one is in use.
    """
    sockets = []
    try:
        for family, kind, protocol, _, address in _addresses(host, port):
            try:
                sockets.append(_bind_one(socket.socket(family, kind, protocol), address))
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
        if not sockets:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    except OSError as error:
        for one in sockets:
            one.close()
        hint = "; choose another with --port" if error.errno == errno.EADDRINUSE else ""
        raise PortTaken(f"can't listen on {host}, port {port}: {error.strerror}{hint}") from error
    return sockets


def _addresses(host: str, port: int) -> list[Any]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except UnicodeError as error:  # a label that is empty or too long, for example
        raise OSError(errno.EINVAL, "this is neither a host name nor an IP address") from error


def _bind_one(one: socket.socket, address: Any) -> socket.socket:
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if one.family == socket.AF_INET6:
            # Linux would let the machine decide (net.ipv6.bindv6only). A socket of one address has no IPv4 peers.
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != EVERY_ADDRESS))
        one.bind(address)
    except OSError:
        one.close()
        raise
    return one
