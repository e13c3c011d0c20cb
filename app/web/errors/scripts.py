"""Tells scripts that the login is over: one that asks for a part of a page has no use for the login page there.

htmx follows the header HX-Redirect, so that the person sees the login page and then comes back to where they were.
"""

from __future__ import annotations

from typing import Final

from flask import Response, request

from app.web.context import duet
from app.web.cookies import own_origins
from app.web.redirects import path_of, requested_target

#: A 401 has to name a way to authenticate (RFC 9110 section 11.6.1). No registered one is a page with a form.
CHALLENGE: Final = "Session"


def is_prefetch() -> bool:
    """Tells whether a browser asks ahead, for a page that nobody may ever open."""
    return "prefetch" in request.headers.get("Sec-Purpose", "")


def is_htmx() -> bool:
    """Tells whether htmx asks, which follows HX-Redirect by itself."""
    return request.headers.get("HX-Request") == "true" and not is_prefetch()


def is_script() -> bool:
    """Tells whether a script of a page asks: by htmx, by jQuery and its like, or by `fetch` (Fetch Metadata)."""
    headers = request.headers
    if is_prefetch():
        return False
    return (
        is_htmx()
        or headers.get("X-Requested-With") == "XMLHttpRequest"
        or (headers.get("Sec-Fetch-Dest") == "empty" and headers.get("Sec-Fetch-Mode") in ("cors", "same-origin"))
    )


def page_of_script() -> str | None:
    """Returns the page on which the script runs, as a `next` to come back to, or None if it is not known."""
    if request.headers.get("HX-Boosted") == "true" and (target := requested_target()):
        return target  # a link whose page htmx would have put in the place of this one
    origins = own_origins(duet().public_url, scheme=request.scheme, host=request.host)
    named = (request.headers.get(name, "") for name in ("HX-Current-URL", "Referer"))
    return next((path for url in named if (path := path_of(url, origins))), None)


def lead_script(to: str, words: str) -> Response:
    """Returns a 401 that says why, and where the person has to go."""
    answer = Response(f"{words}\n", 401, mimetype="text/plain")
    answer.headers["HX-Redirect"] = to
    answer.headers["WWW-Authenticate"] = CHALLENGE
    return answer
