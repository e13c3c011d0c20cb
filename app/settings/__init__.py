"""Every setting, read from the environment and checked once."""

from app.settings.secret_key import SettingsError
from app.settings.settings import Settings, load, make

__all__ = [
    "Settings",
    "SettingsError",
    "load",
    "make",
]
