"""A team's templates: blocks that add to Duet's frame and blocks that replace it, and what browsers will drop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Blueprint, flash, render_template, render_template_string, request
from structlog.testing import capture_logs

from app.extension import Extension
from app.main import create_app
from app.testing import TestClient, login_as, make_settings

MENU, LOG_OUT, TOKEN, MESSAGE = 'class="site-nav"', 'class="log-out"', 'name="csrf-token"', "Something was said."


def _team() -> Extension:
    blueprint = Blueprint("team", __name__, url_prefix="/team")

    @blueprint.get("/<block>")
    def page(block: str) -> str:
        flash(MESSAGE)
        inner = "{{ super() }}" if "super" in request.args else ""
        return render_template_string(
            f'{{% extends "base.html" %}}{{% block {block} %}}{inner}<i>a team\'s</i>{{% endblock %}}'
        )

    return Extension("team", blueprints=[blueprint])


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Ada, on a Duet with a page for each block."""
    app = create_app(make_settings(tmp_path_factory.mktemp("duet")), extensions=[_team()])
    with TestClient(app) as one:
        yield login_as(one)


@pytest.mark.parametrize(
    "block", ["header", "meta", "head", "scripts", "before_content", "nav_more", "footer_more"]
)
@pytest.mark.parametrize("query", ["", "?super"])
def test_a_block_that_adds_loses_nothing(client: TestClient, block: str, query: str) -> None:
    """The menu, the logout, the messages and the token for scripts stay, with `super()` and without it."""
    text = client.get(f"/team/{block}{query}").text
    assert "<i>a team's</i>" in text
    assert [text.count(part) for part in (MENU, LOG_OUT, TOKEN, MESSAGE, "API docs")] == [1] * 5


@pytest.mark.parametrize(
    ("block", "lost"),
    [
        ("site_header", [MENU, LOG_OUT]),
        ("nav", ["/account"]),
        ("messages", [MESSAGE]),
        ("footer", ["API docs"]),
        ("site_meta", [TOKEN]),
    ],
)
def test_a_block_that_replaces_says_so_by_its_name(client: TestClient, block: str, lost: list[str]) -> None:
    """A page may do without a part of the frame; with `super()` it keeps it."""
    text, kept = client.get(f"/team/{block}").text, client.get(f"/team/{block}?super").text
    assert "<i>a team's</i>" in text
    for part in lost:
        assert part not in text
        assert part in kept


def test_what_the_browser_would_drop_is_told_at_the_start(tmp_path: Path) -> None:
    """The log names the template, the line and what to do for inline handlers, scripts and styles."""
    folder = tmp_path / "templates" / "team"
    folder.mkdir(parents=True)
    (folder / "bad.html").write_text(
        '<p>one</p>\n<button class="x"\n  onclick="return confirm()">Delete</button>\n<p style="color: red">'
        "\n<script>alert()</script>\n<style>p {}</style>\n<a href='javascript:go()'>"
    )
    (folder / "good.html").write_text(
        '{# <p onclick="x"> #}<!-- <script>x</script> -->\n<p data-onclick="x" class="on">once = 1</p>\n'
        '<script src="/x.js" defer></script><script type="application/json">{}</script>{{ on }} style = 1'
    )
    (folder / "mail.txt").write_text('<p onclick="x">')
    blueprint = Blueprint("team", __name__, template_folder=str(tmp_path / "templates"))
    blueprint.add_url_rule("/team", view_func=lambda: render_template("team/bad.html"), endpoint="bad")
    with capture_logs() as lines:
        create_app(make_settings(tmp_path), extensions=[Extension("team", blueprints=[blueprint])])
    told = [line for line in lines if line["event"] == "template_has_inline_code"]
    assert {(line["template"], line["blueprint"], line["log_level"]) for line in told} == {
        ("team/bad.html", "team", "warning")
    }
    assert [(line["line"], line["what"]) for line in told] == [
        (3, "onclick"),
        (4, "style"),
        (5, "script"),
        (6, "style"),
        (7, "javascript"),
    ]
    assert "data-confirm" in told[0]["why"]
