"""Accounts that a link lets in, in the MongoDB store: what the link depends on stays as it is meanwhile."""

from __future__ import annotations

from datetime import datetime

from app.auth.models import Link, LinkPurpose, User
from app.auth.refusals import EmailTaken
from app.store.mongo.locks import ADMINS
from app.store.mongo.schema import ACTIVE_ADMIN, LINKS, USERS, Document, document_of, record_from
from app.store.mongo.users import MongoUsers, stored_user
from app.store.values import instant, text


class MongoAdmissions(MongoUsers):
    """Accounts by invitation and by the setup link.

    They are made under the lock under which admins come and go. The link goes first: a crash between the two
    leaves nobody with an account, rather than two with one invitation.
    """

    async def admit_user(
        self, user: User, *, link_id: str, purpose: str, at: datetime, spends: bool = False
    ) -> Link | None:
        which = {"_id": text(link_id), "purpose": text(purpose), "expires_at": {"$gt": instant(at)}}
        document = stored_user(user)

        async def work() -> tuple[Link | None, bool]:
            async with self._locked(ADMINS):
                link = await self._link_that_counts(which)
                if link is None or await self._collection(LINKS).find_one_and_delete(which) is None:
                    return None, False
                is_taken = not await self._insert(document)
                if is_taken and not spends:
                    await self._collection(LINKS).insert_one(document_of(link))
            return link, is_taken

        link, is_taken = await self._call(work)
        if is_taken:
            raise EmailTaken
        return link

    async def _link_that_counts(self, which: Document) -> Link | None:
        found = await self._collection(LINKS).find_one(which)
        if found is None:
            return None
        link = record_from(Link, found)
        if link.created_by and not await self._has_admin({"_id": link.created_by}):
            return None
        return None if link.purpose == LinkPurpose.SETUP and await self._has_admin({}) else link

    async def _has_admin(self, which: Document) -> bool:
        return await self._collection(USERS).find_one({**ACTIVE_ADMIN, **which}, {"_id": True}) is not None
