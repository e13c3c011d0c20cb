"""Adds the team's blueprints to the pages, and refuses any that would clash with Duet or with each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import Flask

from app.auth.policy import PolicyError
from app.extension import Claims, Extension
from app.paths import RESERVED
from app.web.static_files import static_paths

_RESERVED: Final = tuple(f"{path}/" for path in RESERVED)


def register_blueprints(app: Flask, extensions: Sequence[Extension]) -> None:
    """Registers the blueprints of `extensions` with `app`, which already has Duet's own.

    Raises:
        PolicyError: a blueprint's name, prefix or page is taken, or one of its pages would never be reached.
    """
    prefixes = [blueprint.url_prefix for blueprint in app.blueprints.values() if blueprint.url_prefix]
    claims = Claims("", [prefix.strip("/") for prefix in prefixes])
    owners: dict[str, str] = {}
    for extension in extensions:
        for blueprint in extension.blueprints:
            if blueprint.url_prefix and blueprint.url_prefix.strip("/"):
                claims.claim(blueprint.url_prefix, extension.name)
            try:
                app.register_blueprint(blueprint)
            except (ValueError, AssertionError) as error:
                raise PolicyError(f"extension {extension.name}: blueprint {blueprint.name}: {error}") from error
            owners[blueprint.name] = extension.name
    for rule in app.url_map.iter_rules():
        owner = owners.get(rule.endpoint.partition(".")[0])
        if owner is not None:
            if f"{rule.rule}/".startswith(_RESERVED):
                raise PolicyError(f"extension {owner}: {rule.rule} belongs to Duet and would not be reached")
            claims.check(rule.rule, owner)
    _refuse_hidden_pages(app)


def _refuse_hidden_pages(app: Flask) -> None:
    """Refuses pages below a static folder: it is served before the pages, so they would never be reached."""
    folders = static_paths(app)
    for endpoint, folder in folders.items():
        for rule in app.url_map.iter_rules():
            if rule.endpoint not in folders and rule.rule.startswith(f"{folder}/"):
                raise PolicyError(f"page {rule.rule} ({rule.endpoint}): the files of {endpoint} lie over it")
