"""The lifespan: what happens before the first request and after the last one, and what runs in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, TypeAlias

import anyio
from fastapi import FastAPI

from app.api.guard.including import check_covered
from app.assembly.parts import Core, Site
from app.auth.deployment import SettingsDiffer, run_upkeep
from app.auth.errors import StoreUnavailable
from app.mail.runner import MailRunner
from app.mail.setup import build_mail
from app.observing.pulse import run_pulse
from app.paths import API
from app.settings import SettingsError
from app.store.breaker import StoreUnusable
from app.web.table import check_sealed

Lifespan: TypeAlias = Callable[[FastAPI], AbstractAsyncContextManager[dict[str, Any]]]


def create_mail(core: Core) -> MailRunner:
    """Makes the runner that sends mail as the settings say. It runs while the app does."""
    settings = core.settings
    return build_mail(
        core.store,
        core.auth.clock,
        core.auth.letters,
        public_url=settings.public_url,
        mail_from=settings.mail_from,
        smtp_url=settings.smtp_url.get_secret_value(),
        outbox=settings.outbox,
    )


def create_lifespan(site: Site) -> Lifespan:
    """Makes the lifespan of the root. It raises `PolicyError` if anything was added after the policy's table."""
    core, halves = site.core, site.halves

    @asynccontextmanager
    async def lifespan(root: FastAPI) -> AsyncIterator[dict[str, Any]]:
        """Opens everything in order and closes it in reverse. Mounted apps have no lifespan of their own."""
        _check_nothing_was_added(root, site)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, site.tracing.end)
            stack.callback(core.auth.passwords.close)
            stack.push_async_callback(core.store.close)
            stack.push_async_callback(core.auth.neighbours.leave)
            await _open_store(core)
            await stack.enter_async_context(_running_beside(core, site.mail))
            for extension in core.extensions:
                if extension.lifespan is not None:
                    await stack.enter_async_context(extension.lifespan())
            stack.push_async_callback(halves.bridge.aclose)
            await stack.enter_async_context(halves.crossing.open())
            yield {"auth": core.auth}

    return lifespan


def _check_nothing_was_added(root: FastAPI, site: Site) -> None:
    """Raises `PolicyError` if anything is served that has no row in the policy's table."""
    check_covered(root.router, site.root.routes, where="")
    check_covered(site.halves.api.part.router, [], where=API)
    check_sealed(site.halves.pages.part, site.halves.pages.rules)


async def _open_store(core: Core) -> None:
    """Opens the store, and starts auth on it.

    The port opens even without a store: what needs no login is served, and the rest is a 503 meanwhile. Raises
    `SettingsError` if the operator has to act first: a damaged file, a wrong password, a newer schema, or another
    process on the store that has other secrets. If this shows only later, nobody is let in.
    """
    auth = core.auth
    try:
        await core.store.open()
        await auth.neighbours.join()  # before anything is changed, because the settings may be wrong
        await auth.revocations.poll()
        await auth.signing.start()
    except SettingsDiffer as error:
        raise SettingsError(str(error)) from error
    except StoreUnusable as error:  # waiting would not help
        raise SettingsError(f"DATABASE_URL: {error}") from error
    except StoreUnavailable:
        pass  # the store logs its own outages, and goes on trying


@asynccontextmanager
async def _running_beside(core: Core, mail: MailRunner) -> AsyncIterator[None]:
    """Runs the background tasks until the block is left."""
    auth = core.auth

    def agrees() -> bool:
        return auth.neighbours.agrees

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(auth.neighbours.run)
        tasks.start_soon(auth.revocations.run, agrees)
        tasks.start_soon(auth.revocations.listen)
        tasks.start_soon(auth.signing.run, agrees)
        tasks.start_soon(mail.run)
        tasks.start_soon(run_pulse, core.store, core.store.measurements)
        tasks.start_soon(partial(run_upkeep, core.store, auth.clock, audit_lifetime=auth.config.audit_lifetime))
        yield
        tasks.cancel_scope.cancel()
