"""Puts a marker in every place where a secret travels, and searches the output of a real `duet serve` for it."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.attacks.probe import SECRET_IN_ERROR
from tests.attacks.raw import request
from tests.attacks.site.marked import Secrets
from tests.deploy.process import Served, served
from tests.deploy.process import duet as run_duet
from tests.kit.duet import ApiClient, Browser
from tests.kit.live import talk
from tests.kit.mails import mail_with_link, token_in
from tests.kit.programs import free_port
from tests.kit.wire import Wire

#: Pages show again what was typed into their text fields, and forms have their own CSRF tokens.
PAGES = r" /(?!api)"
#: Text that could break a line of a log, or a terminal that shows it.
BREAKS = (
    "\n",
    "\r",
    "\r\n",
    "\x1b[31m",
    "\x85",
    "\u2028",
    "\u2029",
    "\x0b",
    "\x0c",
    "\x1c",
    "\u202e",
    "\x9b31m",
    "\0",
)


@dataclass
class Leak:
    """A day of a Duet on which everything secret was used, and everything that came out of it."""

    secrets: Secrets
    log: bytes
    data: dict[Path, bytes]
    mails: dict[str, str]
    style: str


@pytest.fixture(scope="module", params=["json", "text"])
def leak(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Leak:
    """The day, with logs in each format, at the most detailed level."""
    folder = tmp_path_factory.mktemp("leak")
    secrets = Secrets()
    variables = {
        "LOG_LEVEL": "debug",
        "LOG_FORMAT": request.param,
        "SECRET_KEY": secrets.new("SECRET_KEY", look="Key9{}vT2xW8"),
        "SECRET_KEY_FALLBACKS": secrets.new("SECRET_KEY_FALLBACKS", look="Old9{}vT2xW8"),
        "LEGACY_JWT_KEY": secrets.new("LEGACY_JWT_KEY", look="Leg9{}vT2xW8"),
        "LEGACY_JWT_UNTIL": f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}",
        "EXTENSIONS": "tests.attacks.probe:extension",
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    variables["SECRET_KEY"] += variables["SECRET_KEY"][::-1]
    variables["SECRET_KEY_FALLBACKS"] += variables["SECRET_KEY_FALLBACKS"][::-1]
    variables["LEGACY_JWT_KEY"] += variables["LEGACY_JWT_KEY"][::-1]
    if request.param == "json":  # mails can't be sent there, and the log says why
        password = secrets.new("SMTP password", look="Smtp{}")
        variables["SMTP_URL"] = f"smtp://duet:{password}@127.0.0.1:{free_port()}"
    chief = secrets.new("password at the terminal")
    made = run_duet(
        folder,
        "user",
        "create",
        "chief@example.com",
        "--admin",
        "--password-stdin",
        given=f"{chief}\n",
        **variables,
    )
    checked = run_duet(folder, "check", **variables)
    assert made.returncode == 0, made.stderr
    with served(folder, **variables) as one:
        mails = _use(one, secrets, folder / "data" / "outbox", chief)
        _break_lines(one)
        _read_what_is_kept(one, secrets, chief)
    log = one.log.read_bytes() + "".join((made.stdout, made.stderr, checked.stdout, checked.stderr)).encode()
    data = {path: path.read_bytes() for path in (folder / "data").rglob("*") if path.is_file()}
    return Leak(secrets, log, data, mails, request.param)


def _use(one: Served, secrets: Secrets, outbox: Path, chief: str) -> dict[str, str]:
    """Uses everything that has a secret in it, rightly and wrongly. Returns the tokens of mails by their
    purpose."""
    hooks: dict[str, Any] = {"event_hooks": {"response": [secrets.record]}}
    with ExitStack() as opened:
        browser = opened.enter_context(Browser(one.url, verify=False, **hooks))
        api = opened.enter_context(ApiClient(one.url, verify=False, **hooks))
        admin = opened.enter_context(ApiClient(one.url, verify=False, **hooks))
        own = _join(browser, secrets)
        _mistype(browser, api, secrets)
        own = _live(browser, api, secrets, own)
        _keep_tokens(api, secrets, own)
        admin.log_in("chief@example.com", chief)
        secrets.keep("access token of an admin", admin.access_token, allowed="^POST /api/auth/token")
        mails = _follow_mails(api, browser, secrets, outbox)
        _invite(admin, api, secrets)
        browser.log_out()
        _misplace(browser, api, secrets)
    return mails


def _join(browser: Browser, secrets: Secrets) -> str:
    """Creates an account on the page after two failed attempts, and returns its password."""
    password = secrets.new("password of the account")
    secrets.keep("CSRF token of a stranger", browser.csrf_token("/register"), allowed=PAGES)
    browser.submit("/register", email="ada@example.com", name="", password=secrets.new("weak password")[:14])
    bad_name = secrets.new("password in the field for the name", allowed=PAGES)
    browser.submit("/register", email="no address", name=bad_name, password=secrets.new("password, bad address"))
    assert browser.submit("/register", email="ada@example.com", name="", password=password).status_code == 303
    return password


def _mistype(browser: Browser, api: ApiClient, secrets: Secrets) -> None:
    """Mistypes into every field of every form and call for strangers."""
    email = secrets.new("password in the field for the address", allowed=PAGES)
    browser.log_in(email, secrets.new("password of nobody"))
    browser.log_in("ada@example.com", secrets.new("wrong password on the page"))
    browser.submit("/forgot-password", email=secrets.new("password in the field of a reset", allowed=PAGES))
    browser.submit("/resend-verification", email=secrets.new("password in the field of a resend", allowed=PAGES))
    api.log_in(secrets.new("password as username"), secrets.new("wrong password on the API"))
    api.log_in("ada@example.com", secrets.new("another wrong password on the API"))
    for path, fields in {
        "/api/users": ("email", "password", "name", "invite", "unknown"),
        "/api/auth/forgot-password": ("email", "unknown"),
        "/api/auth/resend-verification": ("email", "unknown"),
        "/api/auth/reset-password": ("token", "password", "unknown"),
        "/api/auth/verify-email": ("token", "unknown"),
    }.items():
        plausible = {"email": "bob@example.com", "password": "x", "token": "x"}
        for field in fields:
            body: dict[str, Any] = {name: plausible[name] for name in fields if name in plausible}
            marker = secrets.new(f"{field} of {path}")
            api.post(path, json={**body, field: marker})
            api.post(path, json={**body, field: {marker: [marker]}})
            api.post(path, json={**body, marker: marker})
            api.post(path, content=json.dumps({field: marker})[:-2], headers={"Content-Type": "application/json"})
            api.post(path, data={field: marker})
    for path in ("/api/auth/token", "/api/auth/revoke", "/api/auth/introspect"):
        for field in ("grant_type", "username", "password", "refresh_token", "scope", "token", "client_secret"):
            marker = secrets.new(f"{field} of {path}")
            given = {"grant_type": "password", "username": "ada@example.com", "password": "x", "token": "x"}
            api.post(path, data={**given, field: marker})
            api.post(path, data={**given, field: [marker, marker]})
            api.post(path, data={marker: marker})
            api.post(path, json={**given, field: marker})
            api.post(path, files={field: (marker, marker)})


def _live(browser: Browser, api: ApiClient, secrets: Secrets, password: str) -> str:
    """Does, wrongly and rightly, what somebody does who is logged in. Returns the final password."""
    assert browser.log_in("ada@example.com", password).status_code == 303
    assert api.log_in("ada@example.com", password).status_code == 200
    api.headers.pop("Authorization")
    api.log_in("ada@example.com", password)
    secrets.keep("session cookie", browser.cookies["session"])
    secrets.keep("device cookie", browser.cookies["duet_device"])
    secrets.keep("CSRF token", browser.csrf_token("/account"), allowed=PAGES)
    new = secrets.new("new password")
    for field in ("current_password", "new_password"):
        fields = {"current_password": password, "new_password": "short"}
        browser.submit(
            "/account/password", **{**fields, field: secrets.new(f"{field} on the page", look="Zq7-{}")[:14]}
        )
        api.post(
            "/api/users/me/password",
            json={**fields, field: secrets.new(f"{field} on the API", look="Zq7-{}")[:14]},
        )
    wrong = secrets.new("wrong password of somebody signed in")
    browser.submit("/account/email", email="new@example.com", password=wrong)
    browser.submit("/account/delete", password=wrong)
    browser.submit("/reauthenticate", password=wrong)
    api.post("/api/users/me/email", json={"email": "new@example.com", "password": wrong})
    api.request("DELETE", "/api/users/me", json={"password": wrong})
    browser.submit("/reauthenticate", password=password)
    change = {"current_password": password, "new_password": new}
    assert api.post("/api/users/me/password", json=change).status_code == 204
    browser.log_in("ada@example.com", new)
    return new


def _keep_tokens(api: ApiClient, secrets: Secrets, password: str) -> None:
    """Keeps tokens of each kind, used and then replaced."""
    handed_out = "^POST /api/auth/token"
    for number in range(2):
        secrets.keep(f"access token {number}", api.access_token.rsplit(".", 1)[1], allowed=handed_out)
        secrets.keep(f"refresh token {number}", api.refresh_token, allowed=handed_out)
        assert api.refresh().status_code == 200
    made = api.post("/api/users/me/tokens", json={"name": "a script"})
    personal = secrets.keep("personal token", made.json()["token"], allowed="^POST /api/users/me/tokens")
    bearer = {"Authorization": f"Bearer {personal}"}
    assert api.get("/api/users/me", headers=bearer).status_code == 200
    api.post("/api/auth/introspect", data={"token": personal})
    api.post("/api/auth/introspect", data={"token": api.refresh_token})
    api.get("/api/users/me/tokens")
    api.get("/api/users/me/export")
    api.post("/api/auth/revoke", data={"token": personal})
    api.get("/api/users/me", headers=bearer)


def _follow_mails(api: ApiClient, browser: Browser, secrets: Secrets, outbox: Path) -> dict[str, str]:
    """Opens and uses the links of mails on both halves, where there is an outbox to read them from."""
    api.post("/api/auth/forgot-password", json={"email": "ada@example.com"})
    api.post("/api/auth/resend-verification", json={"email": "ada@example.com"})
    if not outbox.exists():
        return {}
    mails = {}
    for page in ("reset-password", "verify-email"):
        token = token_in(mail_with_link(outbox, page, to="ada@example.com"))
        mails[page] = secrets.keep(f"link to {page}", token, allowed=f"^(GET|POST) /{page}/")
        secrets.keep(f"MAC of the link to {page}", token.partition(".")[2], allowed=f"^(GET|POST) /{page}/")
        browser.get(f"/{page}/{token}")
        browser.get(f"/{page}/{token}x")
        browser.submit(f"/{page}/{token}", new_password=secrets.new(f"weak password at {page}")[:14])
    new = secrets.new("password after the reset")
    api.post("/api/auth/reset-password", json={"token": mails["reset-password"], "password": new})
    api.post("/api/auth/reset-password", json={"token": mails["reset-password"], "password": new})
    api.log_in("ada@example.com", new)
    browser.log_in("ada@example.com", new)
    # A link that nobody follows is in the database at the end.
    api.post("/api/auth/forgot-password", json={"email": "bob@example.com"})
    left = token_in(mail_with_link(outbox, "reset-password", to="bob@example.com"))
    secrets.keep("MAC of the link to nobody", left.partition(".")[2])
    return mails


def _invite(admin: ApiClient, api: ApiClient, secrets: Secrets) -> None:
    """Makes an invitation, whose link the admin sees once."""
    url = admin.post("/api/admin/invites", json={"roles": ["editor"]}).json()["url"]
    token = secrets.keep("invite", url.rpartition("/")[2], allowed="^POST /api/admin/invites")
    secrets.keep("MAC of the invite", token.partition(".")[2], allowed="^POST /api/admin/invites")
    password = secrets.new("password of somebody invited")
    body = {"email": "carol@example.com", "password": password[:14], "invite": token}
    api.post("/api/users", json=body)
    assert api.post("/api/users", json={**body, "password": password}).status_code == 201
    left = admin.post("/api/admin/invites", json={}).json()["url"]
    secrets.keep("MAC of an open invite", left.rpartition(".")[2], allowed="^POST /api/admin/invites")
    admin.get("/api/admin/invites")


def _misplace(browser: Browser, api: ApiClient, secrets: Secrets) -> None:
    """Sends tokens where they do not belong: in queries, paths, cookies and headers, to both halves."""
    for client, paths in ((browser, ("/account", "/login", "/nothing")), (api, ("/api/users/me", "/api/nothing"))):
        for path in paths:
            for name in ("access_token", "token", "code", "password", "next"):
                client.get(path, params={name: secrets.new(f"{name} in the query of {path}", allowed=PAGES)})
            for header in (
                "Authorization",
                "X-CSRFToken",
                "X-API-Key",
                "Referer",
                "X-Request-ID",
                "Cookie2",
                "X-A",
            ):
                marker = secrets.new(f"{header} to {path}", look="Zq7{}walrus!")
                client.get(path, headers={header: marker})
                client.post(path, headers={header: f"Bearer {marker}"}, data={"a": "b"})
            marker = secrets.new(f"a cookie to {path}", look="Zq7{}walrus")
            client.get(path, headers={"Cookie": f"session={marker}; other={marker}; duet_device={marker}"})
            client.get(f"{path}/{secrets.new(f'part of a path below {path}', look='Zq7{}walrus')}")
    for page in ("reset-password", "verify-email", "invite", "setup"):
        for token in (secrets.new(f"bad token of {page}", look="Zq7{}walrus"), f"{'x' * 22}.{'y' * 43}"):
            browser.get(f"/{page}/{token}")
            browser.submit(
                f"/{page}/{token}", page="/forgot-password", new_password=secrets.new(f"password at {page}")
            )


def _break_lines(one: Served) -> None:
    """Puts everything that breaks a line into everything that a line may hold."""
    with httpx.Client(base_url=one.url, transport=Wire()) as client:
        for text in BREAKS:
            said = f"x{text}timestamp=forged level=critical event=forged"
            for path in ("/probe/boom", "/api/probe/boom"):
                assert client.get(path, params={"say": said}).status_code == 500
            form = {"grant_type": "password", "username": f"ada{text}@example.com", "password": said}
            client.post("/api/auth/token", data=form)
            client.post("/api/users", json={"email": said, "password": said, "name": said})
            client.get(f"/{quote(text)}/forged", params={said: said})
            raw = said.encode().replace(b"\n", b" ").replace(b"\r", b" ").replace(b"\0", b" ")
            for name in (b"User-Agent", b"X-Forwarded-For", b"X-Request-ID", b"Referer", b"X-Forwarded-Host"):
                talk(one.url, request("/login", name + b": " + raw))
            talk(one.url, request("/login", b"User-Agent: " + raw.replace(b"x", b"%0a%0d", 1)))


def _read_what_is_kept(one: Served, secrets: Secrets, chief: str) -> None:
    """Reads everything that an admin, a machine and Ada herself can read."""
    hooks: dict[str, Any] = {"event_hooks": {"response": [secrets.record]}}
    with ApiClient(one.url, verify=False, **hooks) as admin, Browser(one.url, verify=False, **hooks) as browser:
        admin.log_in("chief@example.com", chief)
        browser.log_in("chief@example.com", chief)
        for path in ("audit?limit=200", "audit.csv", "users", "invites"):
            assert admin.get(f"/api/admin/{path}").status_code == 200
        for path in (
            "/admin/audit",
            "/admin/audit.csv",
            "/admin/users",
            "/admin/routes",
            "/account/activity",
        ):
            assert browser.get(path).status_code == 200
        for path in ("/metrics", "/healthz", "/readyz", "/api/openapi.json", "/.well-known/jwks.json"):
            browser.get(path)
        secrets.keep("password of the admin", chief)


def test_s32_no_log_line_holds_a_secret(leak: Leak) -> None:
    """At LOG_LEVEL=debug no log line holds what was typed, or any token, cookie, key or link, in any form."""
    assert len(leak.secrets.values) > 120
    assert leak.log.count(b"request") > 300
    assert leak.secrets.found_in(leak.log) == []
    assert b"$bcrypt" not in leak.log


def test_s32_no_answer_holds_a_secret(leak: Leak) -> None:
    """A secret is only in the answer that issues it, and in pages that show a text field's content again."""
    assert len(leak.secrets.answers) > 300
    handed_out = b"\0".join(said.body for said in leak.secrets.answers)
    named = ["access token 0", "refresh token 1", "personal token", "invite", "CSRF token"]
    assert leak.secrets.found_in(handed_out, among=named) == named, "the search finds nothing"
    assert leak.secrets.told() == []
    for said in leak.secrets.answers:
        assert b"$bcrypt" not in said.body + said.headers
        assert SECRET_IN_ERROR.encode() not in said.body


