"""`data-confirm` in Chromium: the browser asks before a form is sent or a link followed, and a no is a no."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from flask import Blueprint, render_template_string, request
from playwright.sync_api import BrowserContext, Dialog, Page

from app.extension import Extension
from tests.browser.people import EMAIL, press
from tests.kit.duet import Running, make_settings, running

_TEMPLATE: Final = """
{% extends "base.html" %}
{% import "_forms.html" as forms %}
{% block content %}
<h1>Things</h1>
{{ forms.post_button('/things/done?form', 'Form', csrf_token(), confirm='Is the "form" meant?') }}
<form method="post" action="/things/done?button">
  <input type="hidden" name="csrf_token" value="{{ csrf_token() }}">
  <input name="word" aria-label="Word" value="x">
  <button data-confirm="Is the button meant?">Button</button>
  <button formaction="/things/done?other">Other</button>
</form>
<a href="/things/done?link" data-confirm="Is the link meant?"><b>Link</b></a>
{% endblock %}
"""


def _team(done: list[str]) -> Extension:
    blueprint = Blueprint("things", __name__, url_prefix="/things")

    @blueprint.get("/")
    def things() -> str:
        return render_template_string(_TEMPLATE)

    @blueprint.route("/done", methods=["GET", "POST"])
    def do() -> str:
        done.append(request.query_string.decode())
        return render_template_string(_TEMPLATE)

    return Extension("things", blueprints=[blueprint])


@pytest.fixture
def done() -> list[str]:
    """What was done."""
    return []


@pytest.fixture
def duet(tmp_path: Path, done: list[str]) -> Iterator[Running]:
    """A Duet with a page of dangerous things."""
    with running(make_settings(tmp_path), extensions=[_team(done)]) as one:
        one.make_user(EMAIL)
        yield one


def test_a_no_is_a_no(profile: BrowserContext, done: list[str], complaints: list[str]) -> None:
    """A form, a button, the Enter key and a link ask their own question; only a yes goes on."""
    page = profile.pages[0]
    asked: list[str] = []
    answer = False

    def say(dialog: Dialog) -> None:
        asked.append(dialog.message)
        if answer:
            dialog.accept()
        else:
            dialog.dismiss()

    page.on("dialog", say)
    page.goto("/things/")
    for act in (_by_button("Form"), _by_button("Button"), _by_link, _by_enter):
        act(page)
    page.evaluate("() => new Promise((done) => setTimeout(done))")
    assert (done, page.url.rpartition("/")[2]) == ([], "")
    questions = ['Is the "form" meant?', "Is the button meant?", "Is the link meant?", "Is the button meant?"]
    assert asked == questions
    press(page, page.get_by_role("button", name="Other"))
    answer = True
    for act in (_by_button("Form"), _by_button("Button"), _by_link):
        with page.expect_navigation():
            act(page)
    assert done == ["other", "form", "button", "link"]
    assert asked == [*questions, *questions[:3]]
    assert complaints == []


class _by_button:  # noqa: N801 - it is called like the functions beside it
    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, page: Page) -> None:
        page.get_by_role("button", name=self._name, exact=True).click()


def _by_link(page: Page) -> None:
    page.get_by_text("Link", exact=True).click()


def _by_enter(page: Page) -> None:
    page.get_by_label("Word").press("Enter")
