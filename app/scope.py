"""Where a request's ASGI scope holds what one layer leaves for those within, and for the log."""

from __future__ import annotations

from typing import Final

#: The request's id; the edge's.
REQUEST_ID: Final = "duet.request_id"
#: The names that several cookies had; the edge's. The first of each is passed on; what guards a login should not
#: believe even that one.
REPEATED_COOKIES: Final = "duet.repeated_cookies"
#: The `Caller`; the gate's.
CALLER: Final = "duet.caller"
#: What Flask's session cookie held; read once, for the gate and for Flask.
WEB_SESSION: Final = "duet.web_session"
#: The template of the route that a half chose, for the log: never the path itself, in which the tokens of mailed
#: links travel.
ROUTE: Final = "duet.route"
#: The `Principal` of a request that the policy let in; None for an anonymous one.
PRINCIPAL: Final = "duet.principal"

#: Where a page's WSGI environ holds the scope; the bridge's.
IN_ENVIRON: Final = "asgi.scope"

#: The methods of requests that change nothing (RFC 9110 section 9.2.1), of those that are answered at all.
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
