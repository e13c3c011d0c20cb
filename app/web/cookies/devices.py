"""The device cookie identifies a browser for as long as the browser keeps it.

It only proves an earlier login here: with it, the owner's browser gets past a lockout that a stranger caused, and
no mail reports a new device. Auth makes its content, which opens nothing by itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from flask import Request
from werkzeug.wrappers import Response

#: For a browser that several people use, the last five are kept.
MAX_DEVICES: Final = 5
#: As long as browsers keep any cookie.
LONGEST_COOKIE_LIFE: Final = timedelta(days=400)
_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")


def cookie_name(*, is_https: bool) -> str:
    """Returns the cookie's name. Over https, no other host and no page without TLS can set it."""
    return "__Host-duet_device" if is_https else "duet_device"


def read_devices(request: Request, *, is_https: bool) -> tuple[str, ...]:
    """Returns the ids in the cookie, the newest first, or none if it holds anything but our ids."""
    parts = request.cookies.get(cookie_name(is_https=is_https), "").split(".", MAX_DEVICES)
    if len(parts) > MAX_DEVICES or not all(_ID.fullmatch(part) for part in parts):
        return ()
    return tuple(dict.fromkeys(parts))


def write_devices(response: Response, devices: Sequence[str], *, is_https: bool) -> None:
    """Sets the cookie, for as long as browsers keep any cookie."""
    response.set_cookie(
        cookie_name(is_https=is_https),
        ".".join(devices[:MAX_DEVICES]),
        max_age=LONGEST_COOKIE_LIFE,
        path="/",
        secure=is_https,
        httponly=True,
        samesite="Lax",
    )
