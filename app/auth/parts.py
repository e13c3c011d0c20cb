"""Builds the parts of auth in order: those that the others need, then logins, accounts and tokens of programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.auth.accounts import (
    Accounts,
    Addresses,
    Administration,
    Credentials,
    Invitations,
    OwnAccount,
    Registration,
)
from app.auth.audit import Audit
from app.auth.bearers import Bearers, EarlierTokens, Introspection, PersonalTokens
from app.auth.clock import Clock
from app.auth.config import AuthConfig
from app.auth.extending import ExtraClaims, KeptClaims, Signals
from app.auth.factors import Passwords, Proving
from app.auth.keys import KeyRing, Purpose, Signing
from app.auth.letters import Letters, Links
from app.auth.limits import Throttle
from app.auth.ports import Store
from app.auth.sessions import Endings, Issuing, Refreshing, RefreshRules, Revocations, Sessions
from app.auth.sessions.entrance import Entrance
from app.auth.tokens import AccessTokens, RefreshTokens


@dataclass(frozen=True, slots=True)
class Ground:
    """The parts that all the others are built on."""

    config: AuthConfig
    store: Store
    clock: Clock
    keys: KeyRing
    audit: Audit
    signing: Signing
    signals: Signals
    extra_claims: ExtraClaims
    passwords: Passwords
    throttle: Throttle
    links: Links
    letters: Letters
    revocations: Revocations


@dataclass(frozen=True, slots=True)
class Logins:
    """The parts that let people log in, stay logged in and log out."""

    proving: Proving
    endings: Endings
    refreshing: Refreshing
    sessions: Sessions


@dataclass(frozen=True, slots=True)
class People:
    """The parts that manage accounts."""

    accounts: Accounts
    registration: Registration
    invitations: Invitations
    addresses: Addresses
    credentials: Credentials
    own_account: OwnAccount
    administration: Administration


@dataclass(frozen=True, slots=True)
class Programs:
    """The parts that deal with the tokens that programs show."""

    bearers: Bearers
    personal_tokens: PersonalTokens
    earlier_tokens: EarlierTokens
    introspection: Introspection


def create_ground(config: AuthConfig, secrets: Sequence[str], store: Store, clock: Clock) -> Ground:
    """Builds what all the others need: keys, counters, mails, and who is told of what."""
    keys, audit = KeyRing(secrets), Audit(store, clock)
    throttle = Throttle(store, clock, is_on=config.rate_limits)
    links = Links(store, clock, keys.keys(Purpose.LINK), base_url=config.issuer)
    return Ground(
        config=config,
        store=store,
        clock=clock,
        keys=keys,
        audit=audit,
        signing=Signing(config, store=store, clock=clock, keys=keys, audit=audit),
        signals=Signals(),
        extra_claims=ExtraClaims(),
        passwords=Passwords(
            rounds=config.bcrypt_rounds, threads=config.hash_threads, min_length=config.password_min_length
        ),
        throttle=throttle,
        links=links,
        letters=Letters(store, clock, links, throttle),
        revocations=Revocations(store, clock, lifetime=config.access_lifetime),
    )


def create_logins(ground: Ground) -> Logins:
    """Builds what logins need: the one way in, how they go on, and how they end."""
    config, store, clock, audit = ground.config, ground.store, ground.clock, ground.audit
    tokens = AccessTokens(ground.signing.book, issuer=config.issuer, lifetime=config.access_lifetime, clock=clock)
    refresh_tokens = RefreshTokens(ground.keys.keys(Purpose.REFRESH_TOKEN))
    issuing = Issuing(tokens=tokens, refresh_tokens=refresh_tokens, extra_claims=ground.extra_claims)
    proving = Proving(
        config=config,
        store=store,
        clock=clock,
        passwords=ground.passwords,
        throttle=ground.throttle,
        audit=audit,
    )
    endings = Endings(
        store=store, clock=clock, revocations=ground.revocations, signals=ground.signals, audit=audit
    )
    refreshing = Refreshing(
        rules=RefreshRules(config=config, refresh_tokens=refresh_tokens),
        store=store,
        clock=clock,
        refresh_tokens=refresh_tokens,
        issuing=issuing,
        endings=endings,
        throttle=ground.throttle,
        audit=audit,
    )
    entrance = Entrance(
        config=config,
        store=store,
        clock=clock,
        issuing=issuing,
        proving=proving,
        endings=endings,
        letters=ground.letters,
        signals=ground.signals,
        audit=audit,
    )
    sessions = Sessions(
        config=config,
        store=store,
        clock=clock,
        tokens=tokens,
        revocations=ground.revocations,
        proving=proving,
        entrance=entrance,
        issuing=issuing,
        refreshing=refreshing,
        endings=endings,
    )
    return Logins(proving, endings, refreshing, sessions)


def create_people(ground: Ground, logins: Logins) -> People:
    """Builds what accounts need: how they are made, changed and deleted."""
    config, store, clock, audit = ground.config, ground.store, ground.clock, ground.audit
    signals, links, letters = ground.signals, ground.links, ground.letters
    accounts = Accounts(store=store, clock=clock, passwords=ground.passwords, signals=signals, audit=audit)
    administration = Administration(
        store=store,
        clock=clock,
        accounts=accounts,
        letters=letters,
        endings=logins.endings,
        revocations=ground.revocations,
        signals=signals,
        audit=audit,
    )
    return People(
        accounts=accounts,
        registration=Registration(
            config=config,
            store=store,
            clock=clock,
            accounts=accounts,
            links=links,
            letters=letters,
            throttle=ground.throttle,
            signals=signals,
            audit=audit,
        ),
        invitations=Invitations(
            config=config, store=store, clock=clock, links=links, letters=letters, audit=audit
        ),
        addresses=Addresses(
            store=store,
            proving=logins.proving,
            links=links,
            letters=letters,
            throttle=ground.throttle,
            audit=audit,
        ),
        credentials=Credentials(
            store=store,
            clock=clock,
            accounts=accounts,
            proving=logins.proving,
            passwords=ground.passwords,
            links=links,
            letters=letters,
            throttle=ground.throttle,
            endings=logins.endings,
            revocations=ground.revocations,
            audit=audit,
        ),
        own_account=OwnAccount(
            store=store,
            clock=clock,
            accounts=accounts,
            proving=logins.proving,
            administration=administration,
        ),
        administration=administration,
    )


def create_programs(ground: Ground, logins: Logins) -> Programs:
    """Builds what bearer tokens of each kind need."""
    store, clock = ground.store, ground.clock
    kept_claims = KeptClaims(ground.extra_claims, clock)
    personal_tokens = PersonalTokens(store=store, clock=clock, audit=ground.audit, extra_claims=kept_claims)
    earlier_tokens = EarlierTokens(ground.config.earlier, store=store, clock=clock, extra_claims=kept_claims)
    return Programs(
        bearers=Bearers(sessions=logins.sessions, personal_tokens=personal_tokens, earlier_tokens=earlier_tokens),
        personal_tokens=personal_tokens,
        earlier_tokens=earlier_tokens,
        introspection=Introspection(
            issuer=ground.config.issuer,
            store=store,
            clock=clock,
            sessions=logins.sessions,
            refreshing=logins.refreshing,
            personal_tokens=personal_tokens,
        ),
    )
