"""The parts of one app, as the modules of this folder pass them to each other."""

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
    """What everything else is built on.

    Args:
        version: Duet's version.
        settings: the settings of this app.
        extensions: the team's own code, each extension already connected with auth.
        store: the store, which is not opened yet.
        auth: auth over that store.
        requests: counts the requests that were answered.
    """

    version: str
    settings: Settings
    extensions: tuple[Extension, ...]
    store: MeasuredStore
    auth: Auth
    requests: Requests


@dataclass(frozen=True, slots=True)
class Halves:
    """The API, the pages, and what connects the pages with the event loop.

    Args:
        api: FastAPI, under `/api`.
        pages: Flask, at `/`.
        bridge: runs the pages in threads.
        crossing: leads from those threads to the event loop.
        cookie: holds the session of the pages; the gate reads it.
        scripts: lets that session count on the API, for scripts of the pages.
        refuse: draws a refusal before a half is reached, as that half would draw it.
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
    """The routes of the root.

    Args:
        routes: all routes, in the order in which they are asked.
        api: the API's mount, which is one of them.
        rules: the rows of the policy's table for what the root serves by itself.
        open_prefixes: paths which, with everything below them, need no caller: the gate looks at no session.
    """

    routes: tuple[BaseRoute, ...]
    api: Mount
    rules: tuple[Rule, ...]
    open_prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """All parts of one app.

    Args:
        core: what everything else is built on.
        halves: the API and the pages.
        root: the routes of the root.
        table: the policy's table of everything that is served.
        mail: sends the letters that wait.
        tracing: makes a span for each request, if the settings ask for it.
    """

    core: Core
    halves: Halves
    root: RootRoutes
    table: tuple[Rule, ...]
    mail: MailRunner
    tracing: Tracing
