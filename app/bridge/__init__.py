"""The only place where Flask's threads and the event loop meet, in both directions."""

from app.bridge.crossing import Crossing
from app.bridge.pages import PagesApp
from app.bridge.slow_views import is_marked_slow, slow

__all__ = ["Crossing", "PagesApp", "is_marked_slow", "slow"]
