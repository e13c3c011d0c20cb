"""Puts the parts of auth together: the one object that both halves ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.auth.accounts import Accounts
from app.auth.addresses import Addresses
from app.auth.administration import Administration
from app.auth.audit import Audit
from app.auth.clock import SystemClock
from app.auth.config import AuthConfig
from app.auth.credentials import Credentials
from app.auth.earlier_tokens import EarlierTokens
from app.auth.extra_claims import ExtraClaims, KeptClaims
from app.auth.importing import Importing
from app.auth.introspection import Introspection
from app.auth.invitations import Invitations
from app.auth.keys import KeyRing, Purpose
from app.auth.letters import Letters
from app.auth.links import Links
from app.auth.neighbours import Neighbours
from app.auth.own_account import OwnAccount
from app.auth.passwords import Passwords
from app.auth.personal_tokens import PersonalTokens
from app.auth.ports import Clock, Store
from app.auth.refresh_tokens import RefreshTokens
from app.auth.registration import Registration
from app.auth.renewals import Renewals
from app.auth.revocations import Revocations
from app.auth.sessions import Sessions
from app.auth.signals import Signals
from app.auth.signing import Signing
from app.auth.throttle import Throttle
from app.auth.tokens import AccessTokens


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
    accounts = Accounts(
        config,
        store=store,
        clock=clock,
        passwords=passwords,
        throttle=throttle,
        signals=signals,
        audit=audit,
    )
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
        accounts=accounts,
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
            store=store, accounts=accounts, links=links, letters=letters, throttle=throttle, audit=audit
        ),
        credentials=Credentials(
            store=store,
            clock=clock,
            accounts=accounts,
            passwords=passwords,
            links=links,
            letters=letters,
            throttle=throttle,
            revocations=revocations,
            audit=audit,
        ),
        own_account=OwnAccount(store=store, clock=clock, accounts=accounts, administration=administration),
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
