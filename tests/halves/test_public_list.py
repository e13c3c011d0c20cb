"""Everything that is public, written out: anyone who opens an endpoint has to add it here as well."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from app.auth.policy import Rule
from app.main import create_app
from app.testing import make_settings
from examples.notes import extension

PUBLIC: Final = {
    # The pages on the way to a login, and away from it.
    "GET,HEAD,POST /login",
    "GET,HEAD,POST /register",
    "GET,HEAD,POST /invite/<token>",
    "GET,HEAD,POST /setup/<token>",
    "GET,HEAD,POST /verify-email/<token>",
    "GET,HEAD,POST /resend-verification",
    "GET,HEAD,POST /forgot-password",
    "GET,HEAD,POST /reset-password/<token>",
    "POST /logout",
    # The pages' script asks here whether somebody is logged in.
    "GET,HEAD /session",
    # Stylesheet and icon.
    "GET,HEAD /static/<path:filename>",
    # Getting tokens, giving them back, and creating an account.
    "POST /api/auth/token",
    "POST /api/auth/revoke",
    "POST /api/users",
    # The links in mails, and how to request them.
    "POST /api/auth/forgot-password",
    "POST /api/auth/reset-password",
    "POST /api/auth/verify-email",
    "POST /api/auth/resend-verification",
    # The API's description.
    "GET /api/openapi.json",
    "GET /api/docs",
    "GET /api/docs/{name}",
    # For the operator of Duet: whether it lives, and what it counted.
    "GET,HEAD /healthz",
    "GET,HEAD /readyz",
    "GET,HEAD /metrics",
    # For clients and other services: where things are, and the keys that verify access tokens.
    "GET,HEAD /.well-known/oauth-authorization-server",
    "GET,HEAD /.well-known/jwks.json",
}

#: What asks for more than a login, or takes tokens that only read although a form is sent.
ADMINS: Final = {
    "POST /api/auth/introspect": "login, only reads",
    # Personal access tokens, on both halves.
    "POST /account/tokens": "login, password within 900 s",
    "POST /account/tokens/<token_id>/remove": "login, password within 900 s",
    "POST /api/users/me/tokens": "login, password within 900 s",
    "DELETE /api/users/me/tokens/{token_id}": "login, password within 900 s",
    # The pages for admins: to look, and to change.
    "GET,HEAD /admin": "role admin",
    "GET,HEAD /admin/audit": "role admin",
    "GET,HEAD /admin/audit.csv": "role admin",
    "GET,HEAD /admin/invites": "role admin",
    "GET,HEAD /admin/routes": "role admin",
    "GET,HEAD /admin/users": "role admin",
    "GET,HEAD /admin/users/<user_id>": "role admin",
    "GET,HEAD,POST /admin/users/<user_id>/delete": "role admin, password within 900 s",
    "POST /admin/invites": "role admin, password within 900 s",
    "POST /admin/invites/<link_id>/withdraw": "role admin, password within 900 s",
    "POST /admin/users/<user_id>": "role admin, password within 900 s",
    "POST /admin/users/<user_id>/disable": "role admin, password within 900 s",
    "POST /admin/users/<user_id>/enable": "role admin, password within 900 s",
    "POST /admin/users/<user_id>/end-sessions": "role admin, password within 900 s",
    "POST /admin/users/<user_id>/send-reset": "role admin, password within 900 s",
    # The same on the API.
    "GET /api/admin/audit": "role admin",
    "GET /api/admin/audit.csv": "role admin",
    "GET /api/admin/invites": "role admin",
    "GET /api/admin/users": "role admin",
    "GET /api/admin/users/{user_id}": "role admin",
    "GET /api/admin/users/{user_id}/sessions": "role admin",
    "PATCH /api/admin/users/{user_id}": "role admin, password within 900 s",
    "DELETE /api/admin/users/{user_id}": "role admin, password within 900 s",
    "DELETE /api/admin/users/{user_id}/sessions": "role admin, password within 900 s",
    "POST /api/admin/users/{user_id}/reset-password": "role admin, password within 900 s",
    "POST /api/admin/invites": "role admin, password within 900 s",
    "DELETE /api/admin/invites/{invite_id}": "role admin, password within 900 s",
}


def _described(rule: Rule) -> str:
    return f"{','.join(rule.methods)} {rule.path}"


def test_the_public_list_is_complete(tmp_path: Path) -> None:
    """The table's public rows are these, and no others."""
    rules = create_app(make_settings(tmp_path)).state.rules
    assert {_described(rule) for rule in rules if rule.policy.is_public} == PUBLIC


def test_what_asks_for_more_than_a_login(tmp_path: Path) -> None:
    """The rows with a role or a freshness are these, so that none is lost unnoticed."""
    rules = create_app(make_settings(tmp_path)).state.rules
    assert {
        _described(rule): str(rule.policy) for rule in rules if str(rule.policy) not in ("public", "login")
    } == ADMINS


def test_an_extension_adds_what_it_marks_and_its_files(tmp_path: Path) -> None:
    """The notes example opens one page and its static folder, and nothing else."""
    settings = make_settings(tmp_path)
    rules = create_app(settings, extensions=[extension(settings)]).state.rules
    added = {_described(rule) for rule in rules if rule.policy.is_public} - PUBLIC
    assert added == {"GET,HEAD /notes/about", "GET,HEAD /notes/static/<path:filename>"}


def test_the_table_has_every_endpoint_once(tmp_path: Path) -> None:
    """No address and method have two rows, on either half."""
    rules = create_app(make_settings(tmp_path)).state.rules
    calls = [(rule.path, method) for rule in rules for method in rule.methods]
    assert len(calls) == len(set(calls)) > 30
