"""Builds the pages: Flask with Duet's and the team's views, each behind its policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from flask import Flask, Response
from flask_wtf.csrf import CSRFProtect
from starlette.types import Scope
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from app.auth.keys import Purpose
from app.auth.policy import Covered
from app.auth.service import Auth
from app.bodies import USUAL_FIELDS
from app.bridge import Crossing, is_marked_slow
from app.extension import Extension
from app.settings import Settings
from app.user_agents import device
from app.web import flask_names, flask_wtf_names
from app.web.bodies import PageBodies, PageRequest, set_page_bodies
from app.web.context import Duet, drawn_for, person
from app.web.cookies import LONGEST_COOKIE_LIFE, PageScripts, SessionCookie, SessionInterface
from app.web.display import event_label, filters, warn_of_inline_code
from app.web.errors import errors
from app.web.flask_names import put_first, wrap_teardowns
from app.web.guard import GuardedPages
from app.web.pages import Pages, logging_failures
from app.web.static_files import version_assets
from app.web.table import build_table
from app.web.team import register_extensions
from app.web.views import auth as login
from app.web.views import home, joining, presence, recovery, verification
from app.web.views.account import data as own_data
from app.web.views.account import profile as account
from app.web.views.account import sessions
from app.web.views.account import tokens as personal_tokens
from app.web.views.admin import table as admin

PRODUCT: Final = "Duet"
_VIEWS: Final = (
    home,
    login,
    joining,
    verification,
    recovery,
    account,
    sessions,
    personal_tokens,
    own_data,
    presence,
    admin,
)
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def create_session_cookie(auth: Auth, settings: Settings) -> SessionCookie:
    """Returns the session cookie, which the pages write and the gate reads."""
    max_age = int(auth.config.absolute_lifetime.total_seconds())
    return SessionCookie(auth.keys.keys(Purpose.WEB_SESSION), is_https=settings.is_https, max_age=max_age)


def create_page_scripts(auth: Auth, cookie: SessionCookie) -> PageScripts:
    """Returns what lets the session count on the API, for scripts of the pages."""
    return PageScripts(cookie, csrf_keys=auth.keys.keys(Purpose.CSRF), public_url=auth.config.issuer)


def create_pages(
    *,
    auth: Auth,
    crossing: Crossing,
    cookie: SessionCookie,
    settings: Settings,
    extensions: Sequence[Extension],
) -> Covered[Flask]:
    """Returns the pages and their rows of the policy's table. The caller passes the whole table to `hand_table`.

    Raises:
        PolicyError: a page can't be protected, or a name or a path of an extension is taken.
        PackageUnfit: Flask or Flask-WTF lacks a name that this needs.
    """
    flask_names.NAMES.check()
    flask_wtf_names.check()
    duet = Duet(auth=auth, crossing=crossing, public_url=settings.public_url)
    config = _config(auth, cookie, settings)
    refusals = Pages(__name__, public_url=settings.public_url)
    app = GuardedPages(__name__, public_url=settings.public_url, refusals=refusals)
    for one in (app, refusals):
        one.request_class = PageRequest
        one.extensions["duet"] = duet
        one.session_interface = SessionInterface(cookie)
        one.config.update(config)
        CSRFProtect(one)
        errors.add_handlers(one)
        one.after_request(_never_cached)
        _prepare_templates(one, extensions)
    for view in _VIEWS:
        app.register_blueprint(view.blueprint)
    own_settings, own = app.own_settings(), set(app.blueprints)
    added = register_extensions(app, extensions, settings, refusals=refusals)
    app.check_unchanged(own_settings)
    for name in app.blueprints.keys() - own:
        warn_of_inline_code(app, app.blueprints[name])
    errors.add_team_handlers(app, extensions, added.owner_of)
    wrap_teardowns(app, logging_failures)
    policies, rules = build_table(app, added.around)
    bodies = PageBodies(app, own=own, max_body_bytes=settings.max_body_bytes)
    set_page_bodies(app, bodies)
    put_first(app, bodies.before_request)  # before CSRF parses the form
    app.guard(policies, team_s=added.endpoints)
    return Covered(app, tuple(rules), tuple(added.roots))


def _prepare_templates(app: Flask, extensions: Sequence[Extension]) -> None:
    """Gives all templates what they may use."""
    version_assets(app)
    app.jinja_env.filters.update(
        moment=filters.moment, day=filters.day, ago=filters.ago, device=device, event_label=event_label
    )
    app.context_processor(_context(extensions))


def _config(auth: Auth, cookie: SessionCookie, settings: Settings) -> dict[str, Any]:
    csrf_keys = [key.secret for key in auth.keys.keys(Purpose.CSRF)]
    return {
        # This key is for what extensions sign. Sessions and forms have their own keys.
        "SECRET_KEY": auth.keys.keys(Purpose.EXTENSIONS)[0].secret,
        "SESSION_COOKIE_NAME": cookie.name,
        "SESSION_COOKIE_SECURE": settings.is_https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        # The cookie is only written when it has changed: a late answer can't bring back what a logout removed.
        "SESSION_REFRESH_EACH_REQUEST": False,
        "PERMANENT_SESSION_LIFETIME": min(auth.config.absolute_lifetime, LONGEST_COOKIE_LIFE),
        "WTF_CSRF_SECRET_KEY": flask_wtf_names.secrets_of(csrf_keys),
        # A token lasts as long as the session that it is bound to: a form that stays open over lunch is not lost.
        "WTF_CSRF_TIME_LIMIT": None,
        # The guard has compared the Origin already. Behind a proxy, the Referer's host may be a different one.
        "WTF_CSRF_SSL_STRICT": False,
        # The edge logs and answers unexpected errors, in one place for both halves.
        "PROPAGATE_EXCEPTIONS": True,
        "TRAP_HTTP_EXCEPTIONS": False,
        # For what has no endpoint. Each page's own limits are in `app.web.bodies`.
        "MAX_CONTENT_LENGTH": settings.max_body_bytes,
        "MAX_FORM_MEMORY_SIZE": settings.max_body_bytes,
        "MAX_FORM_PARTS": USUAL_FIELDS,
    }


def _context(extensions: Sequence[Extension]) -> Callable[[], dict[str, Any]]:
    nav_links = [link for extension in extensions for link in extension.nav_links]

    def context() -> dict[str, Any]:
        somebody = person()
        return {
            "product": PRODUCT,
            "person": somebody,
            "nav_links": nav_links if somebody else [],
            "drawn_for": drawn_for(),
        }

    return context


def _never_cached(response: Response) -> Response:
    """Keeps pages out of caches, so that none is shown again after the logout (CVE-2023-30861)."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.vary.add("Cookie")
    return response


