"""Reads every setting from the environment and checks it once."""

from app.settings.addresses import check_web_url
from app.settings.env_file import EnvFileError
from app.settings.secret_key import SettingsError
from app.settings.settings import Settings, load, make, unknown_names

__all__ = [
    "EnvFileError",
    "Settings",
    "SettingsError",
    "check_web_url",
    "load",
    "make",
    "unknown_names",
]
