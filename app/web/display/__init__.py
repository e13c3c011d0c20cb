"""How templates and tables show what auth records, and what browsers will not show of a team's."""

from app.web.display.events import EVENTS, event_label
from app.web.display.inline import warn_of_inline_code

__all__ = [
    "EVENTS",
    "event_label",
    "warn_of_inline_code",
]
