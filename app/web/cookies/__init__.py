"""The cookies that browsers keep for the pages, and what a request has to prove in addition."""

from app.web.cookies.devices import LONGEST_COOKIE_LIFE, read_devices, write_devices
from app.web.cookies.flask_session import (
    SessionInterface,
    SessionTooLarge,
    begin_session,
    drop_login,
    forget_session,
    keep_login,
)
from app.web.cookies.origins import own_origins
from app.web.cookies.page_scripts import PageScripts
from app.web.cookies.session import ACCESS_TOKEN, SessionCookie

__all__ = [
    "ACCESS_TOKEN",
    "LONGEST_COOKIE_LIFE",
    "PageScripts",
    "SessionCookie",
    "SessionInterface",
    "SessionTooLarge",
    "begin_session",
    "drop_login",
    "forget_session",
    "keep_login",
    "own_origins",
    "read_devices",
    "write_devices",
]
