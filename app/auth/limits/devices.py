"""Knows which browsers and programs logged in to an account before.

The mail about a new device and the throttle depend on it.
"""

from __future__ import annotations

import hashlib
import secrets

from app.auth.models import WEB_CLIENT, Client
from app.auth.ports import LoginCandidate

# A browser is known by a random id in a cookie. Another client is known by its IP address and user agent, which is
# good enough for a mail and proves nothing. The store keeps hashes of these for each account.


def keys_of(client: Client) -> list[str]:
    """Returns the keys under which an account may know this client."""
    if client.id == WEB_CLIENT:
        return [_key("web", id_) for id_ in client.devices]
    return [_key(client.id, client.ip, client.user_agent)]


def known_browser(client: Client, candidate: LoginCandidate | None) -> str | None:
    """Returns the browser's key if the owner of the account logged in with it before, else None."""
    if candidate is None or client.id != WEB_CLIENT:
        return None
    return next((key for key in keys_of(client) if key in candidate.known_devices), None)


def arrival(client: Client, candidate: LoginCandidate) -> tuple[str, str | None]:
    """Returns the key to note at a login, and the id that the browser is to keep in its device cookie.

    The id is None if the browser has one already, or the client is no browser. An id that the account does not
    know is not adopted, because somebody may have planted it.
    """
    if client.id != WEB_CLIENT:
        return keys_of(client)[0], None
    known = known_browser(client, candidate)
    if known is not None:
        return known, None
    new_id = secrets.token_urlsafe(16)
    return _key("web", new_id), new_id


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()
