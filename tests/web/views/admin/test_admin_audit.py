"""The admin page about the audit log: in words, by account and event, page by page, and as a file."""

from __future__ import annotations

import ast
import csv
import html
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import app.auth
from app.auth import audit_csv, errors, refusals
from app.auth.models import ADMIN, Client, User
from app.web.display import EVENTS
from tests.kit.duet import Browser, Running
from tests.web.conftest import Visit

AUDIT = "/admin/audit"
_numbers = itertools.count()


@pytest.fixture
def other(shared: Running) -> User:
    """An account that the events are about."""
    return shared.make_user(f"other{next(_numbers)}@example.com", name="Grace Hopper")


@pytest.fixture
def admin(shared: Running, visit: Visit) -> Browser:
    """An admin on the pages."""
    email = f"admin{next(_numbers)}@example.com"
    shared.make_user(email, roles=[ADMIN])
    return visit(email)


def record(shared: Running, user: User, event: str, *, count: int = 1, agent: str = "", detail: str = "") -> None:
    """Writes events about `user`."""
    client = Client.of("web", ip="203.0.113.7", user_agent=agent)

    async def write() -> None:
        for _ in range(count):
            await shared.auth.audit.record(event, client=client, user_id=user.id, detail=detail)

    shared.wait(write())


def shown(answer: httpx.Response) -> list[str]:
    """The codes of the events on the page, the newest first."""
    return re.findall(r'<th scope="row"[^>]*>[^<]*<span class="sub"><code>([^<]+)</code>', answer.text)


def cells(answer: httpx.Response) -> list[list[str]]:
    """The lines of the file without its header."""
    header, *lines = csv.reader(io.StringIO(answer.text, newline=""), strict=True)
    assert tuple(header) == audit_csv.COLUMNS
    return lines


def test_who_what_when_from_where(shared: Running, visit: Visit, admin: Browser, other: User) -> None:
    """Each event is in words with its code, and says whom it concerns, who did it, where and on what device."""
    agent = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"}
    with Browser(shared.url, headers=agent) as theirs:
        theirs.log_in(other.email, "not the password")
    admin.submit(f"/admin/users/{other.id}", page=f"/admin/users/{other.id}", roles="editor")
    answer = admin.get(AUDIT, params={"user": other.email})
    assert shown(answer) == ["roles_changed", "login_failed", "registered"]
    changed, failed, _ = re.findall(r'<tr role="row">\s*<th scope="row".*?</tr>', answer.text, re.DOTALL)
    for part in (
        "Roles changed",
        "<code>editor</code>",
        f">{other.email}</a>",
        f'href="/admin/users/{other.id}"',
        "UTC",
    ):
        assert part in changed
    for part in ("Log-in failed", "<code>wrong_password</code>", "127.0.0.1", "Firefox on Windows"):
        assert part in failed
    assert re.search(r'by <a class="break" href="/admin/users/[^"]+">admin\d+@example\.com</a>', changed)


@pytest.mark.parametrize("by", ["id", "email", "email.upper"])
def test_of_one_account(shared: Running, admin: Browser, other: User, by: str) -> None:
    """An account is found by its id or by its email address in any spelling, and the filter stays in the form."""
    user = {"id": other.id, "email": other.email, "email.upper": other.email.upper()}[by]
    answer = admin.get(AUDIT, params={"user": f" {user} "})
    assert shown(answer) == ["registered"]
    assert f'value="{user}"' in answer.text


def test_of_one_kind(shared: Running, admin: Browser, other: User) -> None:
    """Only the events of that kind are shown, also together with an account; the choice stays selected."""
    record(shared, other, "wrong_password")
    record(shared, other, "token_revoked")
    answer = admin.get(AUDIT, params={"user": other.id, "event": "wrong_password"})
    assert shown(answer) == ["wrong_password"]
    assert '<option value="wrong_password" selected>' in answer.text
    assert set(shown(admin.get(AUDIT, params={"event": "wrong_password"}))) == {"wrong_password"}


