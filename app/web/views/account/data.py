"""Shows people what is kept about them: the log of their account, and everything in one file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final

from flask import Blueprint, render_template, request, stream_with_context
from werkzeug.wrappers import Response

from app.bridge import slow
from app.web.context import current_principal, get_auth, wait
from app.web.forms import Answer

#: How many events one page shows.
PAGE_SIZE: Final = 50

blueprint = Blueprint("own_data", __name__, url_prefix="/account")


@blueprint.get("/activity")
def activity() -> Answer:
    """Shows what happened to the caller's account, the newest first."""
    auth, cursor = get_auth(), request.args.get("cursor", "")
    page = wait(auth.audit.events(user_id=current_principal.user_id, cursor=cursor, limit=PAGE_SIZE))
    return render_template(
        "account/activity.html", events=page.items, next=page.cursor, is_first=not cursor, now=auth.clock.now()
    )


@blueprint.get("/data")
def data() -> Answer:
    """Shows what the file holds, and a button that downloads it."""
    return render_template("account/data.html")


@blueprint.post("/data")
@slow
def download() -> Answer:
    """Returns everything that is kept about the caller, as a file."""
    pieces = wait(get_auth().own_account.export(current_principal))
    answer = Response(stream_with_context(_one_by_one(pieces)), mimetype="application/json")
    answer.headers["Content-Disposition"] = 'attachment; filename="duet-data.json"'
    return answer


def _one_by_one(pieces: AsyncIterator[str]) -> Iterator[str]:
    while (piece := wait(anext(pieces, None))) is not None:
        yield piece
