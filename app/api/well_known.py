"""`/.well-known`: the metadata of RFC 8414 and the public keys, which clients and other services ask for first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.api.routers.tokens import GRANT_TYPES
from app.auth.config import AuthConfig
from app.auth.errors import StoreUnavailable
from app.auth.models import SCOPE
from app.auth.policy import Covered, Rule
from app.auth.service import Auth
from app.paths import API, WELL_KNOWN

METADATA: Final = f"{WELL_KNOWN}/oauth-authorization-server"
JWKS: Final = f"{WELL_KNOWN}/jwks.json"
#: Seconds for which the metadata may be cached. It only changes with a restart.
METADATA_AGE: Final = 300
#: Seconds for which the keys may be cached: far less than the time for which a key is published before it signs.
JWKS_AGE: Final = 10


def create_well_known(auth: Auth) -> Covered[list[Route]]:
    """Returns the two routes, which are open to everybody, and their rows of the policy's table."""
    known = metadata(auth.config)

    async def authorization_server(request: Request) -> Response:
        """Answers with the metadata of this deployment (RFC 8414)."""
        return _cached(request, known, seconds=METADATA_AGE)

    async def jwks(request: Request) -> Response:
        """Answers with the public keys that verify access tokens (RFC 7517): none if a shared secret signs."""
        try:
            return _cached(request, auth.signing.book.jwks(), seconds=JWKS_AGE)
        except StoreUnavailable as error:  # an empty set would be cached and believed
            body = {"status": "unavailable", "reason": error.code}
            return JSONResponse(body, 503, {"Retry-After": str(error.retry_after)})

    routes = [Route(METADATA, authorization_server), Route(JWKS, jwks)]
    return Covered(routes, tuple(Rule.of_root(route.path, f"well_known.{route.name}") for route in routes))


def metadata(config: AuthConfig) -> dict[str, Any]:
    """Returns the members of RFC 8414 section 2 that apply here.

    There is no authorization endpoint, hence no response type: RFC 7591 section 2.1 has `(none)` beside both grant
    types. `none`, which is the registered name of the one that yields nothing, says so: section 2 requires the
    member, and section 3.2 allows no empty list, which libraries refuse. Every client is public: it only has to
    show the password, the refresh token or the token itself.
    """
    issuer = config.issuer
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}{API}/auth/token",
        "token_endpoint_auth_methods_supported": ["none"],
        "grant_types_supported": list(GRANT_TYPES),
        "response_types_supported": ["none"],
        "scopes_supported": SCOPE.split(),
        "revocation_endpoint": f"{issuer}{API}/auth/revoke",
        "revocation_endpoint_auth_methods_supported": ["none"],
        "introspection_endpoint": f"{issuer}{API}/auth/introspect",
        # From the registry of access token types: callers show an access token of their own.
        "introspection_endpoint_auth_methods_supported": ["Bearer"],
        "jwks_uri": f"{issuer}{JWKS}",
        # This member is Duet's own: RFC 8414 has no name for it, and a service that verifies tokens has to pin it.
        "access_token_signing_alg_values_supported": [config.algorithm],
        "service_documentation": f"{issuer}{API}/docs",
    }


def _cached(request: Request, body: Mapping[str, Any], *, seconds: int) -> Response:
    """Returns `body` as JSON, or a 304 to a client that has it already (RFC 9110 section 13.1.2)."""
    tag = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]
    headers = {"Cache-Control": f"public, max-age={seconds}", "ETag": f'"{tag}"'}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return JSONResponse(body, headers=headers)
