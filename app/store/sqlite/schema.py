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

# No foreign key to users: a deleted user's revoked sessions stay until `purge`, so other processes learn of them.
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

FILL_SEARCH_KEYS = """
UPDATE users SET
    name_key = name_key_of(name), last_name_key = last_name_key_of(name), is_admin = has_admin_role(roles)
"""

# Includes the columns that tell whether an earlier phase of a search has shown the user.
INDEX_LAST_NAMES = """
CREATE INDEX users_by_last_name ON users (last_name_key, email_key, name_key) WHERE last_name_key IS NOT NULL
"""

LINKS = """
CREATE TABLE links (
    id TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    email TEXT NOT NULL,
    roles TEXT NOT NULL,
    created_by TEXT NOT NULL
) STRICT
"""

LETTERS = """
CREATE TABLE letters (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    "to" TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    params TEXT NOT NULL,
    attempts INTEGER NOT NULL
) STRICT
"""

PERSONAL_TOKENS = """
CREATE TABLE personal_tokens (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    read_only INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT
"""

DEVICES = """
CREATE TABLE devices (
    user_id TEXT NOT NULL,
    key TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID
"""

HITS = """
CREATE TABLE hits (
    key TEXT NOT NULL PRIMARY KEY,
    count INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    blocked_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""

SIGNING_KEYS = """
CREATE TABLE signing_keys (
    id TEXT NOT NULL PRIMARY KEY,
    algorithm TEXT NOT NULL,
    public TEXT NOT NULL,
    sealed TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    signs_from INTEGER NOT NULL,
    previous TEXT NOT NULL,
    retired_at INTEGER,
    UNIQUE (algorithm, previous)
) STRICT
"""

INSTANCES = """
CREATE TABLE instances (
    id TEXT NOT NULL PRIMARY KEY,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    name TEXT NOT NULL,
    issuer TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    secrets TEXT NOT NULL
) STRICT
"""

#: One tuple of statements per version, oldest first. Only ever append: existing files have run the others.
#: They may call the functions of `migrations.FUNCTIONS`.
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
    (
        # The store's own columns: what a search compares (NULL where there is nothing), and who is an admin.
        "ALTER TABLE users ADD COLUMN name_key TEXT",
        "ALTER TABLE users ADD COLUMN last_name_key TEXT",
        "ALTER TABLE users ADD COLUMN is_admin INTEGER NOT NULL DEFAULT 0",
        FILL_SEARCH_KEYS,
        "CREATE INDEX users_by_name ON users (name_key, email_key) WHERE name_key IS NOT NULL",
        INDEX_LAST_NAMES,
        "CREATE INDEX users_active_admins ON users (id) WHERE is_admin AND is_active",
        "ALTER TABLE audit_events ADD COLUMN actor_id TEXT NOT NULL DEFAULT ''",
        "DROP INDEX audit_by_time",
        "DROP INDEX audit_of_user",
        "CREATE INDEX audit_by_time ON audit_events (at, id)",
        "CREATE INDEX audit_of_user ON audit_events (user_id, at, id)",
        "CREATE INDEX audit_of_event ON audit_events (event, at, id)",
        "CREATE INDEX audit_of_user_and_event ON audit_events (user_id, event, at, id)",
        "CREATE INDEX audit_of_actor ON audit_events (actor_id) WHERE actor_id <> ''",
        LINKS,
        "CREATE INDEX links_of_user ON links (user_id, purpose)",
        "CREATE INDEX links_of_purpose ON links (purpose, created_at, id)",
        "CREATE INDEX links_expired ON links (expires_at)",
        LETTERS,
        "CREATE INDEX letters_due ON letters (due_at)",
        "CREATE INDEX letters_of_user ON letters (user_id)",
        PERSONAL_TOKENS,
        "CREATE INDEX personal_tokens_of_user ON personal_tokens (user_id, created_at, id)",
        "CREATE INDEX personal_tokens_expired ON personal_tokens (expires_at)",
        DEVICES,
        "CREATE INDEX devices_seen ON devices (seen_at)",
        HITS,
        "CREATE INDEX hits_expired ON hits (expires_at)",
    ),
    (
        "ALTER TABLE users ADD COLUMN password_changed_at INTEGER",
        "ALTER TABLE sessions ADD COLUMN scope TEXT NOT NULL DEFAULT 'read write'",
        SIGNING_KEYS,
        INSTANCES,
    ),
    (
        "ALTER TABLE users ADD COLUMN credentials_version INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE sessions ADD COLUMN credentials_version INTEGER NOT NULL DEFAULT 0",
        """ALTER TABLE sessions ADD COLUMN amr TEXT NOT NULL DEFAULT '["pwd"]'""",
    ),
    (
        "DROP INDEX sessions_of_user",
        "CREATE INDEX sessions_of_user ON sessions (user_id, revoked_at, last_used_at, id)",
        "ALTER TABLE audit_events ADD COLUMN repeated INTEGER NOT NULL DEFAULT 0",
    ),
)

VERSION: Final = len(MIGRATIONS)
