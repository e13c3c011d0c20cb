"""The Flask app that asks the policy before anything else: no code of a team's runs for a caller who is refused.

Flask's own place for such a question, a function before each request, comes late: converters of paths, signals
and `url_value_preprocessor` run earlier, and error handlers and what runs after a request run for refusals, too.
So the policy is asked before Flask begins, and who is refused is answered by another Flask app, in which there is
nothing of a team's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from flask import Flask, Request, request
from flask.ctx import RequestContext
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import RequestRedirect, Rule, ValidationError

from app.auth.errors import AuthError, TokenMissing
from app.auth.models import Principal
from app.auth.policy import Caller, Policy, decide
from app.scope import CALLER, IN_ENVIRON, ROUTE, SAFE_METHODS
from app.web.context import Visit, begin_visit
from app.web.converters import convert
from app.web.cookies import keep_login, own_origins
from app.web.errors import ForeignOrigin
from app.web.pages import Pages

_CONTEXT: Final = "duet.context"
_ADMITTED: Final = "duet.admitted"
_REFUSAL: Final = "duet.refusal"
#: How many redirects of Werkzeug's are followed to the view that they lead to: it needs two at most.
_REDIRECTS: Final = 5


class _Context(RequestContext):
    """A request, which is matched with a view before Flask begins with it."""

    _is_matched = False

    def find(self) -> None:
        """Finds the view. Converters of a team's have to wait."""
        if self._is_matched or self.url_adapter is None:
            return
        self._is_matched = True
        super().match_request()
        if isinstance(self.request.routing_exception, RequestRedirect):
            # Without a host: it would be the one that the client named.
            parts = urlsplit(self.request.routing_exception.new_url)
            query = f"?{parts.query}" if parts.query else ""
            self.request.routing_exception.new_url = f"/{parts.path.lstrip('/')}{query}"
        path = self.request.path
        if isinstance(self.request.routing_exception, NotFound) and path != "/" and path.endswith("/"):
            self._lead_to(path.rstrip("/"))

    def _lead_to(self, path: str) -> None:
        """Leads to a team's page without the slash at its end, as Flask leads to one with it."""
        rule = self._rule_at(path)
        if rule is not None and isinstance(self.app, GuardedPages) and rule.endpoint in self.app.team_s:
            query = self.request.query_string.decode("latin-1")
            url = quote(path, safe="!$&'()*+,/:;=@") + (f"?{query}" if query else "")
            self.request.routing_exception = RequestRedirect(url)

    def match_request(self) -> None:
        """Flask calls this once the session is there: for converters, which may use it."""
        self.find()
        try:
            convert(self.request.view_args)
        except ValidationError:  # so this is no such page
            self.request.url_rule = self.request.view_args = None
            self.request.routing_exception = NotFound()

    def rule(self) -> Rule | None:
        """Returns the rule of the view, or of the view to which a redirect leads; None if there is none."""
        redirect = self.request.routing_exception
        if isinstance(redirect, RequestRedirect):
            return self._rule_at(unquote(urlsplit(redirect.new_url).path))
        return self.request.url_rule

    def _rule_at(self, path: str) -> Rule | None:
        assert self.url_adapter is not None
        for _ in range(_REDIRECTS):
            try:
                return self.url_adapter.match(path, return_rule=True)[0]
            except RequestRedirect as redirect:
                path = unquote(urlsplit(redirect.new_url).path)
            except HTTPException:  # a 404 or 405 for everyone
                return None
        return None


class GuardedPages(Pages):
    """The pages, Duet's and the team's.

    Args:
        import_name: where templates and static files are found.
        public_url: where people reach the site.
        refusals: the app that answers who is refused. Its URL map becomes the one of this app.
    """

    def __init__(self, import_name: str, *, public_url: str, refusals: Flask) -> None:
        super().__init__(import_name, public_url=public_url)
        #: The app that answers who is refused.
        self.refusals = refusals
        self._policies: Mapping[str, Policy] = {}
        self.team_s: Set[str] = frozenset()
        refusals.url_map = self.url_map
        refusals.before_request(_refuse)

    def guard(self, policies: Mapping[str, Policy], *, team_s: Set[str]) -> None:
        """Takes the policies of all endpoints, and the names of those that are a team's.

        Until then nobody enters anywhere.
        """
        self._policies = policies
        self.team_s = team_s

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers those whom the policy lets in, and has the others answered where no code of a team's is."""
        context = _Context(self, environ)
        try:
            environ[_ADMITTED] = self._admit(context)
        except AuthError as refusal:
            environ[_REFUSAL] = refusal
            return self.refusals.wsgi_app(environ, start_response)
        environ[_CONTEXT] = context
        return super().wsgi_app(environ, start_response)

    def request_context(self, environ: dict[str, Any]) -> RequestContext:
        """Returns the request that was found already, or a new one, such as for a test."""
        known: RequestContext | None = environ.pop(_CONTEXT, None)
        return known or _Context(self, environ)

    def preprocess_request(self) -> Any:
        """Leaves the caller where views look, before anything of a team's runs."""
        visit, environ = _begin_visit(), request.environ
        is_judged = _ADMITTED in environ
        visit.principal = environ.pop(_ADMITTED) if is_judged else self._admit(_Context(self, environ))
        return super().preprocess_request()

    def _admit(self, context: _Context) -> Principal | None:
        """Returns the caller, None for nobody, or raises the `AuthError` that refuses them."""
        context.find()
        rule = context.rule()
        if rule is None:
            return None  # a 404 or 405 for everyone
        scope = _scope_of(context.request)
        scope[ROUTE] = rule.rule
        writes = context.request.method not in SAFE_METHODS
        if writes:
            self._refuse_foreign_origin(context.request)
        # A row can't be missing after the start. If one is, the lookup fails and nobody enters.
        policy = self._policies[rule.endpoint]
        auth = self.extensions["duet"].auth
        return decide(policy, _caller_of(context.request), auth.clock.now(), writes=writes)

    def _refuse_foreign_origin(self, its: Request) -> None:
        """Refuses a write that another site's page caused (OWASP ASVS V3.5.1), whatever its CSRF token."""
        if its.headers.get("Sec-Fetch-Site") == "cross-site":
            raise ForeignOrigin()
        origin = its.headers.get("Origin")
        if origin is None:
            return
        own = own_origins(self.extensions["duet"].public_url, scheme=its.scheme, host=its.host)
        if origin.lower() not in own:  # 'null' is refused, too: a sandboxed frame sends it
            raise ForeignOrigin()


def _refuse() -> None:
    """Raises the refusal, in the app that answers it."""
    _begin_visit()
    raise request.environ[_REFUSAL]


def _begin_visit() -> Visit:
    caller = _caller_of(request)
    if caller.renewed is not None:
        keep_login(caller.renewed)
    return begin_visit(caller)


def _scope_of(its: Request) -> dict[str, Any]:
    scope: dict[str, Any] = its.environ.setdefault(IN_ENVIRON, {})
    return scope


def _caller_of(its: Request) -> Caller:
    caller: Caller | None = _scope_of(its).get(CALLER)
    return caller or Caller(error=TokenMissing())
