"""Adds the team's code to the pages, and refuses what would clash with Duet or with another extension."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Flask

from app.auth.policy import Policy, PolicyError, Root, name_of, refuse_marks
from app.extension import Claims, Extension, SettingsError, fault_in
from app.paths import RESERVED
from app.settings import Settings
from app.web.converters import put_off
from app.web.flask_names import inner_blueprints, setup_functions_of
from app.web.static_files import static_paths
from app.web.team.hooks import Kept, is_async, own_refusals, refuse_receivers
from app.web.team.templates import refuse_shadowed_templates
from app.web.team.variables import keep_own_variables

_RESERVED: Final = tuple(f"{path}/" for path in RESERVED)


class Added:
    """What the extensions have added to the pages.

    Args:
        app: the pages, with Duet's own views.
        refusals: the app that answers who is refused.
    """

    def __init__(self, app: Flask, refusals: Flask) -> None:
        self._app = app
        self._refusals = refusals
        self._owners: dict[str, Extension] = {}
        #: What Flask calls of the extensions.
        self.roots: list[Root] = []

    @property
    def endpoints(self) -> frozenset[str]:
        """The endpoints of all extensions."""
        return frozenset(self._owners)

    def around(self, endpoint: str) -> Policy | None:
        """Returns the policy that an extension gave to all endpoints of the blueprint of `endpoint`, or None."""
        blueprint = endpoint.partition(".")[0]
        owner = self._owners.get(endpoint)
        return owner.policy_around(blueprint) if owner is not None else None

    def owner_of(self, endpoint: str) -> Extension | None:
        """Returns whose `endpoint` is, or None if it is Duet's."""
        return self._owners.get(endpoint)

    def owned(self) -> Iterator[tuple[str, str]]:
        """Yields the path and the owner of each page of an extension."""
        for rule in self._app.url_map.iter_rules():
            if rule.endpoint in self._owners:
                yield rule.rule, self._owners[rule.endpoint].name

    def take(self, extension: Extension, settings: Settings) -> None:
        """Has `extension` register all that it brings. Raises `PolicyError`."""
        app, owner = self._app, f"extension {extension.name}"
        kept, before, blueprints = Kept(app), set(app.view_functions), set(app.blueprints)
        _register(app, extension, settings, owner)
        hooks = kept.check(owner)
        refuse_shadowed_templates(app, app.blueprints.keys() - blueprints, owner)
        keep_own_variables(app, hooks, owner)
        self.roots += [Root(f"{owner}: its {one.kind} {name_of(one.function)}", one.function) for one in hooks]
        for endpoint in app.view_functions.keys() - before:
            self._owners[endpoint] = extension
            self.roots.append(Root(f"page {endpoint}", app.view_functions[endpoint], is_endpoint=True))
        functions = [one.function for one in hooks] + [app.view_functions[one] for one in self._owners]
        refuse_receivers(self._refusals, [*functions, extension.init_app], owner)


def _register(app: Flask, extension: Extension, settings: Settings, owner: str) -> None:
    """Calls what the extension gave. Raises `PolicyError`, which tells where the team's code failed."""
    for blueprint in extension.blueprints:
        _refuse_unfit(blueprint, owner)
    what = "init_app"
    try:
        if extension.init_app is not None:
            if is_async(extension.init_app):
                raise PolicyError(f"{owner}: its init_app can't be async")
            extension.init_app(app, settings)
        for blueprint in extension.blueprints:
            what = f"blueprint {blueprint.name}"
            app.register_blueprint(blueprint)
    except (PolicyError, SettingsError):
        raise
    except Exception as error:
        raise PolicyError(f"{owner}: {what}: {fault_in(error)}") from error


def _refuse_unfit(blueprint: Blueprint, owner: str) -> None:
    """Refuses what would silently not work: a marker on the blueprint, a subdomain, a folder that is not there."""
    for one in (blueprint, *inner_blueprints(blueprint)):
        name = f"{owner}: blueprint {one.name}"
        refuse_marks(one, name=name)
        if one.subdomain:
            raise PolicyError(f"{name}: its subdomain would never be reached, because Duet serves one host")
        for what, folder in (("static", one.static_folder), ("template", one.template_folder)):
            if folder is not None and not (Path(one.root_path) / folder).is_dir():
                raise PolicyError(f"{name}: its {what} folder {Path(one.root_path) / folder} is not there")
    for function in setup_functions_of(blueprint):
        if is_async(function):
            raise PolicyError(f"{owner}: blueprint {blueprint.name}: {name_of(function)} can't be async")


def register_extensions(
    app: Flask, extensions: Sequence[Extension], settings: Settings, *, refusals: Flask
) -> Added:
    """Adds what `extensions` bring to `app`, which already has Duet's own views.

    Raises:
        PolicyError: a name, prefix or page is taken, one of the pages would never be reached, something of Duet's
            or of another extension's would be replaced, or something would run in vain.
    """
    prefixes = [blueprint.url_prefix for blueprint in app.blueprints.values() if blueprint.url_prefix]
    claims = Claims("", [prefix.strip("/") for prefix in prefixes])
    added = Added(app, refusals)
    for extension in extensions:
        before = set(app.blueprints)
        for blueprint in extension.blueprints:
            _claim(claims, blueprint, extension.name)
        added.take(extension, settings)
        for name in app.blueprints.keys() - before:
            if "." not in name and app.blueprints[name] not in extension.blueprints:  # from init_app
                _claim(claims, app.blueprints[name], extension.name)
    for path, owner in added.owned():
        if f"{path}/".startswith(_RESERVED):
            raise PolicyError(f"extension {owner}: {path} belongs to Duet and would not be reached")
        claims.check(path, owner)
    _refuse_hidden_pages(app)
    put_off(app.url_map)
    own_refusals(app)
    return added


def _claim(claims: Claims, blueprint: Any, owner: str) -> None:
    if blueprint.url_prefix and blueprint.url_prefix.strip("/"):
        claims.claim(blueprint.url_prefix, owner)


def _refuse_hidden_pages(app: Flask) -> None:
    """Refuses pages below a static folder: it is served before the pages, so they would never be reached."""
    folders = static_paths(app)
    for endpoint, folder in folders.items():
        for rule in app.url_map.iter_rules():
            if rule.endpoint not in folders and rule.rule.startswith(f"{folder}/"):
                raise PolicyError(f"page {rule.rule} ({rule.endpoint}): the files of {endpoint} lie over it")
