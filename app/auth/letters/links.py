"""Makes one-time links. Their tokens are derived, not stored, so a stolen database or mail queue yields none."""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from app.auth.clock import Clock
from app.auth.errors import LinkInvalid
from app.auth.keys import Key, mac
from app.auth.models import LIFETIMES, Link, LinkPurpose, User
from app.auth.ports import Store

#: The page that a link opens, if its name is not that of the purpose.
_PAGES: Final = {LinkPurpose.CHANGE_EMAIL: "verify-email"}
_FORM: Final = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})", re.ASCII)


class Links:
    """Makes, shows and uses one-time links. Every method but `url` may raise `StoreUnavailable`.

    Args:
        store: keeps the links that have not been used yet.
        clock: tells the time.
        keys: the first signs, all verify.
        base_url: what links begin with: the public address, never a request's `Host`.
    """

    def __init__(self, store: Store, clock: Clock, keys: Sequence[Key], *, base_url: str) -> None:
        self._store = store
        self._clock = clock
        self._keys = tuple(key.secret for key in keys)
        self._base_url = base_url

    async def make(
        self,
        purpose: LinkPurpose,
        *,
        lifetime: timedelta | None = None,
        user_id: str = "",
        email: str = "",
        roles: Sequence[str] = (),
        created_by: str = "",
    ) -> Link:
        """Makes a link. Its lifetime is that of its purpose if `lifetime` is None."""
        now = self._clock.now()
        link = Link(
            id=secrets.token_urlsafe(16),
            purpose=purpose,
            created_at=now,
            expires_at=now + (lifetime or LIFETIMES[purpose]),
            user_id=user_id,
            email=email,
            roles=tuple(roles),
            created_by=created_by,
        )
        await self._store.add_link(link)
        return link

    def token(self, link: Link) -> str:
        """Returns the token of `link`, which is the same text every time."""
        return f"{link.id}.{_mac(self._keys[0], link.purpose, link.id)}"

    def url(self, link: Link) -> str:
        """Returns the URL of `link`."""
        page = _PAGES.get(LinkPurpose(link.purpose), link.purpose)
        return f"{self._base_url}/{page}/{self.token(link)}"

    async def peek(self, token: str, *purposes: LinkPurpose) -> Link:
        """Returns the link behind `token`, which stays unused. Raises `LinkInvalid`."""
        link = await self._store.link(self._id_of(token, purposes), now=self._clock.now())
        return self._checked(link, token)

    async def take(self, token: str, *purposes: LinkPurpose) -> Link:
        """Uses up the link behind `token`: of many callers, only one gets it. Raises `LinkInvalid`."""
        link = await self._store.take_link(self._id_of(token, purposes), now=self._clock.now())
        return self._checked(link, token)

    async def admit(self, token: str, purpose: LinkPurpose, user: User, *, spends: bool = False) -> Link:
        """Stores `user`, whom the link behind `token` lets in, and uses it up: of many, only one gets an account.

        Args:
            token: that of an invitation, or of the setup link.
            purpose: which of the two.
            user: the account.
            spends: whether the link is used up even if the email address is taken.

        Raises:
            LinkInvalid: it does not count, or no longer: whoever invited was dismissed, or there is an admin.
            EmailTaken: the email address is taken.
        """
        link = await self._store.admit_user(
            user, link_id=self._id_of(token, [purpose]), purpose=purpose, at=self._clock.now(), spends=spends
        )
        return self._checked(link, token)

    def _id_of(self, token: str, purposes: Sequence[LinkPurpose]) -> str:
        """Returns the id in `token` if the token is genuine.

        So nobody can use a link up who merely knows or guesses its id.
        """
        match = _FORM.fullmatch(token)
        if match is None or not any(self._is_genuine(match[1], match[2], purpose) for purpose in purposes):
            raise LinkInvalid()
        return match[1]

    def _is_genuine(self, link_id: str, shown: str, purpose: str) -> bool:
        return any(hmac.compare_digest(_mac(key, purpose, link_id), shown) for key in self._keys)

    def _checked(self, link: Link | None, token: str) -> Link:
        # The MAC has proven the purpose already. The stored link must have the same one.
        if link is None or not self._is_genuine(link.id, token.partition(".")[2], link.purpose):
            raise LinkInvalid()
        return link


def _mac(key: bytes, purpose: str, link_id: str) -> str:
    digest = mac(key, f"{purpose}.{link_id}".encode())
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
