"""Prepares mails, and the one-time links in them."""

from app.auth.letters.letters import Letters, Message
from app.auth.letters.links import Links

__all__ = [
    "Letters",
    "Links",
    "Message",
]
