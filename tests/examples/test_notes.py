"""The notes example, tested as a team tests its own extension: with the kit, and without a server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from app.main import create_app
from app.testing import PASSWORD, TestClient, csrf_token, login_as, make_settings, running
from examples.notes import extension
from examples.notes.notebook import MAX_LENGTH, MAX_NOTES, Notebook, NoteRefused


def make_app(folder: Path) -> FastAPI:
    """Duet with the notes."""
    settings = make_settings(folder)
    return create_app(settings, extensions=[extension(settings)])


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Ada, on both halves."""
    with TestClient(make_app(tmp_path)) as one:
        yield login_as(one, "ada@example.com", name="Ada")


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Ada again, in an app that the tests of bad input share. It refuses all of it, so it never holds a note."""
    with TestClient(make_app(tmp_path_factory.mktemp("refusing"))) as one:
        yield login_as(one, "ada@example.com", name="Ada")


def write(client: TestClient, text: str) -> str:
    """Sends the form, and returns the page that follows."""
    page: str = client.post("/notes", data={"text": text, "csrf_token": csrf_token(client, "/notes")}).text
    return page


# The pages


def test_a_note_is_written_read_and_deleted(client: TestClient) -> None:
    """The form saves it, the list shows it with its markup harmless, and its button deletes it."""
    assert "There is no note yet." in client.get("/notes").text
    page = write(client, "  Milk & <b>bread</b>\r\nand tea  ")
    assert "Your note was saved." in page
    assert '<p class="note-text">Milk &amp; &lt;b&gt;bread&lt;/b&gt;\nand tea</p>' in page
    action = re.search(r'action="(/notes/[^"]+/delete)"', page)
    assert action
    page = client.post(action[1], data={"csrf_token": csrf_token(client, "/notes")}).text
    assert "The note was deleted." in page
    assert "There is no note yet." in page


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Please write something."),
        (" \r\n ", "Please write something."),
        ("x" * (MAX_LENGTH + 1), "That is too long: a note has at most 1000 characters."),
        ("bell \a", "There is a character in it that can&#39;t be shown."),
        ("nul \0", "There is a character in it that can&#39;t be shown."),
    ],
)
def test_a_note_that_is_refused_is_shown_again(refusing: TestClient, text: str, message: str) -> None:
    """The form is shown again with the reason and status 422, and nothing is kept."""
    form = {"text": text, "csrf_token": csrf_token(refusing, "/notes")}
    answer = refusing.post("/notes", data=form)
    assert (answer.status_code, message in answer.text) == (422, True)
    assert refusing.get("/api/notes").json() == []


def test_a_note_of_the_longest_length_is_kept(client: TestClient) -> None:
    """On both halves the limit counts characters as people type them."""
    assert "Your note was saved." in write(client, "ö" * MAX_LENGTH)
    assert client.post("/api/notes", json={"text": "ö" * MAX_LENGTH}).status_code == 201


def test_a_form_without_its_token_is_refused(client: TestClient) -> None:
    """A page of another site can neither add nor delete a note."""
    note_id = client.post("/api/notes", json={"text": "mine"}).json()["id"]
    assert client.post("/notes", data={"text": "forged"}).status_code == 400
    assert client.post(f"/notes/{note_id}/delete").status_code == 400
    assert [note["text"] for note in client.get("/api/notes").json()] == ["mine"]


def test_notes_are_in_the_menu(client: TestClient) -> None:
    """Everybody who is logged in finds the notes there."""
    assert '<a href="/notes">Notes</a>' in client.get("/").text


def test_pages_in_flasks_own_client(tmp_path: Path) -> None:
    """Flask's test client shows the same page, for tests that need the pages alone."""
    app = make_app(tmp_path)
    with running(app):
        pages = login_as(app.state.pages.test_client())
        form = {"text": "Milk", "csrf_token": csrf_token(pages, "/notes")}
        assert "Your note was saved." in pages.post("/notes", data=form, follow_redirects=True).text


# The API


def test_page_and_api_show_the_same_notes(client: TestClient) -> None:
    """The API lists what the page saves, the latest first, and the page shows what the API saves."""
    write(client, "from the page")
    answer = client.post("/api/notes", json={"text": "from the API"})
    assert (answer.status_code, answer.json()["text"]) == (201, "from the API")
    assert [note["text"] for note in client.get("/api/notes").json()] == ["from the API", "from the page"]
    assert client.get("/notes").text.index("from the API") < client.get("/notes").text.index("from the page")
    assert client.delete(f"/api/notes/{answer.json()['id']}").status_code == 204
    assert "from the API" not in client.get("/notes").text


