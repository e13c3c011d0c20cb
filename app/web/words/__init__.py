"""What templates and tables call things."""

from app.web.words.audit import EVENTS, event_words

__all__ = [
    "EVENTS",
    "event_words",
]
