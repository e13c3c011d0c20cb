"""Where the code of a team found `Signal` before `app.extension` handed it out. It goes on working."""

from app.auth.extending import Signal, SignalKind

__all__ = ["Signal", "SignalKind"]
