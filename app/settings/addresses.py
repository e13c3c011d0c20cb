"""Checks the settings that are addresses, and brings each into the one form in which it is compared."""

from __future__ import annotations

import ipaddress
import re
from email.utils import parseaddr
from typing import Final
from urllib.parse import SplitResult, urlsplit

import idna
from email_validator import EmailNotValidError, validate_email

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
#: A registered name or an IPv4 address, as the edge accepts them in `Host`.
_NAME: Final = re.compile(r"[a-z0-9._~-]{1,253}")
_NAMED: Final = re.compile(r"(?P<name>.*\S)\s*<(?P<address>[^<>]*)>")


def check_web_url(url: str) -> str:
    """Returns the address of a site in the form that browsers send as its origin (RFC 6454 section 6).

    Scheme and host are in lower case, a host of other letters in Punycode, without a final dot, a default port and
    a slash: `https://bücher.example:443/` is `https://xn--bcher-kva.example`. Raises `ValueError`.
    """
    parts = urlsplit(url)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.username is not None
        or parts.query
        or parts.fragment
    ):
        raise ValueError("is not the address of a site, such as https://duet.example.com")
    if parts.path not in ("", "/"):
        raise ValueError("has a path: Duet is served at the root of its host")
    host, port = _host(parts), parts.port  # the latter raises ValueError if it is not a port
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, _DEFAULT_PORTS[parts.scheme]) else "")


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").removesuffix(".")
    if "[" in parts.netloc:
        return f"[{ipaddress.IPv6Address(host.partition('%')[0]).compressed}]"
    if not host.isascii():
        try:
            # As browsers do: UTS 46, and not the older rules of Python's codec, which make 'ss' of 'ß'.
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            host = ""
    if not _NAME.fullmatch(host):
        raise ValueError("has a host that is neither a name nor an IP address")
    return host


def check_mail_from(address: str) -> str:
    """Returns a sender, with or without a name, whose name is quoted where it needs to be (RFC 5322 section 3.4).

    Raises `ValueError`.
    """
    if not address.isprintable():  # a line break would end the header
        raise ValueError("contains a line break or another control character")
    named = _NAMED.fullmatch(address.strip())
    name, alone = (
        (named["name"], named["address"]) if named else ("", address.strip().removeprefix("<").removesuffix(">"))
    )
    if name and not (name.startswith('"') and name.endswith('"') and len(name) > 1):
        if '"' in name or "<" in name:
            raise ValueError('has a name that has to be in quotation marks, as in "A, B" <duet@example.com>')
        # 'A, B <x@example.com>' would be two addresses.
        name = name if re.fullmatch(r"[^()<>@,:;\\\[\]]*", name) else '"' + name.replace("\\", "\\\\") + '"'
    try:
        validate_email(alone, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        raise ValueError("is not an email address, such as Duet <duet@example.com>") from None
    whole = f"{name} <{alone}>" if name else alone
    if parseaddr(whole)[1] != alone:
        raise ValueError('has a name that has to be in quotation marks, as in "A, B" <duet@example.com>')
    return whole


def check_endpoint(url: str) -> str:
    """Returns the address of a collector. Raises `ValueError`."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not an address such as http://collector:4318")
    _ = parts.port  # raises ValueError if it is not a port
    return url
