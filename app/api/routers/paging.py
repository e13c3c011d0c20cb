"""Tells where the next page of a list begins whose answer is a list and has no room for it (RFC 8288)."""

from __future__ import annotations

from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Request, Response


class Listed(Protocol):
    """What a list has one of in each row."""

    @property
    def id(self) -> str:
        """Its id, which is also the cursor of the page after it."""
        ...


Row = TypeVar("Row", bound=Listed)

#: For OpenAPI.
LINKED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "headers": {
            "Link": {
                "description": 'The address of the next page, with `rel="next"`; missing on the last page.',
                "schema": {"type": "string"},
            }
        }
    }
}


def linked(rows: list[Row], limit: int, request: Request, response: Response) -> list[Row]:
    """Returns the first `limit` rows. If there are more, the answer's `Link` names the page that begins with them.

    Args:
        rows: the rows of the page, and one more if there is another page.
        limit: how many rows the page has, at most.
        request: says where the list is.
        response: gets the header.
    """
    if len(rows) > limit:
        query = urlencode({"limit": limit, "cursor": rows[limit - 1].id})
        response.headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
    return rows[:limit]
