"""The private names of Flask that Duet uses, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from flask import Flask

from app.packages import PrivateNames

NAMES: Final = PrivateNames(
    "flask",
    # What runs before and after a view, by the blueprint that it belongs to. Flask calls all three internal, and
    # its decorators only add to their ends: see `put_first` and `hooks_of`.
    "flask:Flask.before_request_funcs",
    "flask:Flask.after_request_funcs",
    "flask:Flask.teardown_request_funcs",
    # The views by their endpoints. Flask calls this internal, too. Duet only reads it: each view needs a policy.
    "flask:Flask.view_functions",
    # Holds the class from which Flask made a view function. `app.auth.policy` and `app.bridge`, which do not know
    # Flask, look for markers on the class, and for `async` methods in it.
    "flask.views:View.view_class",
)


def put_first(app: Flask, function: Callable[[], Any]) -> None:
    """Makes `function` the first that runs before every view of `app`, even if others were added already."""
    app.before_request_funcs.setdefault(None, []).insert(0, function)


def hooks_of(app: Flask) -> Iterator[tuple[str | None, Callable[..., Any]]]:
    """Yields what runs before and after the views of `app`, with its blueprint's name, or None for every page."""
    for hooks in (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs):
        for owner, functions in hooks.items():
            for function in functions:
                yield owner, function
