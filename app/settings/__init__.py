"""Reads every setting from the environment and checks it once."""

from app.settings.secret_key import SettingsError
from app.settings.settings import Settings, load, make

__all__ = [
    "Settings",
    "SettingsError",
    "load",
    "make",
]