@pytest.mark.parametrize(
    "body",
    [
        '{"text": ""}',
        '{"text": "\\ud800"}',
        '{"text": "\\u0000"}',
        '{"text": {"$ne": null}}',
        '{"text": null}',
        '{"text": 7}',
        '{"text": "x", "user_id": "other"}',
        '{"text": "' + "x" * 1001 + '"}',
        "{}",
        "[]",
        "nonsense",
        "",
    ],
)
def test_bad_input_is_a_422(refusing: TestClient, body: str) -> None:
    """Bad input is never a 500, and nothing is kept."""
    answer = refusing.post("/api/notes", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert refusing.get("/api/notes").json() == []


# Whose notes


def test_notes_are_ones_own(client: TestClient) -> None:
    """Another user neither sees nor deletes them, on either half; for them they do not exist."""
    note_id = client.post("/api/notes", json={"text": "Ada's"}).json()["id"]
    login_as(client, "bo@example.com")
    assert client.get("/api/notes").json() == []
    assert "Ada" not in client.get("/notes").text
    assert client.delete(f"/api/notes/{note_id}").status_code == 404
    form = {"csrf_token": csrf_token(client, "/notes")}
    assert client.post(f"/notes/{note_id}/delete", data=form).status_code == 404
    login_as(client, "ada@example.com")
    assert [note["id"] for note in client.get("/api/notes").json()] == [note_id]


def test_the_notes_of_a_deleted_account_are_deleted(client: TestClient) -> None:
    """This holds on both halves and for any caller who deletes it; the notes of others stay."""
    write(client, "Ada's")
    login_as(client, "bo@example.com")
    write(client, "Bo's")
    assert client.request("DELETE", "/api/users/me", json={"password": PASSWORD}).status_code == 204
    login_as(client, "root@example.com", roles=["admin"])
    assert client.get("/api/notes/count").json() == {"total": 1}
    login_as(client, "ada@example.com")
    assert [note["text"] for note in client.get("/api/notes").json()] == ["Ada's"]


def test_a_script_writes_notes(client: TestClient) -> None:
    """A personal access token works without a line in the extension, and a read-only one only reads."""
    tokens = [
        client.post("/api/users/me/tokens", json={"name": "script", "read_only": read_only}).json()["token"]
        for read_only in (False, True)
    ]
    for token, status in zip(tokens, (201, 403), strict=True):
        headers = {"Authorization": f"Bearer {token}"}
        assert client.post("/api/notes", json={"text": "by a script"}, headers=headers).status_code == status
        assert len(client.get("/api/notes", headers=headers).json()) == 1


@pytest.mark.parametrize("note_id", ["none", "9" * 40, "%00", "🎼", "..%2f", "' OR 1=1 --"])
def test_an_unknown_note_is_a_404(refusing: TestClient, note_id: str) -> None:
    """Any name is an unknown note or a refused address, and never a 500."""
    form = {"csrf_token": csrf_token(refusing, "/notes")}
    assert refusing.delete(f"/api/notes/{note_id}").status_code in (400, 404)
    assert refusing.post(f"/notes/{note_id}/delete", data=form).status_code in (400, 404)


def test_everything_needs_a_login_but_the_page_for_everybody(tmp_path: Path) -> None:
    """Without an account there is the page about notes, and nothing else."""
    with TestClient(make_app(tmp_path)) as stranger:
        assert "Log in and write one" in stranger.get("/notes/about").text
        for path in ("/notes", "/notes/count"):
            answer = stranger.get(path, follow_redirects=False)
            assert (answer.status_code, answer.headers["Location"]) == (303, f"/login?next={path}")
        for path in ("/api/notes", "/api/notes/count"):
            assert stranger.get(path).status_code == 401
        assert stranger.post("/api/notes", content="nonsense").status_code == 401
        assert stranger.delete("/api/notes/x").status_code == 401


def test_the_count_is_for_admins(client: TestClient) -> None:
    """It counts everybody's notes, so page and route need the role; only admins see the link to it."""
    client.post("/api/notes", json={"text": "one"})
    assert client.get("/notes/count").status_code == 403
    assert client.get("/api/notes/count").status_code == 403
    assert "/notes/count" not in client.get("/notes").text
    login_as(client, "root@example.com", roles=["admin"])
    assert "<dd>1</dd>" in client.get("/notes/count").text
    assert client.get("/api/notes/count").json() == {"total": 1}
    assert "/notes/count" in client.get("/notes").text


# The data


async def test_the_limit_holds_for_many_at_once(tmp_path: Path) -> None:
    """Of many notes at the same moment as many are kept as fit, and others still have room."""
    notebook = Notebook(tmp_path / "notes.db")
    async with notebook.open():
        many = [notebook.add("ada", f"note {number}") for number in range(MAX_NOTES + 20)]
        outcomes = await asyncio.gather(*many, return_exceptions=True)
        assert sum(isinstance(outcome, NoteRefused) for outcome in outcomes) == 20
        assert len(await notebook.of("ada")) == MAX_NOTES
        await notebook.add("bo", "room for me")


async def test_notes_survive_a_restart(tmp_path: Path) -> None:
    """The notes are in the file, which is made if it is missing."""
    path = tmp_path / "new" / "notes.db"
    async with Notebook(path).open():
        pass
    first, second = Notebook(path), Notebook(path)
    async with first.open():
        note = await first.add("ada", "Milk")
    async with second.open():
        assert await second.of("ada") == [note]
