"""Puts the parts of auth together: the one object that both halves ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.auth.accounts import Accounts
from app.auth.audit import Audit
from app.auth.clock import SystemClock
from app.auth.config import AuthConfig
from app.auth.keys import KeyRing, Purpose
from app.auth.passwords import Passwords
from app.auth.ports import Clock, Store
from app.auth.refresh_tokens import RefreshTokens
from app.auth.renewals import Renewals
from app.auth.revocations import Revocations
from app.auth.sessions import Sessions
from app.auth.tokens import AccessTokens


@dataclass(frozen=True, slots=True)
class Auth:
    """All of auth, for both halves."""

    config: AuthConfig
    clock: Clock
    keys: KeyRing
    passwords: Passwords
    revocations: Revocations
    accounts: Accounts
    sessions: Sessions
    renewals: Renewals
    audit: Audit


def build_auth(config: AuthConfig, *, secrets: Sequence[str], store: Store, clock: Clock | None = None) -> Auth:
    """Auth over `store`.

    Args:
        config: what the deployment decides.
        secrets: the newest signs, all verify.
        store: opened by whoever owns it, not here.
        clock: the machine's, if None.
    """
    clock = clock or SystemClock()
    keys = KeyRing(secrets)
    audit = Audit(store, clock)
    revocations = Revocations(store, clock, lifetime=config.access_lifetime)
    passwords = Passwords(
        rounds=config.bcrypt_rounds, threads=config.hash_threads, min_length=config.password_min_length
    )
    accounts = Accounts(
        config, store=store, clock=clock, passwords=passwords, revocations=revocations, audit=audit
    )
    sessions = Sessions(
        config,
        store=store,
        clock=clock,
        tokens=AccessTokens(
            keys.keys(Purpose.ACCESS_TOKEN), issuer=config.issuer, lifetime=config.access_lifetime, clock=clock
        ),
        refresh_tokens=RefreshTokens(keys.keys(Purpose.REFRESH_TOKEN)),
        revocations=revocations,
        accounts=accounts,
        audit=audit,
    )
    return Auth(
        config=config,
        clock=clock,
        keys=keys,
        passwords=passwords,
        revocations=revocations,
        accounts=accounts,
        sessions=sessions,
        renewals=Renewals(sessions, revocations, clock),
        audit=audit,
    )
