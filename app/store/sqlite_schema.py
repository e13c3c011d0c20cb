"""The tables and indexes of the SQLite store, as numbered migrations: `PRAGMA user_version` counts them."""

from __future__ import annotations

from typing import Final

USERS = """
CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    roles TEXT NOT NULL,
    is_active INTEGER NOT NULL,
    is_email_verified INTEGER NOT NULL,
    rights_version INTEGER NOT NULL,
    rights_changed_at INTEGER
) STRICT
"""

# No foreign key to users: a deleted user's revoked sessions stay until `purge`, so that others learn of them.
SESSIONS = """
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    auth_time INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    idle_expires_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    rotated_at INTEGER,
    nonce TEXT NOT NULL,
    ip TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    revoked_at INTEGER,
    revoked_reason TEXT NOT NULL
) STRICT
"""

AUDIT_EVENTS = """
CREATE TABLE audit_events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    user_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    ip TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT
"""

#: One tuple of statements per version, oldest first. Only ever append: files in the field have run the others.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        USERS,
        "CREATE INDEX users_rights_changed ON users (rights_changed_at) WHERE rights_changed_at IS NOT NULL",
        SESSIONS,
        "CREATE INDEX sessions_of_user ON sessions (user_id, revoked_at, last_used_at)",
        "CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL",
        "CREATE INDEX sessions_ended ON sessions (min(idle_expires_at, expires_at))",
        AUDIT_EVENTS,
        "CREATE INDEX audit_by_time ON audit_events (at)",
        "CREATE INDEX audit_of_user ON audit_events (user_id, at)",
    ),
)

VERSION: Final = len(MIGRATIONS)
