"""Why a mail did not go out, in words for the operator: no address, no link and no server's text is in them."""

from __future__ import annotations


class MailError(Exception):
    """A mail did not go out. The message is one line, and may be logged."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


class NotSent(MailError):
    """It may go out later: the server is away, or busy, or does not let us in.

    `needs_operator` tells that waiting alone will not mend it.
    """

    def __init__(self, message: str, *, needs_operator: bool = False) -> None:
        self.needs_operator = needs_operator
        super().__init__(message)


class Refused(MailError):
    """It will never go out: the server refused this recipient, or this message, for good."""
