"""The one decision who may enter, for the pages and the API alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from app.auth.errors import AuthError, LoginStale, RoleMissing, ScopeMissing, TokenMissing
from app.auth.models import ADMIN, LEGACY_CLIENT, TOKEN_CLIENT, WRITE, Principal

#: How recently the password must have been proven for a sensitive action.
FRESH: Final = timedelta(minutes=15)
#: What to say where a login would do but this kind of token never will.
_NOT_BY_TOKEN: Final = {
    TOKEN_CLIENT: "A personal access token can't do this. Log in with the password.",
    LEGACY_CLIENT: "A token of the earlier system can't do this. Log in with the password.",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What a caller must be to reach an endpoint. The default asks for a login and no more.

    Args:
        is_public: everybody may call it.
        role: a role that the caller's account must have, or several, any of which will do.
        fresh: how long ago the password may have been proven at most.
        reads: the endpoint changes nothing, whatever its method, so a token that may only read gets in.
    """

    is_public: bool = False
    role: str | tuple[str, ...] | None = None
    fresh: timedelta | None = None
    reads: bool = False

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles any of which will do; none if no role is needed."""
        if self.role is None:
            return ()
        return (self.role,) if isinstance(self.role, str) else self.role

    def within(self, around: Policy) -> Policy:
        """Returns this policy where `around` holds for everything: what this one leaves open, that one says."""
        if self.is_public or around.is_public:
            return self
        role = around.role if self.role is None else self.role
        fresh = around.fresh if self.fresh is None else self.fresh
        return Policy(role=role, fresh=fresh, reads=self.reads or around.reads)

    def __str__(self) -> str:
        if self.is_public:
            return "public"
        parts = [f"role {' or '.join(self.roles)}" if self.roles else "login"]
        if self.fresh is not None:
            parts.append(f"password within {self.fresh.total_seconds():g} s")
        if self.reads:
            parts.append("only reads")
        return ", ".join(parts)


LOGIN: Final = Policy()
PUBLIC: Final = Policy(is_public=True)


@dataclass(frozen=True, slots=True)
class Caller:
    """What the gate found out about a request: its caller, or that there is none and why."""

    principal: Principal | None = None
    #: Why there is no principal. Always set when `principal` is None.
    error: AuthError | None = None
    #: An access token issued during this request, which the pages put into Flask's session.
    renewed: str | None = field(default=None, repr=False)
    #: Whether the caller showed a browser's session and no token.
    by_session: bool = False


def decide(policy: Policy, caller: Caller, now: datetime, *, writes: bool) -> Principal | None:
    """Decides whether a caller gets in. No other place does, for the pages and the API alike.

    Args:
        policy: the endpoint's policy.
        caller: what the gate found out about the request.
        now: the current instant.
        writes: whether the call may change something: its method is not a safe one (RFC 9110 section 9.2.1).

    Returns:
        The caller's principal. On a public endpoint it is None for an anonymous caller, and for a read-only token
        in a call that writes: anybody may make that call, but such a token does not make it in its owner's name.

    Raises:
        NotAuthenticated, TryLater: nobody is logged in; the gate's reason is passed on.
        ScopeMissing: the token may only read.
        RoleMissing: the caller lacks the role.
        LoginStale: the password was proven too long ago.
    """
    principal = caller.principal
    may = principal is not None and (not writes or policy.reads or WRITE in principal.scope.split())
    if policy.is_public:
        return principal if may else None
    if principal is None:
        raise caller.error or TokenMissing()
    if not may:
        raise ScopeMissing()
    if policy.role is not None and principal.roles.isdisjoint(policy.roles):
        # Tokens of the earlier system never carry this role, not even those of an admin.
        is_earlier = principal.client_id == LEGACY_CLIENT and ADMIN in policy.roles
        raise RoleMissing(" or ".join(policy.roles), _NOT_BY_TOKEN[LEGACY_CLIENT] if is_earlier else None)
    if policy.fresh is not None and now - principal.auth_time > policy.fresh:
        raise LoginStale(policy.fresh, _NOT_BY_TOKEN.get(principal.client_id))
    return principal
