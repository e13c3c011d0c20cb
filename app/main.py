"""The composition root: settings, store, auth, edge, gate, bridge, API and pages become one app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any, Final

import anyio
from fastapi import FastAPI
from flask import Flask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from app.api.errors import leave_to_the_edge
from app.api.factory import PREFIX, create_api
from app.api.guard import check_covered
from app.api.problems import oauth_error, problem
from app.api.well_known import create_well_known
from app.auth.deployment import SettingsDiffer, run_upkeep
from app.auth.errors import StoreUnavailable
from app.auth.policy import PolicyError, Rule
from app.auth.ports import Store
from app.auth.service import Auth, build_auth
from app.bridge import Crossing, PagesApp
from app.edge import ROUTE, Edge, Refuse
from app.extension import Extension, load_extensions
from app.foundation import auth_config, open_configured_store
from app.gate import Gate
from app.mail.runner import MailRunner
from app.mail.setup import build_mail
from app.observing.health import create_health
from app.observing.metrics import create_metrics
from app.observing.requests import Requests
from app.observing.tracing import create_tracing
from app.settings import Settings, SettingsError, load
from app.store.breaker import StoreUnusable
from app.web.errors import draw_error
from app.web.factory import create_page_scripts, create_pages, create_session_cookie, slow_pages
from app.web.guard import check_sealed
from app.web.static_files import static_mounts

VERSION: Final = version("duet")
#: Threads for slow views beside one for each hash that may wait: they sleep meanwhile, and are made when needed.
SPARE_SLOW_THREADS: Final = 16
MAX_SLOW_THREADS: Final = 200
MAX_QUEUED: Final = 500
MAX_SLOW_QUEUED: Final = 100


def create_app(settings: Settings | None = None, *, extensions: Sequence[Extension] = ()) -> FastAPI:
    """The whole of Duet as one ASGI app.

    Args:
        settings: from the environment, if None.
        extensions: the team's own code, beside what `EXTENSIONS` names.

    Returns:
        The root app. Its `state.api` and `state.pages` are the halves, `state.auth` is auth.

    Raises:
        SettingsError: a setting is malformed, weak or missing.
        PolicyError: a page or route can't be protected; the message names it.
    """
    settings = settings or load()
    extensions = (*extensions, *load_extensions(settings.extensions, settings))
    _refuse_duplicates(extensions)
    store = open_configured_store(settings)
    auth = build_auth(auth_config(settings), secrets=settings.secrets(), store=store)
    for extension in extensions:
        extension.connect(auth)
    mail = build_mail(
        store,
        auth.clock,
        auth.letters,
        public_url=settings.public_url,
        mail_from=settings.mail_from,
        smtp_url=settings.smtp_url.get_secret_value(),
        outbox=settings.outbox,
    )
    crossing = Crossing()
    cookie = create_session_cookie(auth, settings)
    scripts = create_page_scripts(auth, cookie)
    rules: list[Rule] = []
    pages = create_pages(
        auth=auth, crossing=crossing, cookie=cookie, settings=settings, extensions=extensions, rules=rules
    )
    api, api_rules = create_api(version=VERSION, clock=auth.clock, extensions=extensions)
    rules += api_rules
    bridge = PagesApp(
        pages.wsgi_app,
        threads=settings.web_threads,
        # Whoever logs in has to reach the queue of hashes, which is fair; the queue for a thread is not.
        slow_threads=min(MAX_SLOW_THREADS, SPARE_SLOW_THREADS + auth.passwords.queue.capacity),
        is_slow=slow_pages(pages),
        refuse=_refuse_by(pages),
        max_queued=MAX_QUEUED,
        max_slow_queued=MAX_SLOW_QUEUED,
    )

    @asynccontextmanager
    async def lifespan(root: FastAPI) -> AsyncIterator[dict[str, Any]]:
        """Opens everything in order and closes it in reverse; mounted apps have no lifespan of their own."""
        check_covered(root.router, sealed, where="")
        check_covered(api.router, [], where=PREFIX)
        check_sealed(pages, rules)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, end_tracing)
            stack.callback(auth.passwords.close)
            await _start(store, auth, mail, stack)
            for extension in extensions:
                if extension.lifespan is not None:
                    await stack.enter_async_context(extension.lifespan())
            stack.push_async_callback(bridge.aclose)
            await stack.enter_async_context(crossing.open())
            yield {"auth": auth}

    root = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan)
    _draw_errors(root, _refuse_by(pages))
    statics = static_mounts(pages)
    health, health_rules = create_health(store, auth)
    well_known, well_known_rules = create_well_known(auth)
    requests = Requests(ROUTE)
    metrics, metrics_rules = create_metrics(auth, store.figures, requests, bridge.figures, version=VERSION)
    rules += [*health_rules, *metrics_rules, *well_known_rules]
    mounted_api = Mount(PREFIX, api)
    root.router.routes[:] = [
        *health,
        *metrics,
        *well_known,
        # `/api` itself as well, which a mount does not match; the API says 404 to it, as JSON.
        Route(PREFIX, api),
        mounted_api,
        *statics,
        Mount("/", bridge),
    ]
    sealed: list[BaseRoute] = list(root.routes)
    root.state.api, root.state.pages, root.state.auth, root.state.rules = api, pages, auth, rules
    open_prefixes = ("/healthz", "/readyz", "/metrics", *(f"{mount.path}/" for mount in statics))
    open_prefixes += tuple(route.path for route in well_known)
    gate = Gate(
        _Shortcut(root, mounted_api),
        auth=auth,
        read_session=cookie.access_token,
        read_script_session=scripts.access_token,
        open_prefixes=open_prefixes,
    )
    traced, end_tracing = create_tracing(gate, settings.otel_exporter_otlp_endpoint, version=VERSION)
    # Set here and not added as middleware: nothing may come to lie outside the edge and the gate.
    root.middleware_stack = Edge(
        traced,
        max_body_bytes=settings.max_body_bytes,
        refuse=_refuse_by(pages),
        trusted_proxies=settings.trusted_proxies,
        https=settings.is_https,
        observe=requests.observe,
    )
    return root


class _Shortcut:
    """Leads calls of the API straight to where the root's router would, past the root's own layers.

    These have nothing to do for it, and cost a tenth of a small request: the API draws its errors itself, and what
    it does not draw is the edge's.

    Args:
        root: the root app, whose layers lie around the rest.
        api: the API's mount, one of the root's routes.
    """

    def __init__(self, root: FastAPI, api: Mount) -> None:
        self._root = root.build_middleware_stack()
        self._router = root.router
        self._api = api
        self._prefix = f"{api.path}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or not scope["path"].startswith(self._prefix):
            await self._root(scope, receive, send)
            return
        _, child_scope = self._api.matches(scope)
        scope.update(child_scope, router=self._router)  # for `url_for`, of routes that the root knows
        await self._api.handle(scope, receive, send)


async def _start(store: Store, auth: Auth, mail: MailRunner, stack: AsyncExitStack) -> None:
    """Opens the store and starts what runs beside the requests.

    Without a store the port opens all the same: what needs no login is served, the rest is a 503 meanwhile. Raises
    `SettingsError` where the operator has to act first: a damaged file, a wrong password, a newer schema, or
    another process on the store that has other secrets. Where that shows only later, nobody is let in.
    """
    stack.push_async_callback(store.close)
    stack.push_async_callback(auth.neighbours.leave)
    try:
        await store.open()
        await auth.neighbours.join()  # before anything is changed: these may be the wrong settings
        await auth.revocations.poll()
        await auth.signing.start()
    except SettingsDiffer as error:
        raise SettingsError(str(error)) from error
    except StoreUnusable as error:  # waiting would not mend it
        raise SettingsError(f"DATABASE_URL: {error}") from error
    except StoreUnavailable:
        pass  # the store logs its outages itself, and goes on trying
    tasks = await stack.enter_async_context(anyio.create_task_group())
    stack.callback(tasks.cancel_scope.cancel)
    tasks.start_soon(auth.neighbours.run)
    tasks.start_soon(auth.revocations.run, lambda: auth.neighbours.agrees)
    tasks.start_soon(auth.revocations.listen)
    tasks.start_soon(auth.signing.run, lambda: auth.neighbours.agrees)
    tasks.start_soon(mail.run)
    tasks.start_soon(partial(run_upkeep, store, auth.clock, audit_lifetime=auth.config.audit_lifetime))


def _refuse_duplicates(extensions: Sequence[Extension]) -> None:
    names = [extension.name for extension in extensions]
    for name in names:
        if names.count(name) > 1:
            raise PolicyError(f"extension {name}: two extensions have this name")


def _draw_errors(root: FastAPI, refuse: Refuse) -> None:
    """What the root itself refuses, a static file that is not there say, looks like the pages beside it."""

    async def draw(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers, body = refuse(request.scope, error.status_code, error.detail)
        answer = Response(body, error.status_code, media_type="text/html")
        answer.raw_headers = headers
        if error.status_code == 405:
            answer.headers["Allow"] = "GET, HEAD"  # all that the root serves by itself
        return answer

    root.add_exception_handler(HTTPException, draw)
    root.add_exception_handler(Exception, leave_to_the_edge)


def _refuse_by(pages: Flask) -> Refuse:
    """Draws what is refused before a half is reached, as that half would: JSON under `/api`, a page elsewhere."""

    def refuse(scope: Scope, status: int, detail: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
        path = scope.get("path", "")
        answer: Response
        if path.startswith("/api/auth/"):
            answer = oauth_error(status, "temporarily_unavailable" if status == 503 else "invalid_request", detail)
        elif path == PREFIX or path.startswith(f"{PREFIX}/"):
            answer = problem(status, detail)
        else:
            request_id = scope.get("duet.request_id", "")
            answer = HTMLResponse(draw_error(pages.jinja_env, status, request_id=request_id), status)
        return answer.raw_headers, bytes(answer.body)

    return refuse
