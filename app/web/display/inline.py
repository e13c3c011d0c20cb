"""Finds what the content security policy will drop from a team's templates, and tells their authors at the start.

A browser drops `onclick="return confirm(…)"` without a word to the person, whose note is then deleted unasked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import structlog
from flask import Flask
from flask.sansio.blueprints import Blueprint
from jinja2 import TemplateNotFound

#: What is dropped, and what to do instead.
_KINDS: Final = (
    (re.compile(r"<[a-z][^<>]*\s(on[a-z]+)\s*=", re.I), "use data-confirm, or a listener in a file of your own"),
    (re.compile(r"<[a-z][^<>]*\s(style)\s*=", re.I), "use a class of your own style sheet"),
    (re.compile(r"<(style)\b", re.I), "use a style sheet of your own, in the block head"),
    (
        re.compile(r"<(script)\b(?![^>]*\s(?:src|type\s*=\s*[\"']?application/(?:ld\+)?json)\b)", re.I),
        "use a file of your own, in the block scripts",
    ),
    (re.compile(r"=\s*[\"']?\s*(javascript):", re.I), "use a button and a listener in a file of your own"),
)
_COMMENT: Final = re.compile(r"\{#.*?#\}|<!--.*?-->", re.S)

_log = structlog.get_logger(__name__)


def warn_of_inline_code(app: Flask, blueprint: Blueprint) -> None:
    """Logs a line for each place in the templates of `blueprint` that a browser will drop."""
    loader = blueprint.jinja_loader
    for name in loader.list_templates() if loader is not None else ():
        if not name.endswith((".html", ".htm", ".j2", ".jinja")):
            continue
        try:
            source, _, _ = loader.get_source(app.jinja_env, name)  # type: ignore[union-attr]
        except (TemplateNotFound, UnicodeDecodeError):
            continue
        for line, what, instead in _dropped(source):
            _log.warning(
                "template_has_inline_code",
                blueprint=blueprint.name,
                template=name,
                line=line,
                what=what,
                why=f"the content security policy makes browsers drop it: {instead}",
            )


def _dropped(source: str) -> Iterator[tuple[int, str, str]]:
    """Yields the line, the name and the advice for each find, in the order of the lines."""
    plain = _COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), source)
    found = [
        (plain.count("\n", 0, match.start(1)) + 1, match[1].lower(), instead)
        for pattern, instead in _KINDS
        for match in pattern.finditer(plain)
    ]
    yield from sorted(found)
