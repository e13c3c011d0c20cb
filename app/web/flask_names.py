"""The names that Duet takes out of Flask's inside, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from flask import Flask

from app.packages import PrivateNames

NAMES: Final = PrivateNames(
    "flask",
    # What runs before and after a view, by the blueprint that it belongs to. Flask calls all three internal, and
    # has decorators that add to their ends: see `put_first` and `hooks_of`.
    "flask:Flask.before_request_funcs",
    "flask:Flask.after_request_funcs",
    "flask:Flask.teardown_request_funcs",
    # The views by their endpoints. Flask calls it internal too, and Duet reads it alone: each needs a policy.
    "flask:Flask.view_functions",
    # Where the function that Flask makes of a class leaves that class. Markers are looked for on it, and `async`
    # methods in it, by `app.auth.policy` and `app.bridge`, which know no Flask.
    "flask.views:View.view_class",
)


def put_first(app: Flask, function: Callable[[], Any]) -> None:
    """Makes `function` the first that runs before every view of `app`, whoever has added one already."""
    app.before_request_funcs.setdefault(None, []).insert(0, function)


def hooks_of(app: Flask) -> Iterator[tuple[str | None, Callable[..., Any]]]:
    """What runs before and after the views of `app`, each with its blueprint's name, None for every page."""
    for hooks in (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs):
        for owner, functions in hooks.items():
            for function in functions:
                yield owner, function
