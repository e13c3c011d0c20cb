"""Where the code of teams finds what it needs: where it always did."""

from __future__ import annotations

from importlib import import_module

import pytest

# As `docs/extending.md` and `examples/notes` had it before auth got its wings.
_EARLIER = {
    "app.api.deps": ("CurrentPrincipal", "OptionalPrincipal"),
    "app.api.schemas": ("Problem",),
    "app.auth.errors": ("AuthError",),
    "app.auth.models": ("Client", "Principal", "User"),
    "app.auth.policy": ("PolicyError", "public", "require"),
    "app.auth.signals": ("Signal", "SignalKind"),
    "app.bridge": ("slow",),
    "app.extension": ("Extension", "NavLink"),
    "app.main": ("create_app",),
    "app.secret_key": ("SettingsError",),
    "app.settings": ("Settings",),
    "app.testing": ("PASSWORD", "TestClient", "csrf_token", "login_as", "make_settings", "running"),
    "app.web.context": ("current_principal", "current_user", "optional_principal", "wait"),
    "app.web.forms": ("show_at",),
    "app.web.redirects": ("see_other",),
}


@pytest.mark.parametrize("module", _EARLIER)
def test_code_of_a_team_finds_what_it_imported(module: str) -> None:
    """An extension that was written for an earlier Duet imports the same names from the same modules."""
    found = import_module(module)
    missing = [name for name in _EARLIER[module] if not hasattr(found, name)]
    assert not missing
