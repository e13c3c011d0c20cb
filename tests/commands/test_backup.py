"""Backups are whole, of one moment, and restored on either store; a bad one is refused before any change."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import pytest

from app.auth.keys import KeyRing
from app.auth.models import AuditEvent, Session, User
from app.commands.backup_file import BackupRefused, check_backup, private_copy, read_backup, write_backup
from app.store import open_dump
from app.store.records import Kept, from_plain, to_plain
from tests.deploy.process import duet as run_duet
from tests.kit.cookies import give_cookie
from tests.kit.duet import SECRET, ApiClient, Browser, Running, make_settings, messages, running
from tests.store.records import NOW, make_session, make_user

KEYS = KeyRing([SECRET])
EMAIL = "ada@example.com"


@pytest.fixture
def other_url(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """An empty database of the other kind."""
    if not database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'other.db'}"
    url: str = request.getfixturevalue("mongo_database_url")
    return url


def command(folder: Path, database_url: str, *arguments: str, secret: str = SECRET) -> CompletedProcess[str]:
    """Runs `duet` on that database."""
    return run_duet(folder, *arguments, DATABASE_URL=database_url, SECRET_KEY=secret)


def done(folder: Path, database_url: str, *arguments: str) -> str:
    """Runs a command that has to succeed, and returns its output."""
    result = command(folder, database_url, *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def site(folder: Path, database_url: str) -> AbstractContextManager[Running]:
    """Duet on that database. The public address is always the same, because tokens name it as their issuer."""
    return running(make_settings(folder, database_url=database_url, public_url="http://127.0.0.1:8000"))


def kept(database_url: str) -> list[dict[str, object]]:
    """All that a database holds, in a fixed order."""
    with closing(open_dump(database_url)) as dump:
        return sorted(({type(one).__name__: to_plain(one)} for one in dump.read()), key=str)


def busy(duet: Running, api: ApiClient) -> str:
    """Logs a client in and gives its account a bit of everything; returns its personal access token."""
    duet.make_user(EMAIL, roles=["admin"], is_email_verified=True)
    assert api.log_in(EMAIL).status_code == 200
    made = api.post("/api/users/me/tokens", json={"name": "script"})
    assert made.status_code == 201
    assert api.post("/api/admin/invites", json={"email": "new@example.com"}).status_code == 201
    token: str = made.json()["token"]
    return token


def status_with(url: str, token: str) -> int:
    """The status of a request with that bearer token."""
    return httpx.get(f"{url}/api/users/me", headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_move_keeps_everything(database_url: str, other_url: str, tmp_path: Path) -> None:
    """After a move to the other store, passwords, sessions, tokens and the audit log go on as before."""
    file = tmp_path / "duet.bak"
    with site(tmp_path, database_url) as duet, ApiClient(duet.url) as api:
        personal = busy(duet, api)
        with Browser(duet.url) as browser:
            browser.log_in(EMAIL)
            cookies = dict(browser.cookies)
    done(tmp_path, database_url, "backup", str(file))
    before = kept(database_url)
    told = done(tmp_path, other_url, "restore", "--move", str(file))
    assert told.startswith("1 account and ")
    # Only what the start of the site and the restore itself add is new; nothing else differs.
    assert [one for one in kept(other_url) if "restored" not in str(one)] == before
    with site(tmp_path, other_url) as duet:
        assert status_with(duet.url, personal) == 200
        assert status_with(duet.url, api.access_token) == 200
        with ApiClient(duet.url) as again:
            assert again.refresh(api.refresh_token).status_code == 200
            assert again.log_in(EMAIL).status_code == 200
        assert httpx.get(f"{duet.url}/account", cookies=cookies).status_code == 200


def test_what_ended_after_the_back_up_stays_ended(database_url: str, tmp_path: Path) -> None:
    """A restore can't know what ended since, so all sessions, tokens and links end, and everybody logs in
    again."""
    file = tmp_path / "duet.bak"
    with site(tmp_path, database_url) as duet, ApiClient(duet.url) as api:
        personal = busy(duet, api)
        with ApiClient(duet.url) as ended, Browser(duet.url) as browser:
            ended.log_in(EMAIL)
            browser.log_in(EMAIL)
            cookie = browser.cookies["session"]
            done(tmp_path, database_url, "backup", str(file))
            ended.post("/api/auth/revoke", data={"token": ended.refresh_token})
            [script] = api.get("/api/users/me/tokens").json()
            api.delete(f"/api/users/me/tokens/{script['id']}")
            api.log_in(EMAIL)  # a session that the backup does not know
            tokens = [(ended.access_token, ended.refresh_token), (api.access_token, api.refresh_token)]
    assert "all sessions" in done(tmp_path, database_url, "restore", "--replace", str(file))
    with site(tmp_path, database_url) as duet, ApiClient(duet.url) as again, Browser(duet.url) as browser:
        for access, refresh in tokens:
            assert status_with(duet.url, access) == 401
            assert again.refresh(refresh).status_code == 400
        assert status_with(duet.url, personal) == 401
        give_cookie(browser, cookie)
        assert browser.get("/account").status_code == 303
        told = messages(browser.get("/login").text)
        assert told[0].startswith("Session expired or invalid. Please log in again.")
        assert again.log_in(EMAIL).status_code == 200
        assert again.get("/api/users/me").status_code == 200
        events = [one["event"] for one in again.get("/api/admin/audit").json()["items"]]
        assert "restored" in events
        assert browser.log_in(EMAIL).status_code == 303


def test_a_back_up_is_of_one_moment(database_url: str, tmp_path: Path) -> None:
    """While people register, every backup has the account of each registration in its audit log."""
    with site(tmp_path, database_url) as duet:
        ending = threading.Event()

        def register() -> None:
            for number in itertools.count():
                if ending.is_set():
                    return
                duet.make_user(f"person{number}@example.com")

        thread = threading.Thread(target=register)
        thread.start()
        try:
            users: set[str] = set()
            while len(users) < 25:
                file = tmp_path / "duet.bak"
                with closing(open_dump(database_url)) as dump:
                    write_backup(file, dump.read(), KEYS)
                with private_copy(file) as copy:
                    check_backup(copy, KEYS)
                    records = list(read_backup(copy))
                users = {one.id for one in records if isinstance(one, User)}
                events = {one.user_id for one in records if isinstance(one, AuditEvent)}
                assert events <= users
        finally:
            ending.set()
            thread.join()


@pytest.fixture
def filled(database_url: str, tmp_path: Path) -> tuple[str, Path]:
    """A database with an account, and a backup of it."""
    file = tmp_path / "duet.bak"
    done(tmp_path, database_url, "user", "list")
    with closing(open_dump(database_url)) as dump:
        dump.replace([make_user("u1", created_at=NOW)])
        write_backup(file, dump.read(), KEYS)
    return database_url, file


def test_the_file_is_its_owner_s_alone(filled: tuple[str, Path]) -> None:
    """Only its owner can read it, because it holds password hashes, and nothing is left beside it."""
    _, file = filled
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.glob("*duet.bak*")] == ["duet.bak"]


def test_a_damaged_file_changes_nothing(filled: tuple[str, Path]) -> None:
    """A file cut off or flipped anywhere, or with bad content, is refused in one line before any change."""
    database_url, file = filled
    whole, before = file.read_bytes(), kept(database_url)
    text = gzip.decompress(whole)
    damaged = [whole[:size] for size in range(0, len(whole), 20)]
    damaged += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(10, len(whole), 20)]
    damaged += [gzip.compress(text.replace(b'"roles":[]', b'"roles":["admin"]')), gzip.compress(text + text)]
    damaged += [gzip.compress(line) for line in text.splitlines(keepends=True)]
    damaged += [b"", b"x" * 100, gzip.compress(b"[]\n"), gzip.compress(b"{" * 100_000)]
    for content in damaged:
        file.write_bytes(content)
        with pytest.raises(BackupRefused), private_copy(file) as copy:
            check_backup(copy, KEYS)
    result = command(file.parent, database_url, "restore", "--replace", str(file))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"duet: {file} is not a backup, or is damaged\n"
    assert kept(database_url) == before


@pytest.mark.parametrize(
    ("arguments", "secret", "why"),
    [
        ([], SECRET, "there are accounts in the database already: see --replace"),
        (["--replace"], "another secret of the tests: Qm4xT7Zk8v2q", "was made under another SECRET_KEY"),
        (
            ["--replace", "--move", "--other-secret"],
            "another secret of the tests: Qm4xT7Zk8v2q",
            "--move needs the SECRET_KEY",
        ),
    ],
)
def test_what_would_do_harm_is_refused(
    filled: tuple[str, Path], arguments: list[str], secret: str, why: str
) -> None:
    """A restore that would lose accounts, or from a file of unknown origin, is refused."""
    database_url, file = filled
    before = kept(database_url)
    result = command(file.parent, database_url, "restore", *arguments, str(file), secret=secret)
    assert result.returncode == 1
    assert why in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert kept(database_url) == before


def test_a_newer_file_is_refused(filled: tuple[str, Path]) -> None:
    """The fields of a newer file may mean something else."""
    _, file = filled
    text = gzip.decompress(file.read_bytes())
    file.write_bytes(gzip.compress(text.replace(b'{"duet_backup":1', b'{"duet_backup":2')))
    with pytest.raises(BackupRefused, match="newer Duet"), private_copy(file) as copy:
        check_backup(copy, KEYS)


def test_a_file_of_an_older_duet_is_read() -> None:
    """Its records lack newer fields, and get the values that stored documents and rows get in that case."""
    plain = to_plain(make_user("u1"))
    del plain["credentials_version"]
    assert from_plain(User, plain) == make_user("u1")
    plain = to_plain(make_session("s1"))
    del plain["credentials_version"], plain["amr"]
    assert from_plain(Session, plain) == make_session("s1")


def test_a_site_that_runs_is_not_restored_under_its_feet(database_url: str, tmp_path: Path) -> None:
    """A running site remembers what it has read, so the restore is refused."""
    file = tmp_path / "duet.bak"
    with site(tmp_path, database_url) as duet:
        duet.make_user(EMAIL)
        done(tmp_path, database_url, "backup", str(file))
        result = command(tmp_path, database_url, "restore", "--replace", str(file))
    assert (result.returncode, result.stderr) == (1, "duet: the site is running (processes: 1): stop it first\n")


def test_a_restore_that_is_cut_off(filled: tuple[str, Path]) -> None:
    """SQLite keeps its old content. MongoDB is marked, so no server starts on it until a restore is complete."""
    database_url, file = filled
    before = kept(database_url)

    def cut_off() -> Iterator[Kept]:
        with private_copy(file) as copy:
            yield from read_backup(copy)
        raise KeyboardInterrupt

    with closing(open_dump(database_url)) as dump, pytest.raises(KeyboardInterrupt):
        dump.replace(cut_off())
    if database_url.startswith("sqlite"):
        assert kept(database_url) == before
        return
    result = command(file.parent, database_url, "serve", "--port", "1")
    assert result.returncode == 2
    assert "A restore was cut off: run `duet restore` again." in result.stderr
    done(file.parent, database_url, "restore", str(file))
    assert "U1@Example.org" in done(file.parent, database_url, "user", "list")


@pytest.fixture
def planted(tmp_path: Path) -> bytes:
    """A backup that somebody else has made, with an admin in it."""
    file = tmp_path / "planted.bak"
    admin = make_user("evil", email="evil@example.org", roles=("admin",), created_at=NOW)
    write_backup(file, [admin], KeyRing(["a secret of somebody else: 8fq2LxTm0Wz5"]))
    return file.read_bytes()


def test_s45_what_was_checked_is_what_is_restored(filled: tuple[str, Path], planted: bytes) -> None:
    """Neither another file in its place nor other content in it gets between the check and the restore."""
    _, file = filled
    honest = file.read_bytes()
    for exchange in ("file", "content"):
        file.write_bytes(honest)
        with private_copy(file) as copy:
            assert check_backup(copy, KEYS).is_ours
            if exchange == "file":
                file.with_name("planted.bak").replace(file)
            else:
                file.write_bytes(planted)
            assert [one.id for one in read_backup(copy) if isinstance(one, User)] == ["u1"]


def is_read(pipe: Path) -> bool:
    """Whether anybody has the pipe open for reading."""
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def test_s45_a_restore_reads_its_file_once(filled: tuple[str, Path], planted: bytes) -> None:
    """A pipe that gives the honest backup to the first who opens it, and a planted one to all others, yields the
    honest one."""
    database_url, file = filled
    honest = file.read_bytes()
    pipe = file.with_name("pipe.bak")
    os.mkfifo(pipe)
    is_over = threading.Event()

    def feed() -> None:
        for content in itertools.chain([honest], itertools.repeat(planted)):
            with contextlib.suppress(BrokenPipeError), pipe.open("wb") as end:
                if is_over.is_set():
                    return
                end.write(content)
            while is_read(pipe):
                is_over.wait(0.01)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        done(file.parent, database_url, "restore", "--replace", str(pipe))
    finally:
        is_over.set()
        with contextlib.suppress(OSError):
            os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))  # lets the thread go on
        thread.join()
    assert [one["User"]["id"] for one in kept(database_url) if "User" in one] == ["u1"]  # type: ignore[index]


def test_s45_a_backup_leaves_what_others_put_beside_it(filled: tuple[str, Path]) -> None:
    """Nobody can tell under which name the file is written, so nothing can be put in its place beforehand."""
    _, file = filled
    names: set[str] = set()
    for _ in range(2):

        def records() -> Iterator[Kept]:
            names.update(one.name for one in file.parent.glob(f".{file.name}.*"))
            yield make_user("u1", created_at=NOW)

        write_backup(file, records(), KEYS)
    assert len(names) == 2
    assert not any(str(os.getpid()) == part for name in names for part in name.split("."))
    assert not list(file.parent.glob(f".{file.name}.*"))


def test_a_restore_to_no_database_is_refused(filled: tuple[str, Path]) -> None:
    """An address with a slash too few is called invalid in one line, as by every other command."""
    _, file = filled
    result = command(file.parent, "sqlite://duet.db", "restore", str(file))
    assert result.returncode == 1
    assert result.stderr == (
        "duet: DATABASE_URL: a database URL starts with sqlite:///, mongodb:// or mongodb+srv://\n"
    )


def test_there_has_to_be_something_to_back_up(tmp_path: Path) -> None:
    """In a wrong folder no empty database is made, and no backup of one."""
    result = run_duet(tmp_path, "backup", "duet.bak")
    assert result.returncode == 1
    assert result.stderr == "duet: there is no database to back up; see DATA_DIR and DATABASE_URL\n"
    assert list(tmp_path.iterdir()) == []
