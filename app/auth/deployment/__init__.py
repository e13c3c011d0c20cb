"""The processes of one deployment, and what they do besides answering requests."""

from app.auth.deployment.neighbours import Neighbours, SettingsDiffer, Survey
from app.auth.deployment.upkeep import run_upkeep

__all__ = [
    "Neighbours",
    "SettingsDiffer",
    "Survey",
    "run_upkeep",
]
