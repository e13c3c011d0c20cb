"""Dependencies of routes: the caller who is logged in, in one line, and auth.

All of these are `async`, although none waits: FastAPI would run a plain function in a thread, which costs more
than the rest of a small request.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.auth.errors import TokenMissing
from app.auth.models import API_CLIENT, Client, Principal
from app.auth.service import Auth
from app.scope import PRINCIPAL


async def optional_principal(connection: HTTPConnection) -> Principal | None:
    """Returns the caller of a `@public` route, if somebody is logged in."""
    principal: Principal | None = connection.scope[PRINCIPAL]
    return principal


async def current_principal(connection: HTTPConnection) -> Principal:
    """Returns the caller of a route that needs a login, which is every route without `@public`."""
    principal = await optional_principal(connection)
    if principal is None:
        raise TokenMissing()
    return principal


async def get_auth(connection: HTTPConnection) -> Auth:
    """Returns the one auth object of this process."""
    auth: Auth = connection.state.auth
    return auth


async def get_client(connection: HTTPConnection) -> Client:
    """Returns where the request comes from."""
    ip = connection.client.host if connection.client else ""
    return Client.of(API_CLIENT, ip=ip, user_agent=connection.headers.get("user-agent", ""))


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
OptionalPrincipal = Annotated[Principal | None, Depends(optional_principal)]
CurrentAuth = Annotated[Auth, Depends(get_auth)]
CurrentClient = Annotated[Client, Depends(get_client)]
