"""Makes the API and the pages, and the bridge that runs the pages in threads."""

from __future__ import annotations

from typing import Final

from flask import Flask

from app.api.factory import create_api
from app.assembly.parts import Core, Halves
from app.assembly.refusals import refuse_by
from app.bridge import Crossing, PagesApp
from app.edge import Refuse
from app.web.factory import (
    create_page_scripts,
    create_pages,
    create_session_cookie,
    names_of_views,
    own_pages,
    slow_pages,
)

#: Threads for slow views in addition to one for each hash that may wait. They are made when needed, and sleep
#: while they wait for a hash.
SPARE_SLOW_THREADS: Final = 16
MAX_SLOW_THREADS: Final = 200
MAX_QUEUED: Final = 500
MAX_SLOW_QUEUED: Final = 100


def create_halves(core: Core) -> Halves:
    """Makes both halves over `core`, each with its rows of the policy's table.

    Raises:
        PolicyError: a page or route can't be protected, or an extension claims what is taken.
    """
    auth, crossing = core.auth, Crossing()
    cookie = create_session_cookie(auth, core.settings)
    pages = create_pages(
        auth=auth, crossing=crossing, cookie=cookie, settings=core.settings, extensions=core.extensions
    )
    refuse = refuse_by(pages.part)
    return Halves(
        api=create_api(version=core.version, clock=auth.clock, extensions=core.extensions),
        pages=pages,
        bridge=_bridge(core, pages.part, refuse),
        crossing=crossing,
        cookie=cookie,
        scripts=create_page_scripts(auth, cookie),
        refuse=refuse,
    )


def _bridge(core: Core, pages: Flask, refuse: Refuse) -> PagesApp:
    """Makes the bridge, which runs `pages` in as many threads as `core` asks for, slow views apart from others."""
    return PagesApp(
        pages.wsgi_app,
        threads=core.settings.web_threads,
        # People who log in have to reach the queue of hashes, which is fair; the queue for a thread is not.
        slow_threads=min(MAX_SLOW_THREADS, SPARE_SLOW_THREADS + core.auth.passwords.queue.capacity),
        is_slow=slow_pages(pages),
        is_own=own_pages(pages),
        name_of=names_of_views(pages),
        refuse=refuse,
        max_queued=MAX_QUEUED,
        max_slow_queued=MAX_SLOW_QUEUED,
    )
