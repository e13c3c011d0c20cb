"""Defines one tree of errors for everything that auth refuses. They carry data and know no HTTP.

`code` is the reason as machines read it: the same in the API's answer, the flash message's class, the audit
row and the log line. `message` is the reason as people read it; it never holds anything that was typed in.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from app.auth.clock import spoken

if TYPE_CHECKING:
    from app.auth.models import Principal


class AuthError(Exception):
    """Something that auth does not allow."""

    code: ClassVar[str] = "auth_error"
    message: str = "That is not allowed."

    def __init__(self, message: str | None = None) -> None:
        if message is not None:
            self.message = message
        super().__init__(self.message)


# Not authenticated: the caller has to log in (again).


class NotAuthenticated(AuthError):
    """Nobody is logged in, or what was shown does not count."""

    code = "not_authenticated"
    message = "A login is needed."


class TokenMissing(NotAuthenticated):
    """The request carried no token and no session."""

    code = "token_missing"


class TokenInvalid(NotAuthenticated):
    """The token is not one of ours, was tampered with, or is of another kind."""

    code = "token_invalid"
    message = "The token is not valid."


class TokenNotCurrent(NotAuthenticated):
    """The token is genuine but does not count now; a fresh one of the same session may.

    `principal` is the caller that it was issued to, so that a browser's session can be renewed.
    """

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        super().__init__()


class TokenExpired(TokenNotCurrent):
    """The access token's life is over, or is longer than the policy now allows."""

    code = "token_expired"
    message = "The token has expired."


class TokenFromFuture(TokenNotCurrent):
    """The time at which the token was issued lies in the future: a clock stepped back."""

    code = "token_from_future"
    message = "The token is not valid yet."


class RightsChanged(TokenNotCurrent):
    """The user's roles or activity changed after the token was issued."""

    code = "rights_changed"
    message = "The account's rights have changed."


class KeyRetired(TokenNotCurrent):
    """The token is genuine, but its key was retired or is not of the configured algorithm."""

    code = "key_retired"
    message = "The key that signed the token is no longer in use."


class SessionEnded(NotAuthenticated):
    """The session behind the token is over, and only a new login helps."""


class SessionRevoked(SessionEnded):
    """Somebody ended the session: its owner, an admin, or a change of password."""

    code = "session_revoked"
    message = "The session was ended."


class SessionDisplaced(SessionEnded):
    """The account had as many sessions as it may have, and this was the one that was used the longest ago."""

    code = "session_displaced"
    message = "The session was ended because the account was logged in to very often since."


class SessionExpired(SessionEnded):
    """The session reached its idle or its absolute limit."""

    code = "session_expired"
    message = "The session was not used for too long, or has reached its longest life."


class RefreshReused(SessionEnded):
    """A refresh token was used a second time, so its session was ended (RFC 9700 section 4.14.2)."""

    code = "refresh_reused"
    message = "The session was ended because one of its tokens was used twice, which may be a theft."


class AccountDisabled(SessionEnded):
    """The account exists but is disabled."""

    code = "account_disabled"
    message = "The account is disabled."


class PasswordChanged(SessionEnded):
    """The password was changed or reset, which ends the other sessions."""

    code = "password_changed"
    message = "The password was changed."


class AccountDeleted(SessionEnded):
    """The account is gone."""

    code = "account_deleted"
    message = "The account was deleted."


class LoggedOut(SessionEnded):
    """The session's owner logged out."""

    code = "logged_out"
    message = "You logged out."


class LoginStale(AuthError):
    """The login is too long ago for this action, so the password is asked for again (RFC 9470)."""

    code = "login_stale"
    message = "Please confirm your password to go on."

    def __init__(self, max_age: timedelta, message: str | None = None) -> None:
        self.max_age = max_age
        super().__init__(message)


# Authenticated, but still not allowed.


class RoleMissing(AuthError):
    """The caller is known but lacks the role that the endpoint requires."""

    code = "role_missing"
    message = "Your account does not have the rights for this."

    def __init__(self, role: str, message: str | None = None) -> None:
        self.role = role
        super().__init__(message)


class ScopeMissing(AuthError):
    """The token is read-only, and this call writes (RFC 6750 section 3.1)."""

    code = "scope_missing"
    message = "This token may only read."


class LastAdmin(AuthError):
    """The change would leave nobody to administer this site."""

    code = "last_admin"
    message = "This is the last active admin. Make somebody else an admin first."


# What was shown does not count.


class InvalidCredentials(AuthError):
    """The email address is unknown, the password is wrong or the account is disabled.

    They are deliberately the same error (OWASP ASVS V6.3.8).
    """

    code = "invalid_credentials"
    message = "The e-mail address or the password is wrong."


class WrongPassword(AuthError):
    """Somebody who is logged in gave a wrong password to confirm who they are."""

    code = "wrong_password"
    message = "The password is wrong."


class InvalidGrant(AuthError):
    """The refresh token does not count (RFC 6749 section 5.2)."""

    code = "invalid_grant"
    message = "The refresh token is not valid, has expired or was revoked."


class ScopeInvalid(AuthError):
    """The scope that was asked for does not exist, or the login does not have it (RFC 6749 section 5.2)."""

    code = "invalid_scope"
    message = "The scope is made of 'read' and 'write', and is no more than what was granted first."


class LinkInvalid(AuthError):
    """The link from a mail is not ours, was used or is too old: deliberately the same error."""

    code = "link_invalid"
    message = "This link is not valid. It may have been used already, or be too old."


# Refused for other reasons.


class RegistrationClosed(AuthError):
    """The operator does not let people register by themselves."""

    code = "registration_closed"
    message = "Registration is closed. Please ask the people who run this site."


class NotFound(AuthError):
    """What was named does not exist, or is somebody else's."""

    code = "not_found"
    message = "There is no such thing."


# Refused for now: a later try may succeed.


class TryLater(AuthError):
    """The request is refused for the moment. `retry_after` is in whole seconds."""

    def __init__(self, message: str | None = None, *, retry_after: int = 2) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class StoreUnavailable(TryLater):
    """The database does not answer."""

    code = "store_unavailable"
    message = "The service can't reach its database right now. Nothing was lost; please try again shortly."


class TooBusy(TryLater):
    """There is more work of one kind than may be queued."""

    code = "too_busy"
    message = "Too many people are logging in at this moment. Please try again shortly."


class TooManyRequests(TryLater):
    """A limit on guesses, registrations or mails was reached (OWASP ASVS V6.3.1).

    `is_news` says whether the audit log should record it, which it does only now and then for the same lockout.
    """

    code = "too_many_requests"

    def __init__(self, retry_after: int, *, is_news: bool = False) -> None:
        self.is_news = is_news
        super().__init__(f"There were too many tries. Please wait {spoken(retry_after)}.", retry_after=retry_after)


#: The error that a session's stored `revoked_reason` turns into when its tokens are shown again.
ENDED_BY: dict[str, type[SessionEnded]] = {kind.code: kind for kind in SessionEnded.__subclasses__()}


def session_ended(reason: str) -> SessionEnded:
    """Returns the error for a session that was revoked for `reason` (a code of `ENDED_BY`)."""
    return ENDED_BY.get(reason, SessionRevoked)()
