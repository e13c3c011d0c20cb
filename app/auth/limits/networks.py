"""What counts as one client on the network."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address


def network(ip: str) -> str:
    """One name for all addresses of a customer: an IPv6 one owns a whole /64. Other texts stay as they are."""
    try:
        address = ip_address(ip)
    except ValueError:
        return ip
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(int(address) >> 64)
    return str(address)
