"""Lets a team's code still import `Signal` from here, as it did before `app.extension` offered it."""

from app.auth.extending import Signal, SignalKind

__all__ = ["Signal", "SignalKind"]
