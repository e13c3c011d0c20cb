"""Item 35: no secret key can be guessed, and nobody notices a new one until the old one is dropped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from app.main import create_app
from app.settings import Settings, SettingsError, load
from tests.attacks.logins.ways import logs_in, post
from tests.deploy.process import duet as run_duet
from tests.deploy.process import environment
from tests.kit.duet import PASSWORD, SECRET, ApiClient, Browser, Running, make_settings, running
from tests.kit.mails import mail_with_link, token_in

NEW = "seven sober walruses hum"

WEAK = {
    "missing, with MongoDB": {"SECRET_KEY": "", "DATABASE_URL": "mongodb://127.0.0.1/duet"},
    "short": {"SECRET_KEY": SECRET[:31]},
    "well known": {"SECRET_KEY": "your-secret-key"},
    "of FastAPI's guide": {"SECRET_KEY": "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"},
    "of Flask's guide": {"SECRET_KEY": "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf"},
    "repeated": {"SECRET_KEY": "changeme" * 8},
    "repeated with signs": {"SECRET_KEY": "Super-Secret_" * 4 + "1!"},
    "one character": {"SECRET_KEY": "x" * 64},
    "a short fallback": {"SECRET_KEY": SECRET, "SECRET_KEY_FALLBACKS": "hush-too-brief"},
    "a well known fallback": {"SECRET_KEY": SECRET, "SECRET_KEY_FALLBACKS": f"{SECRET}2,{'changeme' * 8}"},
}


@pytest.mark.parametrize("variables", WEAK.values(), ids=WEAK.keys())
def test_s35_a_secret_that_can_be_guessed_is_refused(tmp_path: Path, variables: dict[str, str]) -> None:
    """A secret that can be guessed is refused in one line that names the variable and not the value."""
    with pytest.raises(SettingsError) as refused:
        create_app(load(environment(tmp_path, **variables), env_file=None))
    assert str(refused.value).startswith("SECRET_KEY")
    assert "\n" not in str(refused.value)
    for name, value in variables.items():
        assert not name.startswith("SECRET") or not value or value not in str(refused.value)


def test_s35_such_a_process_does_not_start(tmp_path: Path) -> None:
    """Neither the server nor any other command starts with it: the exit code is 2, and nothing is written."""
    for arguments in (["serve"], ["user", "list"]):
        result = run_duet(tmp_path, *arguments, SECRET_KEY="supersecret")
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.startswith("duet: SECRET_KEY")
    assert not (tmp_path / "data").exists()


def test_s35_a_secret_that_was_made_is_kept_from_others(tmp_path: Path) -> None:
    """Without SECRET_KEY, on SQLite, a secret is made that only the owner can read, and the next start uses it."""
    settings = make_settings(tmp_path, secret_key="")
    first = settings.secrets()
    assert len(first[0]) >= 43
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0
    assert settings.secrets() == first
    (tmp_path / "secret.key").write_text("short")
    with pytest.raises(SettingsError):
        create_app(settings)


OLD = "an older secret of the tests: aQ9zX4cV"
LATER = "a newer secret of the tests: mK7pL2wE"
on_keys = pytest.mark.parametrize("algorithm", ["HS256", "ES256"])


@dataclass(frozen=True)
class Kept:
    """What people had when the server stopped."""

    cookies: dict[str, str]
    form: dict[str, str]
    access_token: str
    refresh_token: str
    links: list[str]

    @property
    def jar(self) -> httpx.Cookies:
        """The cookies, for a server on another port."""
        jar = httpx.Cookies()
        for name, value in self.cookies.items():
            jar.set(name, value, domain="127.0.0.1", path="/")
        return jar


def _use(settings: Settings) -> Kept:
    """Logs in on both halves, opens a form, and asks for two links."""
    with (
        running(settings) as one,
        Browser(one.url, verify=False) as browser,
        ApiClient(one.url, verify=False) as api,
    ):
        one.make_user()
        one.make_user("eve@example.com")
        browser.log_in()
        api.log_in()
        form = {"csrf_token": browser.csrf_token("/account"), "name": "Ada L."}
        links = [_mailed(one, email) for email in ("ada@example.com", "eve@example.com")]
        return Kept(dict(browser.cookies), form, api.access_token, api.refresh_token, links)


def _mailed(duet: Running, email: str) -> str:
    assert post(duet, "/api/auth/forgot-password", json={"email": email}).status_code == 202
    return token_in(mail_with_link(duet.outbox, "reset-password", to=email))


def _counts(duet: Running, access_token: str) -> bool:
    headers = {"Authorization": f"Bearer {access_token}"}
    return httpx.get(f"{duet.url}/api/users/me", headers=headers, verify=False).status_code == 200


def _check_dead(duet: Running, kept: Kept) -> None:
    """Checks that nothing signed with the dropped secret works: cookie, form, refresh token or link."""
    with Browser(duet.url, verify=False, cookies=kept.jar) as browser:
        assert browser.get("/account").status_code == 303
        assert browser.post("/account", data={**kept.form, "name": "Eve"}).status_code in (303, 400)
    grant = {"grant_type": "refresh_token", "refresh_token": kept.refresh_token}
    assert post(duet, "/api/auth/token", data=grant).status_code == 400
    body = {"token": kept.links[0], "password": NEW}
    assert post(duet, "/api/auth/reset-password", json=body).status_code == 400
    assert logs_in(duet, "ada@example.com", PASSWORD)


@on_keys
def test_s35_a_change_of_secret_goes_unnoticed_until_the_old_one_is_dropped(
    tmp_path: Path, algorithm: str
) -> None:
    """Earlier cookies, forms, tokens and links count while the old secret is a fallback, and are dead without
    it."""
    settings = partial(make_settings, tmp_path, jwt_algorithm=algorithm)
    kept = _use(settings(secret_key=OLD))
    with running(settings(secret_key=LATER, secret_key_fallbacks=(OLD,))) as one:
        with Browser(one.url, verify=False, cookies=kept.jar) as browser:
            assert browser.get("/account").status_code == 200
            assert browser.post("/account", data=kept.form).status_code == 303
            assert "Ada L." in browser.get("/account").text
        assert _counts(one, kept.access_token)
        grant = {"grant_type": "refresh_token", "refresh_token": kept.refresh_token}
        refreshed = post(one, "/api/auth/token", data=grant)
        assert refreshed.status_code == 200
        body = {"token": kept.links[1], "password": NEW}
        assert post(one, "/api/auth/reset-password", json=body).status_code == 204
        assert logs_in(one, "eve@example.com", NEW)
    with running(settings(secret_key=LATER)) as one:
        _check_dead(one, kept)
        # A key pair is no part of the secret: it was sealed again, and the tokens it signed live out their
        # minutes.
        assert _counts(one, kept.access_token) == (algorithm == "ES256")
        assert _counts(one, refreshed.json()["access_token"]), "what was signed since goes on"


@on_keys
def test_s35_a_secret_that_is_dropped_at_once_ends_all_that_it_signed(tmp_path: Path, algorithm: str) -> None:
    """After a theft, dropping the secret at once also retires a key pair that it sealed, with the pair's
    tokens."""
    settings = partial(make_settings, tmp_path, jwt_algorithm=algorithm)
    kept = _use(settings(secret_key=OLD))
    with running(settings(secret_key=LATER)) as one:
        _check_dead(one, kept)
        assert not _counts(one, kept.access_token)