def slow_pages(app: Flask) -> Callable[[Scope], bool]:
    """Returns what tells, before a request has a thread, whether its view is marked `@slow`."""
    marked = {
        (endpoint, method)
        for endpoint, view in app.view_functions.items()
        for method in _METHODS
        if is_marked_slow(view, method)
    }
    methods = {method for _, method in marked}
    urls = app.url_map.bind("")

    def is_slow(scope: Scope) -> bool:
        method = scope["method"]
        return method in methods and (_endpoint(urls, scope), method) in marked

    return is_slow


def own_pages(app: Flask) -> Callable[[Scope], bool]:
    """Returns what tells, before a request has a thread, whether its view is one of Duet's own, or none at all."""
    own, urls = {"", *(view.blueprint.name for view in _VIEWS)}, app.url_map.bind("")

    def is_own(scope: Scope) -> bool:
        return _endpoint(urls, scope).partition(".")[0] in own

    return is_own


def names_of_views(app: Flask) -> Callable[[Scope], str]:
    """Returns what tells by which name the author of a request's view knows it: `shop.views.report`."""
    urls = app.url_map.bind("")

    def name_of(scope: Scope) -> str:
        view = app.view_functions.get(_endpoint(urls, scope))
        return f"{view.__module__}.{view.__qualname__}" if view else "unknown"

    return name_of


def _endpoint(urls: MapAdapter, scope: Scope) -> str:
    """Returns the endpoint of a request, or an empty string if there is none."""
    try:
        return str(urls.match(scope["path"], scope["method"])[0])
    except HTTPException:
        return ""
