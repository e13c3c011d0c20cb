"""Admin pages about the audit log: they show it by person and by event, and export it as CSV."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from flask import Blueprint, render_template, request, stream_with_context
from werkzeug.wrappers import Response

from app.auth import audit_csv
from app.auth.errors import NotFound
from app.auth.models import ADMIN, AuditEvent, Page
from app.auth.policy import require
from app.auth.service import Auth
from app.bridge import slow
from app.web.context import get_auth, wait
from app.web.display import EVENTS

#: How many events one page of the list shows.
PAGE_SIZE: Final = 50
#: How many events are read from the store, and held in memory, at once for the file.
_BATCH: Final = 100

blueprint = Blueprint("audit", __name__)


@blueprint.get("/audit")
@require(role=ADMIN)
def index() -> str:
    """Shows what happened, the newest first, or only the events of one account or of one kind."""
    user, event, cursor = (request.args.get(name, "").strip() for name in ("user", "event", "cursor"))
    auth = get_auth()
    found = wait(_events(auth, user, event, cursor=cursor, limit=PAGE_SIZE))
    named = {name for row in found.items for name in (row.user_id, row.actor_id) if name}
    return render_template(
        "admin/audit.html",
        events=found.items,
        next=found.cursor,
        cursor=cursor,
        filters={"user": user or None, "event": event or None},
        kinds=EVENTS,
        people=wait(_addresses(auth, named)),
        kept_days=auth.config.audit_lifetime.days,
    )


@blueprint.get("/audit.csv")
@slow
@require(role=ADMIN)
def download() -> Response:
    """Returns everything that the filters find, as a file."""
    user, event = request.args.get("user", "").strip(), request.args.get("event", "").strip()
    # This is read before the answer begins, so that an outage of the store is a 503.
    first = wait(_events(get_auth(), user, event, limit=_BATCH))
    return Response(
        stream_with_context(_pieces(user, event, first)),
        content_type=audit_csv.MEDIA_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{audit_csv.FILE_NAME}"'},
    )


def _pieces(user: str, event: str, page: Page[AuditEvent]) -> Iterator[str]:
    """Yields the file in pieces. If the store goes away meanwhile, the answer breaks off, and looks incomplete."""
    yield audit_csv.header() + audit_csv.rows(page.items)
    while page.cursor is not None:
        page = wait(_events(get_auth(), user, event, cursor=page.cursor, limit=_BATCH))
        yield audit_csv.rows(page.items)


async def _events(auth: Auth, user: str, event: str, *, cursor: str = "", limit: int) -> Page[AuditEvent]:
    """Returns a part of the log. `user` is an id or an email address; only the id finds a deleted account."""
    if "@" in user:
        try:
            user = (await auth.accounts.find(user)).id
        except NotFound:
            return Page([])
    return await auth.audit.events(user_id=user, event=event, cursor=cursor, limit=limit)


async def _addresses(auth: Auth, user_ids: Collection[str]) -> dict[str, str]:
    """Returns the email addresses of the accounts that still exist, by id."""
    found = {}
    for user_id in user_ids:
        try:
            found[user_id] = (await auth.accounts.get(user_id)).email
        except NotFound:
            continue
    return found
