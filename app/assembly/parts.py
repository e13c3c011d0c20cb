"""The parts of one app, as the rooms of this folder hand them around."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI
from flask import Flask
from starlette.routing import BaseRoute, Mount

from app.auth.policy import Covered, Rule
from app.auth.service import Auth
from app.bridge import Crossing, PagesApp
from app.edge import Refuse
from app.extension import Extension
from app.mail.runner import MailRunner
from app.observing.requests import Requests
from app.observing.tracing import Tracing
from app.settings import Settings
from app.store import MeasuredStore
from app.web.cookies import PageScripts, SessionCookie


@dataclass(frozen=True, slots=True)
class Core:
    """What everything else stands on.

    Args:
        version: Duet's.
        settings: of this app.
        extensions: the team's own code, each connected with auth already.
        store: not opened yet.
        auth: over that store.
        requests: counts those that were answered.
    """

    version: str
    settings: Settings
    extensions: tuple[Extension, ...]
    store: MeasuredStore
    auth: Auth
    requests: Requests


@dataclass(frozen=True, slots=True)
class Halves:
    """The API, the pages, and what lies between the pages and the event loop.

    Args:
        api: FastAPI, under `/api`.
        pages: Flask, at `/`.
        bridge: runs the pages in threads.
        crossing: leads from those threads to the event loop.
        cookie: holds the session of the pages; the gate reads it.
        scripts: lets that session count on the API, for scripts of the pages.
        refuse: draws what is refused before a half is reached, as that half would.
    """

    api: Covered[FastAPI]
    pages: Covered[Flask]
    bridge: PagesApp
    crossing: Crossing
    cookie: SessionCookie
    scripts: PageScripts
    refuse: Refuse


@dataclass(frozen=True, slots=True)
class RootRoutes:
    """What the root leads to.

    Args:
        routes: all of them, in the order in which they are asked.
        api: the API's mount, one of them.
        rules: the rows of the policy's table for what the root serves by itself.
        open_prefixes: these paths, and what lies below them, concern nobody: the gate looks at no session.
    """

    routes: tuple[BaseRoute, ...]
    api: Mount
    rules: tuple[Rule, ...]
    open_prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """All parts of one app.

    Args:
        core: what everything else stands on.
        halves: the API and the pages.
        root: what the root leads to.
        table: the policy's, of all that is served.
        mail: sends what waits to be mailed.
        tracing: makes a span of each request, where that is asked for.
    """

    core: Core
    halves: Halves
    root: RootRoutes
    table: tuple[Rule, ...]
    mail: MailRunner
    tracing: Tracing
