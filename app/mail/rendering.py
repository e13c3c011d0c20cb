"""Renders the templates of mails, and words instants and devices in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from textwrap import fill
from typing import Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from app.auth.clock import lasting
from app.auth.models import LIFETIMES, LetterKind
from app.user_agents import device

PRODUCT: Final = "Duet"
#: Characters in a line of text. RFC 5322 section 2.1.1 recommends at most 78.
WIDTH: Final = 72


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A mail's subject, and its body as text and as HTML."""

    subject: str
    text: str
    html: str


class Templates:
    """The mails of the site at `public_url`."""

    def __init__(self, public_url: str) -> None:
        self._environment = Environment(
            loader=PackageLoader("app.mail"),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._environment.filters.update(moment=moment, device=device)
        self._environment.globals.update(
            product=PRODUCT,
            site=urlsplit(public_url).netloc,
            public_url=public_url.rstrip("/"),
            lasting={purpose: lasting(lifetime) for purpose, lifetime in LIFETIMES.items()},
        )

    def render(self, kind: LetterKind, link: str, params: Mapping[str, str]) -> RenderedMail:
        """Returns the words of a mail of that kind. Raises a `jinja2.TemplateError` if a value is missing."""
        values = {name: one_line(value) for name, value in params.items()}
        values["link"] = link
        text = self._environment.get_template(f"{kind}.txt")
        subject = "".join(text.blocks["subject"](text.new_context(values)))
        html = self._environment.get_template(f"{kind}.html").render(values, subject=one_line(subject))
        return RenderedMail(one_line(subject), wrapped(text.render(values)), html)


def wrapped(text: str) -> str:
    """Returns `text` with its paragraphs wrapped, since the values in them have changed the lines' lengths.

    A paragraph that holds a link (which stands alone on its line) or is laid out with blanks stays as it is.
    """
    return "\n\n".join(
        part
        if "://" in part or re.search(r"^ ", part, re.MULTILINE)
        else fill(part, WIDTH, break_long_words=False)
        for part in text.split("\n\n")
    )


def one_line(value: str) -> str:
    """Returns `value` without line breaks and other control characters, and with single blanks."""
    return re.sub(r"\s+", " ", "".join(char if char.isprintable() else " " for char in value)).strip()


def moment(instant: str) -> str:
    """Returns a text such as '24 November 2026, 20:15 UTC' for an ISO instant."""
    when = datetime.fromisoformat(instant).astimezone(UTC)
    return f"{when.day} {when:%B %Y, %H:%M} UTC"
