"""No log line or answer of a real `python -m app` holds a secret, even at the most verbose level."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.api.answers import plain
from tests.kit.duet import ApiClient, Browser
from tests.kit.programs import ROOT, free_port, started

PASSWORD, SECOND, WRONG = "Mark1 password one", "Mark2 password two", "Mark3 password three"
TYPED = "Mark4@typed.example"
SECRET_KEY = "Mark5 of a secret key: Zk8v2qWm4xT7"
NAMED = "Mark6"
#: Typed into the field for the email address, which a page shows again.
MISTYPED = "Mark7 mistyped"


class Recorder:
    """Keeps every answer, except those that hand out a secret on purpose."""

    def __init__(self) -> None:
        self.answers: list[str] = []

    def keep(self, answer: httpx.Response) -> None:
        """Keeps an answer, as an event hook of httpx."""
        answer.read()
        headers = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
        if "access_token" not in answer.text:
            self.answers.append(f"{answer.status_code} {headers} {answer.text}")


def test_neither_logs_nor_answers_hold_a_secret(tmp_path: Path) -> None:
    """This covers passwords, tokens, cookies, CSRF tokens, the secret key and everything mistyped (item 32)."""
    url = f"http://127.0.0.1:{free_port()}"
    env = {
        **os.environ,
        "DATA_DIR": str(tmp_path / "data"),
        "TESTING": "1",
        "BCRYPT_ROUNDS": "4",
        "LOG_LEVEL": "debug",
        "LOG_FORMAT": "json",
        "SECRET_KEY": SECRET_KEY,
        "PUBLIC_URL": url,
    }
    log = tmp_path / "log"
    command = [sys.executable, "-m", "app", "--port", url.rpartition(":")[2]]
    recorder = Recorder()
    with started(command, is_ready=lambda: _answers(url), log=log, env=env, cwd=ROOT):
        secrets, shown = _use(url, recorder)
    written = log.read_text()
    lines = [_parsed(line) for line in written.splitlines()]
    events = [line["event"] for line in lines if line]
    assert events.count("request") > 20
    assert "audit" in events
    for secret in (*secrets, *shown):
        assert len(secret) > 4
        assert secret not in written, f"a log line holds {secret[:12]}…"
    for secret in secrets:
        for answer in recorder.answers:
            assert secret not in answer, f"an answer holds {secret[:12]}…: {answer[:200]}"


def _answers(url: str) -> bool:
    try:
        return plain.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _parsed(line: str) -> dict[str, Any]:
    return dict(json.loads(line)) if line.startswith("{") else {}


def _use(url: str, recorder: Recorder) -> tuple[list[str], list[str]]:
    """Plays the day of somebody who mistypes a lot; returns all secrets, and what only its own page may show."""
    hooks: dict[str, Any] = {"event_hooks": {"response": [recorder.keep]}}
    with ApiClient(url, verify=False, **hooks) as api, Browser(url, verify=False, **hooks) as browser:
        kept, shown = [], [MISTYPED, browser.csrf_token("/register")]
        browser.submit("/register", email="ada@example.com", name="Ada", password=PASSWORD)
        browser.log_in(MISTYPED, TYPED)
        browser.log_in("ada@example.com", WRONG)
        browser.log_in("ada@example.com", PASSWORD)
        kept.append(browser.cookies["session"])
        shown.append(browser.csrf_token("/account"))
        browser.submit("/account/password", current_password=WRONG, new_password=SECOND)
        browser.submit("/reauthenticate", password=PASSWORD)
        kept.append(browser.cookies["session"])
        browser.get("/account", headers={"Authorization": f"Bearer {NAMED}"})
        browser.get(f"/reset-password/{NAMED}")
        browser.log_out()
        api.log_in(MISTYPED, TYPED)
        api.log_in("ada@example.com", WRONG)
        api.log_in("ada@example.com", PASSWORD)
        first = [api.access_token, api.refresh_token]
        api.refresh()
        kept += [*first, api.access_token, api.refresh_token, *(token.rsplit(".", 1)[1] for token in first)]
        api.get("/api/users/me", params={"access_token": api.access_token})
        api.post("/api/users", json={"email": TYPED, "password": WRONG, NAMED: SECOND})
        api.post(
            "/api/users", content=b'{"email": "' + WRONG.encode(), headers={"Content-Type": "application/json"}
        )
        api.post("/api/auth/token", json={"username": TYPED, "password": WRONG})
        api.post("/api/auth/reset-password", json={"token": NAMED, "password": SECOND})
        api.post("/api/auth/verify-email", json={"token": NAMED, NAMED: TYPED})
        api.post("/api/users", json={"email": TYPED, "password": SECOND, "invite": NAMED})
        api.post("/api/users/me/email", json={"email": "new@example.com", "password": WRONG})
        api.post("/api/users/me/password", json={"current_password": PASSWORD, "new_password": SECOND})
        api.request("DELETE", "/api/users/me", json={"password": WRONG})
        api.get(f"/api/{NAMED}", headers={"User-Agent": "x", "Cookie": f"session={NAMED}"})
        api.post("/api/auth/revoke", data={"token": api.refresh_token})
        api.get("/api/users/me")
    return [*kept, PASSWORD, SECOND, WRONG, TYPED, SECRET_KEY, NAMED, "$bcrypt-sha256$"], shown
