"""The audit log of the MongoDB store."""

from __future__ import annotations

from typing import Final

from pymongo import DESCENDING

from app.auth.models import AuditEvent, Page
from app.store.cursors import page_of_events, place_of_events
from app.store.mongo.base import MongoPart
from app.store.mongo.schema import AUDIT_EVENTS, Document, document_of, record_from
from app.store.values import from_millis, number, text

#: The index to read, by the fields that events are chosen by.
_INDEX: Final = {
    (): "newest",
    ("user_id",): "newest_of_user",
    ("event",): "newest_of_event",
    ("user_id", "event"): "newest_of_user_and_event",
}


class MongoAudit(MongoPart):
    """The audit log, in the order of instant and id."""

    async def add_audit_event(self, event: AuditEvent) -> None:
        document = document_of(event)
        await self._call(lambda: self._collection(AUDIT_EVENTS).insert_one(document))

    async def audit_events(
        self, *, user_id: str = "", event: str = "", cursor: str = "", limit: int = 100
    ) -> Page[AuditEvent]:
        given: Document = {"user_id": text(user_id), "event": text(event)}
        which = {name: value for name, value in given.items() if value}
        after = place_of_events(cursor)
        documents = await self._page(
            AUDIT_EVENTS,
            which,
            [("at", DESCENDING), ("_id", DESCENDING)],
            after=None if after is None else (from_millis(after[0]), after[1]),
            limit=max(0, number(limit)) + 1,
            index=_INDEX[tuple(which)],
        )
        return page_of_events([record_from(AuditEvent, each) for each in documents], limit)
