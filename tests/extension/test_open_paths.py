"""A team's page beside Duet's open addresses: one that merely begins like them is behind the gate."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Blueprint

from app.extension import Extension
from app.web.context import current_principal
from tests.kit.duet import Browser, make_settings, running


@pytest.mark.parametrize("path", ["/metrics-report", "/healthzed", "/readyzed", "/staticfiles"])
def test_a_page_whose_name_begins_like_an_open_one_knows_who_is_there(tmp_path: Path, path: str) -> None:
    """It is shown to people who are logged in, and logs nobody out."""
    blueprint = Blueprint("reports", __name__)
    blueprint.add_url_rule(path, "report", lambda: current_principal.user_id)
    with running(make_settings(tmp_path), extensions=[Extension("reports", blueprints=[blueprint])]) as duet:
        user = duet.make_user()
        with Browser(duet.url) as browser:
            assert browser.get(path).status_code == 303
            browser.log_in()
            assert browser.get(path).text == user.id
            assert browser.get("/account").status_code == 200
