"""What the site and the command line are built on: makes a store from the settings, and auth over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Final

from app.auth.config import AuthConfig, EarlierConfig
from app.auth.factors import ZXCVBN_PLACES
from app.auth.ports import Store
from app.auth.service import Auth, build_auth
from app.extension import load_extensions
from app.packages import PrivateNames
from app.settings import Settings, SettingsError
from app.store import MeasuredStore, open_store
from app.store.breaker import StoreUnusable

#: Auth itself imports no other part of Duet, so the names that it needs from a package are checked here.
_ZXCVBN: Final = PrivateNames("zxcvbn", *ZXCVBN_PLACES)


class DatabaseUnfit(SettingsError):
    """`DATABASE_URL` is well-formed, and can't work as things are, for example without a file that it names."""


@asynccontextmanager
async def open_auth(settings: Settings) -> AsyncIterator[Auth]:
    """Opens auth over the store that `settings` name, without a server, for the command line.

    Extensions that wait for a signal are opened, because they also have to learn whom an operator deletes.

    Raises:
        SettingsError: DATABASE_URL or EXTENSIONS is malformed.
        PolicyError: an extension waits for a signal that does not exist.
        StoreUnavailable: the store does not answer.
        PackageUnfit: a package has lost a name that Duet needs.
    """
    store = open_configured_store(settings)
    auth = build_configured_auth(settings, store)
    async with AsyncExitStack() as stack:
        stack.callback(auth.passwords.close)
        stack.push_async_callback(store.close)
        await store.open()
        for extension in load_extensions(settings.extensions, settings):
            extension.connect(auth)
            if extension.on and extension.lifespan is not None:
                await stack.enter_async_context(extension.lifespan())
        yield auth


def open_configured_store(settings: Settings) -> MeasuredStore:
    """Makes the store that `settings` name, unopened. Raises `SettingsError`, which never quotes the URL."""
    if settings.keeps_files:
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"DATA_DIR: can't make {settings.data_dir}: {error.strerror}") from None
    try:
        return open_store(settings.database)
    except StoreUnusable as error:
        raise DatabaseUnfit(f"DATABASE_URL: {error}") from None
    except ValueError as error:
        raise SettingsError(f"DATABASE_URL: {error}") from None


def build_configured_auth(settings: Settings, store: Store) -> Auth:
    """Makes auth over `store`, as `settings` say. Raises `PackageUnfit` if zxcvbn has lost a needed name."""
    _ZXCVBN.check()
    return build_auth(auth_config(settings), secrets=settings.secrets(), store=store)


def auth_config(settings: Settings) -> AuthConfig:
    """Returns the part of `settings` that auth needs."""
    return AuthConfig(
        issuer=settings.public_url,
        access_lifetime=settings.access_lifetime,
        idle_lifetime=timedelta(days=settings.refresh_token_days),
        absolute_lifetime=timedelta(days=settings.session_max_days),
        refresh_grace=timedelta(seconds=settings.refresh_grace_seconds),
        bcrypt_rounds=settings.bcrypt_rounds,
        hash_threads=settings.hash_threads,
        password_min_length=settings.password_min_length,
        registration=settings.registration,
        require_verified_email=settings.require_verified_email,
        rate_limits=settings.rate_limits,
        audit_lifetime=timedelta(days=settings.audit_days),
        algorithm=settings.jwt_algorithm,
        rotate_after=timedelta(days=settings.jwt_rotate_days) if settings.jwt_rotate_days else None,
        earlier=_earlier_config(settings),
    )


def _earlier_config(settings: Settings) -> EarlierConfig | None:
    if settings.legacy_jwt_until is None:  # so there is no key either
        return None
    return EarlierConfig(
        key=settings.legacy_jwt_key.get_secret_value(),
        algorithm=settings.legacy_jwt_algorithm,
        until=settings.legacy_jwt_until,
        issuer=settings.legacy_jwt_issuer,
        audience=settings.legacy_jwt_audience,
        user_claim=settings.legacy_jwt_user_claim,
    )
