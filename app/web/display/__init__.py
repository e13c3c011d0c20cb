"""How templates and tables show what auth records: instants, devices, events."""

from app.web.display.events import EVENTS, event_label

__all__ = [
    "EVENTS",
    "event_label",
]
