"""Puts the parts of auth together into the one object that both halves use."""

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
from app.auth.bearers import Bearers, EarlierTokens, Introspection, PersonalTokens
from app.auth.clock import Clock, SystemClock
from app.auth.config import AuthConfig
from app.auth.deployment import Neighbours
from app.auth.extending import ExtraClaims, Signals
from app.auth.factors import Passwords, Proving
from app.auth.keys import KeyRing, Signing
from app.auth.letters import Letters, Links
from app.auth.parts import create_ground, create_logins, create_people, create_programs
from app.auth.ports import Store
from app.auth.sessions import Endings, Refreshing, Renewals, Revocations, Sessions


@dataclass(frozen=True, slots=True)
class Auth:
    """All of auth, for both halves."""

    config: AuthConfig
    clock: Clock
    keys: KeyRing
    signing: Signing
    neighbours: Neighbours
    passwords: Passwords
    proving: Proving
    revocations: Revocations
    accounts: Accounts
    registration: Registration
    invitations: Invitations
    addresses: Addresses
    credentials: Credentials
    own_account: OwnAccount
    administration: Administration
    sessions: Sessions
    refreshing: Refreshing
    endings: Endings
    renewals: Renewals
    bearers: Bearers
    personal_tokens: PersonalTokens
    earlier_tokens: EarlierTokens
    introspection: Introspection
    links: Links
    letters: Letters
    importing: Importing
    audit: Audit
    signals: Signals
    extra_claims: ExtraClaims


def build_auth(config: AuthConfig, *, secrets: Sequence[str], store: Store, clock: Clock | None = None) -> Auth:
    """Builds auth on top of `store`.

    Args:
        config: what the deployment decides.
        secrets: the newest one comes first. It signs, and all of them verify.
        store: opened by its owner, not here.
        clock: the machine's clock if None.
    """
    ground = create_ground(config, secrets, store, clock or SystemClock())
    logins = create_logins(ground)
    people, programs = create_people(ground, logins), create_programs(ground, logins)
    return Auth(
        config=config,
        clock=ground.clock,
        keys=ground.keys,
        signing=ground.signing,
        neighbours=Neighbours(config, store=store, clock=ground.clock, keys=ground.keys),
        passwords=ground.passwords,
        proving=logins.proving,
        revocations=ground.revocations,
        accounts=people.accounts,
        registration=people.registration,
        invitations=people.invitations,
        addresses=people.addresses,
        credentials=people.credentials,
        own_account=people.own_account,
        administration=people.administration,
        sessions=logins.sessions,
        refreshing=logins.refreshing,
        endings=logins.endings,
        renewals=Renewals(logins.sessions, ground.revocations),
        bearers=programs.bearers,
        personal_tokens=programs.personal_tokens,
        earlier_tokens=programs.earlier_tokens,
        introspection=programs.introspection,
        links=ground.links,
        letters=ground.letters,
        importing=Importing(store=store, clock=ground.clock, audit=ground.audit),
        audit=ground.audit,
        signals=ground.signals,
        extra_claims=ground.extra_claims,
    )
