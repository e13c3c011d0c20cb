"""Which browsers and programs logged in to an account before: for the mail about a new one, and the throttle."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from app.auth.models import WEB_CLIENT, Client
from app.auth.ports import Clock, Store


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a login tells of its device."""

    #: Worth a mail: the account was used before, and never from here.
    is_news: bool
    #: The id that the browser is to keep in its device cookie; None where it has one already, or is no browser.
    new_id: str | None = None


class Devices:
    """The devices of accounts. Every method may raise `StoreUnavailable`.

    A browser is known by a random id in a cookie; another client by its address and name, which is good enough for
    a mail and proves nothing.

    Args:
        store: keeps hashes of the ids, by account.
        clock: tells the time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def known_browser(self, user_id: str, client: Client) -> str | None:
        """The browser's key, if its owner logged in with it before; else None."""
        keys = [_key("web", id_) for id_ in client.devices]
        known = await self._store.known_devices(user_id, keys) if keys else set()
        return next((key for key in keys if key in known), None)

    async def arrive(self, user_id: str, client: Client) -> Arrival:
        """Notes a login. An id that the account does not know is not adopted: somebody may have planted it."""
        had_any = await self._store.has_devices(user_id)
        now = self._clock.now()
        if client.id != WEB_CLIENT:
            is_new = await self._store.add_device(user_id, _key(client.id, client.ip, client.user_agent), now=now)
            return Arrival(is_news=is_new and had_any)
        known = await self.known_browser(user_id, client)
        if known is not None:
            await self._store.add_device(user_id, known, now=now)
            return Arrival(is_news=False)
        new_id = secrets.token_urlsafe(16)
        await self._store.add_device(user_id, _key("web", new_id), now=now)
        return Arrival(is_news=had_any, new_id=new_id)


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()
