"""Where the code of a team found `SettingsError` before `app.extension` handed it out. It goes on working."""

from app.settings import SettingsError

__all__ = ["SettingsError"]
