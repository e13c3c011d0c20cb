"""The keys under which one layer leaves values in a request's ASGI scope, for the layers inside it and the log."""

from __future__ import annotations

from typing import Final

#: The request's id. The edge sets it.
REQUEST_ID: Final = "duet.request_id"
#: The names that several cookies had. The edge sets it, and passes on the first cookie of each name; what guards a
#: login should not believe even that one.
REPEATED_COOKIES: Final = "duet.repeated_cookies"
#: Whether some header says that the request was handed on, whoever wrote it. The edge sets it. A peer on this
#: machine may then be a proxy that TRUSTED_PROXIES does not name.
HANDED_ON: Final = "duet.handed_on"
#: The `Caller`. The gate sets it.
CALLER: Final = "duet.caller"
#: What Flask's session cookie held. It is read once, for the gate and for Flask.
WEB_SESSION: Final = "duet.web_session"
#: The template of the route that a half chose, for the log. It is never the path itself, which may contain the
#: token of a mailed link.
ROUTE: Final = "duet.route"
#: The `Principal` of a request that the policy let in; None for an anonymous request.
PRINCIPAL: Final = "duet.principal"

#: The key under which a page's WSGI environ holds the scope. The bridge sets it.
IN_ENVIRON: Final = "asgi.scope"

#: The methods that change nothing (RFC 9110 section 9.2.1), among those that are answered at all.
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
