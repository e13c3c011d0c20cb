"""Puts the parts of auth together: the one object that both halves ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.auth.accounts import (
    Accounts,
    Addresses,
    Administration,
    Credentials,
    Importing,
    Invitations,
    OwnAccount,
    Registration,
)
from app.auth.audit import Audit
from app.auth.bearers import EarlierTokens, Introspection, PersonalTokens
from app.auth.clock import Clock, SystemClock
from app.auth.config import AuthConfig
from app.auth.deployment import Neighbours
from app.auth.extending import ExtraClaims, KeptClaims, Signals
from app.auth.factors import Passwords, Proving
from app.auth.keys import KeyRing, Purpose, Signing
from app.auth.letters import Letters, Links
from app.auth.limits import Throttle
from app.auth.ports import Store
from app.auth.sessions import Renewals, Revocations, Sessions
from app.auth.tokens import AccessTokens, RefreshTokens


@dataclass(frozen=True, slots=True)
class Auth:
    """All of auth, for both halves."""

    config: AuthConfig
    clock: Clock
    keys: KeyRing
    signing: Signing
    neighbours: Neighbours
    passwords: Passwords
    revocations: Revocations
    accounts: Accounts
    proving: Proving
    registration: Registration
    invitations: Invitations
    addresses: Addresses
    credentials: Credentials
    own_account: OwnAccount
    administration: Administration
    sessions: Sessions
    renewals: Renewals
    personal_tokens: PersonalTokens
    earlier_tokens: EarlierTokens
    introspection: Introspection
    letters: Letters
    importing: Importing
    audit: Audit
    signals: Signals
    extra_claims: ExtraClaims


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
    signing = Signing(config, store=store, clock=clock, keys=keys, audit=audit)
    signals, extra_claims = Signals(), ExtraClaims()
    kept_claims = KeptClaims(extra_claims, clock)
    revocations = Revocations(store, clock, lifetime=config.access_lifetime)
    passwords = Passwords(
        rounds=config.bcrypt_rounds, threads=config.hash_threads, min_length=config.password_min_length
    )
    throttle = Throttle(store, clock, is_on=config.rate_limits)
    links = Links(store, clock, keys.keys(Purpose.LINK), base_url=config.issuer)
    letters = Letters(store, clock, links, throttle)
    accounts = Accounts(store=store, clock=clock, passwords=passwords, signals=signals, audit=audit)
    proving = Proving(config, store=store, passwords=passwords, throttle=throttle, audit=audit)
    administration = Administration(
        store=store,
        clock=clock,
        accounts=accounts,
        letters=letters,
        revocations=revocations,
        signals=signals,
        audit=audit,
    )
    sessions = Sessions(
        config,
        store=store,
        clock=clock,
        tokens=AccessTokens(signing, issuer=config.issuer, lifetime=config.access_lifetime, clock=clock),
        refresh_tokens=RefreshTokens(keys.keys(Purpose.REFRESH_TOKEN)),
        revocations=revocations,
        proving=proving,
        letters=letters,
        throttle=throttle,
        signals=signals,
        extra_claims=extra_claims,
        audit=audit,
    )
    personal_tokens = PersonalTokens(store=store, clock=clock, audit=audit, extra_claims=kept_claims)
    return Auth(
        config=config,
        clock=clock,
        keys=keys,
        signing=signing,
        neighbours=Neighbours(config, store=store, clock=clock, keys=keys),
        passwords=passwords,
        revocations=revocations,
        accounts=accounts,
        proving=proving,
        registration=Registration(
            config,
            store=store,
            clock=clock,
            accounts=accounts,
            links=links,
            letters=letters,
            throttle=throttle,
            signals=signals,
            audit=audit,
        ),
        invitations=Invitations(config, store=store, clock=clock, links=links, letters=letters, audit=audit),
        addresses=Addresses(
            store=store,
            accounts=accounts,
            proving=proving,
            links=links,
            letters=letters,
            throttle=throttle,
            audit=audit,
        ),
        credentials=Credentials(
            store=store,
            clock=clock,
            accounts=accounts,
            proving=proving,
            passwords=passwords,
            links=links,
            letters=letters,
            throttle=throttle,
            revocations=revocations,
            audit=audit,
        ),
        own_account=OwnAccount(
            store=store, clock=clock, accounts=accounts, proving=proving, administration=administration
        ),
        administration=administration,
        sessions=sessions,
        renewals=Renewals(sessions, revocations),
        personal_tokens=personal_tokens,
        introspection=Introspection(
            config.issuer, store=store, clock=clock, sessions=sessions, personal_tokens=personal_tokens
        ),
        earlier_tokens=EarlierTokens(config.earlier, store=store, clock=clock, extra_claims=kept_claims),
        letters=letters,
        importing=Importing(store=store, clock=clock, audit=audit),
        audit=audit,
        signals=signals,
        extra_claims=extra_claims,
    )
