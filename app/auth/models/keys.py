"""Describes key pairs that sign access tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair that signs access tokens. `id` is its `kid`: the thumbprint of RFC 7638."""

    id: str
    #: Its name in JWTs (RFC 7518 section 3.1, RFC 8037): `EdDSA`, `ES256` or `RS256`.
    algorithm: str
    #: The public half, as the JSON of a JWK (RFC 7517).
    public: str
    #: The private half, encrypted under a key that is derived from the secret. Once nobody needs it, an empty text
    #: is encrypted in its place, which still shows whose key it was.
    sealed: str = field(repr=False)
    created_at: datetime
    #: When it begins to sign. It is published from `created_at` on, so that everybody knows it by then.
    signs_from: datetime
    #: The key of the same algorithm that it follows; empty for the first key.
    previous: str = ""
    #: From when on its tokens no longer count, however long they would live, because somebody retired it.
    retired_at: datetime | None = None