@pytest.mark.parametrize(
    "filters", [{"user": "nobody@example.com"}, {"user": "nobody"}, {"event": "<b>x"}, {"user": "@"}]
)
def test_nothing_of_that_kind(admin: Browser, filters: dict[str, str]) -> None:
    """The page says that there is nothing, and shows what was asked for as text."""
    answer = admin.get(AUDIT, params=filters)
    assert (answer.status_code, shown(answer)) == (200, [])
    assert "Nothing of that kind was recorded." in answer.text
    assert "<b>x" not in answer.text
    assert cells(admin.get(f"{AUDIT}.csv", params=filters)) == []


def test_page_by_page(shared: Running, admin: Browser, other: User) -> None:
    """A page has 50 events, the newest first; 'Next' keeps the filters, and 'Back to the first' leads back."""
    for number in range(101):
        record(shared, other, "login_failed", detail=f"n{number}")
    page = admin.get(AUDIT, params={"user": other.id, "event": "login_failed"})
    details = [re.findall(r"<code>n(\d+)</code>", page.text)]
    while found := re.search(r'href="([^"]+)" rel="next"', page.text):
        page = admin.get(html.unescape(found[1]))
        details.append(re.findall(r"<code>n(\d+)</code>", page.text))
        assert "Back to the first" in page.text
    assert [len(one) for one in details] == [50, 50, 1]
    assert list(itertools.chain(*details)) == [str(number) for number in reversed(range(101))]
    assert admin.get(f"{AUDIT}?cursor=rubbish").status_code == 400


def test_a_deleted_account_keeps_its_rows(shared: Running, admin: Browser, other: User) -> None:
    """The rows keep only the id; no email address is left to find them by, and no link leads to the account."""
    shared.wait(shared.auth.administration.delete(other.id, Client("test")))
    answer = admin.get(AUDIT, params={"user": other.id})
    assert shown(answer) == ["account_deleted", "registered"]
    assert "deleted" in answer.text
    assert f'href="/admin/users/{other.id}"' not in answer.text


def test_the_file(shared: Running, admin: Browser, other: User) -> None:
    """It is an attachment with all that the filters find, sent in several pieces and stored by no cache."""
    record(shared, other, "login_failed", count=1100)
    filters = {"user": other.email, "event": "login_failed"}
    link = re.search(r'href="([^"]+)">Download as CSV<', admin.get(AUDIT, params=filters).text)
    assert link
    answer = admin.get(html.unescape(link[1]))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Content-Length" not in answer.headers  # streamed
    lines = cells(answer)
    assert len(lines) == 1100
    assert {tuple(line[1:3]) for line in lines} == {("login_failed", other.id)}


def test_the_file_is_inert(shared: Running, admin: Browser, other: User) -> None:
    """A user agent that is a formula is plain text in the spreadsheet."""
    record(shared, other, "login_failed", agent='=HYPERLINK("https://evil.example")')
    (line,) = cells(admin.get(f"{AUDIT}.csv", params={"user": other.id, "event": "login_failed"}))
    assert line[6] == '\'=HYPERLINK("https://evil.example")'


@pytest.mark.parametrize("path", [AUDIT, f"{AUDIT}.csv"])
def test_for_admins_alone(visit: Visit, email: str, path: str) -> None:
    """For others who are logged in there is no such page, and a stranger is led to the login."""
    assert visit(email).get(path).status_code == 404
    assert visit().get(path).headers["Location"] == f"/login?next={path}"


def recorded() -> Iterator[str]:
    """The codes of all events that calls in app/auth record."""
    kinds = {**vars(errors), **vars(refusals)}
    codes = {name: kind.code for name, kind in kinds.items() if hasattr(kind, "code")}
    for source in Path(app.auth.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(source.read_text())):
            if not isinstance(call, ast.Call) or getattr(call.func, "attr", "") not in ("record", "_record"):
                continue
            for part in ast.walk(call.args[0]):
                if isinstance(part, ast.Constant):
                    yield str(part.value)
                elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.attr == "code":
                    yield codes[part.value.id]


def test_every_event_has_words() -> None:
    """The page has a name for every event that auth records, and can show it alone."""
    found = set(recorded())
    assert len(found) > 15
    assert found - set(EVENTS) == set()
