"""Why a mail was not sent, in words for the operator, without email addresses, links and texts of servers."""

from __future__ import annotations


class MailError(Exception):
    """A mail was not sent. The message is one line, and may be logged."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


class NotSent(MailError):
    """The mail may be sent later: the server is away or busy, or does not let us in.

    `needs_operator` tells that waiting alone will not help.
    """

    def __init__(self, message: str, *, needs_operator: bool = False) -> None:
        self.needs_operator = needs_operator
        super().__init__(message)


class Refused(MailError):
    """The mail will never be sent: the server refused this recipient or this message for good."""
