"""What a team registers with Flask: it is added to the pages, and refused where it would clash or do nothing."""

from app.web.team.blueprints import Added, register_extensions
from app.web.team.hooks import check_hooks, is_async

__all__ = ["Added", "check_hooks", "is_async", "register_extensions"]
