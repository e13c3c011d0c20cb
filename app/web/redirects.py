"""Where `next` may lead: nowhere but to a page of this site."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from flask import redirect, request, url_for
from werkzeug.wrappers import Response


def is_safe_target(target: str) -> bool:
    """Whether a browser that follows `target` stays on this site.

    Browsers read a backslash as a slash and drop tabs and line breaks, so those are refused wherever they stand.
    """
    if not target.startswith("/") or target.startswith("//") or len(target) > 2000:
        return False
    if "\\" in target or any(ord(char) < 0x21 or ord(char) == 0x7F for char in target):
        return False
    try:
        parts = urlsplit(target)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc and "//" not in parts.path


def safe_target() -> str:
    """The `next` of this request if it is safe, else the home page."""
    target = request.values.get("next", "")
    return target if is_safe_target(target) else url_for("home.home")


def requested_target() -> str | None:
    """The page that was asked for, as a `next` to come back to; None where that makes no sense."""
    if request.method not in ("GET", "HEAD"):
        return None
    query = request.query_string.decode("latin-1")
    target = quote(request.path, safe="/%:@!$&'()*+,;=~-._") + (f"?{query}" if query else "")
    return target if is_safe_target(target) else None


def see_other(location: str) -> Response:
    """303: whatever the method was, go there with a GET."""
    return redirect(location, 303)