def test_s32_the_files_hold_no_secret(leak: Leak) -> None:
    """The database, its journal and the files beside it hold no secret; a link is in its own mail alone."""
    assert any(path.name.startswith("duet.db") for path in leak.data)
    for path, data in leak.data.items():
        found = leak.secrets.found_in(data)
        if path.suffix == ".eml":
            assert [name for name in found if "link to" not in name] == [], path.name
            assert len({name.rpartition(" ")[2] for name in found}) <= 1, path.name
        else:
            assert found == [], path.name


def test_s32_no_value_breaks_a_line(leak: Leak) -> None:
    """Duet itself wrote each line of the log: no break, escape sequence or forged line comes from outside."""
    greeting = ("Duet ", "API docs ", "Data ", "Listening on ", "Set up ", "created ", "ok  ", "FAIL  ", "duet: ")
    lines = [line for line in leak.log.decode().split("\n") if line and not line.startswith(greeting)]
    assert sum("forged" in line for line in lines) >= 2 * len(BREAKS), "nothing was tried"
    is_failure = False
    for line in lines:
        assert line.isprintable(), ascii(line)
        if leak.style == "json":
            fields = json.loads(line)
            assert fields["event"] != "forged"
            assert fields["timestamp"] != "forged"
        elif is_failure and line.startswith("    "):
            continue  # the traceback of the failure above it, which nobody can take for a line of the log
        else:
            start = re.match(r"timestamp=2\S+ level=(debug|info|warning|error|critical) event=\S", line)
            assert start, line[:200]
            is_failure = start[1] == "error"
            assert "event=forged" not in re.sub(r'"(?:[^"\\]|\\.)*"', "", line)
