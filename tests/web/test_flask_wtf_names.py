"""The start when Flask-WTF signs or stores its tokens in another way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask_wtf.csrf
import pytest
from itsdangerous import URLSafeTimedSerializer

from app.main import create_app
from tests.kit.duet import make_settings
from tests.packages.taking import assert_refused


def test_no_app_is_made_where_tokens_are_signed_in_another_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If the API can't read Flask-WTF's tokens, no app is made, because no page's script could write any more."""

    def with_another_salt(keys: Any, *, salt: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(keys, salt=f"{salt}-2")

    monkeypatch.setattr(flask_wtf.csrf, "URLSafeTimedSerializer", with_another_salt)
    missing = "generate_csrf has no signature by the salt wtf-csrf-token"
    assert_refused("flask-wtf", missing, lambda: create_app(make_settings(tmp_path)))


def test_no_app_is_made_where_the_sessions_half_lies_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If Flask-WTF keeps its half of a token under another name in the session, no app is made."""
    get_config = flask_wtf.csrf._get_config

    def elsewhere(value: Any, name: str, *default: Any, **options: Any) -> Any:
        return "elsewhere" if name == "WTF_CSRF_FIELD_NAME" else get_config(value, name, *default, **options)

    monkeypatch.setattr(flask_wtf.csrf, "_get_config", elsewhere)
    missing = "generate_csrf has no csrf_token in the session"
    assert_refused("flask-wtf", missing, lambda: create_app(make_settings(tmp_path)))
