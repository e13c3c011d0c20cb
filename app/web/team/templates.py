"""Refuses templates that would never be shown, because a template of the same name is found first."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from flask import Flask
from flask.sansio.scaffold import Scaffold
from jinja2 import BaseLoader, FileSystemLoader

from app.auth.policy import PolicyError


def refuse_shadowed_templates(app: Flask, new: Set[str], owner: str) -> None:
    """Compares the templates of some blueprints with those that Flask finds before them.

    Flask looks in the app's own folder, and then in those of the blueprints, in the order in which they were
    registered. Whichever comes first is shown for both names, without a word.

    Args:
        app: the pages.
        new: the names of the blueprints that `owner` has registered.
        owner: the extension, for messages.

    Raises:
        PolicyError: Duet, or another blueprint, has a template of the same name in another folder.
    """
    if not any(_templates_of(app.blueprints[name]) for name in new):
        return
    first = dict.fromkeys(_templates_of(app), "Duet")
    places = {name: _place(app.jinja_loader, name) for name in first}
    for blueprint_name, blueprint in app.blueprints.items():
        for name in _templates_of(blueprint):
            place = _place(blueprint.jinja_loader, name)
            if name not in first:
                first[name], places[name] = f"blueprint {blueprint_name}", place
            elif blueprint_name in new and places[name] != place:
                raise PolicyError(
                    f"{owner}: blueprint {blueprint_name}: {first[name]} has a template {name}, too, which would "
                    f"be shown in its place: put it into a folder, such as {blueprint.name}/{name}"
                )


def _templates_of(part: Scaffold) -> list[str]:
    """Returns the names of the templates of an app or a blueprint, without hidden files."""
    loader = part.jinja_loader
    try:
        names = loader.list_templates() if loader is not None else []
    except TypeError:  # a loader of a team's own that can't list
        return []
    return [name for name in names if not any(word.startswith(".") for word in name.split("/"))]


def _place(loader: BaseLoader | None, name: str) -> object:
    """Returns where a template lies, so that one folder may serve several blueprints."""
    if isinstance(loader, FileSystemLoader):
        return next(
            (path for folder in loader.searchpath if (path := Path(folder, name).resolve()).is_file()), None
        )
    return id(loader)
