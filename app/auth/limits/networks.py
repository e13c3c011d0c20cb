"""Tells what counts as one client on the network."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address


def network(ip: str) -> str:
    """Returns one name for all IP addresses of a customer: a whole /64 of IPv6. Leaves other texts as they are."""
    try:
        address = ip_address(ip)
    except ValueError:
        return ip
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(int(address) >> 64)
    return str(address)
