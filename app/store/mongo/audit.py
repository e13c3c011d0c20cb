"""The audit log of the MongoDB store."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pymongo import DESCENDING

from app.auth.models import AuditEvent, EventLimit, Page
from app.store.cursors import page_of_events, place_of_events
from app.store.mongo.base import MongoPart
from app.store.mongo.schema import AUDIT_EVENTS, Document, document_of, record_from
from app.store.values import MILLISECOND, from_millis, limit_of_events, number, text

#: The index to read, by the fields that events are chosen by.
_INDEX: Final = {
    (): "newest",
    ("user_id",): "newest_of_user",
    ("event",): "newest_of_event",
    ("user_id", "event"): "newest_of_user_and_event",
}


class MongoEvents(MongoPart):
    """Writes to the audit log."""

    async def _add_event(self, event: Document, limit: Document | None) -> None:
        """Stores the event, or counts it in an earlier row. It is used within a `_call`."""
        if not await self._counted(event, limit):
            await self._collection(AUDIT_EVENTS).insert_one(event)

    async def _counted(self, event: Document, limit: Document | None) -> bool:
        """Counts the event in an earlier row if its limit allows it none of its own. Returns whether it did."""
        earlier = None if limit is None else await self._held_back_by(event, limit)
        if earlier is not None:
            await self._collection(AUDIT_EVENTS).update_one({"_id": earlier}, {"$inc": {"repeated": 1}})
        return earlier is not None

    async def _held_back_by(self, event: Document, limit: Document) -> str | None:
        """Returns the id of the last row like `event` if the limit allows it no other one."""
        at = event["at"]
        same = {name: event[name] for name in ("user_id", "event", "actor_id")}
        rows = await (
            self._collection(AUDIT_EVENTS)
            .find(
                {**same, "at": {"$gt": at - _span(limit, "window")}, "_id": {"$ne": event["_id"]}},
                {"at": True, "ip": True, "detail": True},
                hint=_INDEX["user_id", "event"],
            )
            .sort([("at", DESCENDING), ("_id", DESCENDING)])
            .limit(limit["most"])
            .to_list(None)
        )
        if not rows or rows[0]["at"] <= at - _span(limit, "wide_spacing"):
            return None
        alike = [row for row in rows if (row["ip"], row["detail"]) == (event["ip"], event["detail"])]
        has_room = len(alike) < limit["free"] or alike[0]["at"] <= at - _span(limit, "spacing")
        return None if len(rows) < limit["most"] and has_room else str(rows[0]["_id"])


def _span(limit: Document, name: str) -> timedelta:
    span: timedelta = limit[name] * MILLISECOND
    return span


class MongoAudit(MongoEvents):
    """The audit log, in the order of instant and id."""

    async def add_audit_event(self, event: AuditEvent, *, limit: EventLimit | None = None) -> None:
        document, numbers = document_of(event), limit_of_events(limit)
        await self._call(lambda: self._add_event(document, numbers))

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
