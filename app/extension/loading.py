"""Loads what `EXTENSIONS` names."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from app.auth.policy import PolicyError, refuse_marks
from app.extension.extension import Extension
from app.extension.faults import fault_in
from app.settings import Settings, SettingsError


def load_extensions(names: Sequence[str], settings: Settings) -> tuple[Extension, ...]:
    """Loads what `EXTENSIONS` names: each is an `Extension`, or a function from the settings to an `Extension`.

    Raises:
        SettingsError: a module or attribute is missing, or is something else, or the team's code raised something.
            The line tells where.
        PolicyError: a marker is wrong.
    """
    return tuple(_load(name, settings) for name in names)


def _load(name: str, settings: Settings) -> Extension:
    module_name, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module_name), attribute)
        extension = found(settings) if callable(found) else found
    except (SettingsError, PolicyError):
        raise
    except Exception as error:  # whatever a team's code may raise: the operator has no use for our frames
        raise SettingsError(f"EXTENSIONS: can't load {name}: {fault_in(error)}") from error
    if not isinstance(extension, Extension):
        raise SettingsError(f"EXTENSIONS: {name} is a {type(extension).__name__}, not an Extension")
    refuse_marks(found, name=f"extension {extension.name}: its function")
    return extension
