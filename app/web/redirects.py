"""Decides where `next` may lead: only to a page of this site."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import quote, urlsplit

from flask import current_app, redirect, request, url_for
from werkzeug.wrappers import Response


def is_safe_target(target: str) -> bool:
    """Tells whether a browser that follows `target` stays on this site.

    Browsers read a backslash as a slash, and drop tabs and line breaks, so these are refused anywhere in it.
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
    """Returns the `next` of this request if it is safe, else the home page."""
    target = request.values.get("next", "")
    return target if is_safe_target(target) else url_for("home.home")


def requested_target() -> str | None:
    """Returns the requested page, as a `next` to come back to, or None if that makes no sense."""
    if request.method not in ("GET", "HEAD"):
        return None
    query = request.query_string.decode("latin-1")
    return _safe(_quoted(request.path) + (f"?{query}" if query else ""))


def form_target(origins: Collection[str]) -> str | None:
    """Returns the page whose form this POST sent: the one at the same path, or the one that the Referer names.

    Args:
        origins: this site's. A Referer with any other origin is not followed.
    """
    urls = current_app.create_url_adapter(request)
    if urls is not None and urls.test(request.path, "GET"):
        return _safe(_quoted(request.path))
    return path_of(request.headers.get("Referer", ""), origins)


def path_of(url: str, origins: Collection[str]) -> str | None:
    """Returns the path and query of `url` if it is of this site, and safe to lead to.

    Args:
        url: what a browser or a script names.
        origins: this site's.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if f"{parts.scheme}://{parts.netloc}".lower() not in origins:
        return None
    return _safe(parts.path + (f"?{parts.query}" if parts.query else ""))


def _quoted(path: str) -> str:
    return quote(path, safe="/%:@!$&'()*+,;=~-._")


def _safe(target: str) -> str | None:
    return target if is_safe_target(target) else None


def see_other(location: str) -> Response:
    """Returns a 303: the browser goes there with a GET, no matter what the method was."""
    return redirect(location, 303)
