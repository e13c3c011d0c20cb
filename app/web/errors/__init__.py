"""What people read if a page is refused."""

from app.web.errors.errors import ForeignOrigin, draw_error

__all__ = [
    "ForeignOrigin",
    "draw_error",
]
