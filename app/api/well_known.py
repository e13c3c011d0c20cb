"""`/.well-known`: what clients and other services ask for first, the metadata of RFC 8414 and the public keys."""

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
#: Seconds. Nothing in it changes but by a restart.
METADATA_AGE: Final = 300
#: Seconds. Far less than the time for which a key is published before it signs.
JWKS_AGE: Final = 10


def create_well_known(auth: Auth) -> Covered[list[Route]]:
    """The two routes, open to everybody, and their rows of the policy's table."""
    known = metadata(auth.config)

    async def authorization_server(request: Request) -> Response:
        """The metadata of this deployment (RFC 8414)."""
        return _cached(request, known, seconds=METADATA_AGE)

    async def jwks(request: Request) -> Response:
        """The public keys that access tokens are verified with (RFC 7517); none where a shared secret signs."""
        try:
            return _cached(request, auth.signing.book.jwks(), seconds=JWKS_AGE)
        except StoreUnavailable as error:  # an empty set would be kept, and believed
            body = {"status": "unavailable", "reason": error.code}
            return JSONResponse(body, 503, {"Retry-After": str(error.retry_after)})

    routes = [Route(METADATA, authorization_server), Route(JWKS, jwks)]
    return Covered(routes, tuple(Rule.of_root(route.path, f"well_known.{route.name}") for route in routes))


def metadata(config: AuthConfig) -> dict[str, Any]:
    """What RFC 8414 section 2 names, as far as it is true here.

    There is no authorization endpoint, hence no response type: `[]` says so, although section 3.2 would leave an
    empty list out, because section 2 requires the member. Every client is public: nothing but the password, the
    refresh token or the token itself is ever asked for.
    """
    issuer = config.issuer
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}{API}/auth/token",
        "token_endpoint_auth_methods_supported": ["none"],
        "grant_types_supported": list(GRANT_TYPES),
        "response_types_supported": [],
        "scopes_supported": SCOPE.split(),
        "revocation_endpoint": f"{issuer}{API}/auth/revoke",
        "revocation_endpoint_auth_methods_supported": ["none"],
        "introspection_endpoint": f"{issuer}{API}/auth/introspect",
        # From the registry of access token types: the caller shows a token of their own.
        "introspection_endpoint_auth_methods_supported": ["Bearer"],
        "jwks_uri": f"{issuer}{JWKS}",
        # Ours: RFC 8414 has no name for it, and whoever verifies has to pin it.
        "access_token_signing_alg_values_supported": [config.algorithm],
        "service_documentation": f"{issuer}{API}/docs",
    }


def _cached(request: Request, body: Mapping[str, Any], *, seconds: int) -> Response:
    """`body` as JSON, or a 304 for whoever has it already (RFC 9110 section 13.1.2)."""
    tag = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]
    headers = {"Cache-Control": f"public, max-age={seconds}", "ETag": f'"{tag}"'}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return JSONResponse(body, headers=headers)
