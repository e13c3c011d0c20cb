"""A MongoDB replica set of three real servers, whose primary can be killed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.kit.services import Mongod

#: How long the members may take to agree, in seconds.
AGREED_WITHIN = 60


class _Member(Mongod):
    """A member of the set. It is ready when it answers: all members together make the set."""

    def _is_ready(self, client: MongoClient[dict[str, Any]]) -> bool:
        try:
            client.admin.command("ping")
        except PyMongoError:
            return False
        return True


class ReplicaSet:
    """Three members in separate folders, with MongoDB's own timeouts."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.members = [_Member(folder / f"member{number}", replica_set=True) for number in range(3)]

    @property
    def url(self) -> str:
        """The URL, with the name of a database."""
        hosts = ",".join(f"127.0.0.1:{member.port}" for member in self.members)
        return f"mongodb://{hosts}/duet?replicaSet=rs0"

    def start(self) -> None:
        """Returns when there is a primary."""
        for member in self.members:
            member.start()
        config = {
            "_id": "rs0",
            "members": [
                {"_id": number, "host": f"127.0.0.1:{member.port}"} for number, member in enumerate(self.members)
            ],
        }
        with _directly(self.members[0]) as client:
            client.admin.command("replSetInitiate", config)
        self.primary()

    def primary(self) -> _Member:
        """The member that takes writes, once there is one."""
        return self._wait_for({"PRIMARY"}, 1)[0]

    def wait_until_whole(self) -> None:
        """Returns when all three have caught up."""
        self._wait_for({"PRIMARY", "SECONDARY"}, len(self.members))

    def _wait_for(self, states: set[str], count: int) -> list[_Member]:
        deadline = time.monotonic() + AGREED_WITHIN
        while True:
            found = [member for member in self.members if _state(member) in states]
            if len(found) >= count:
                return found
            if time.monotonic() > deadline:
                raise RuntimeError(f"of the replica set {len(found)} are {states}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Ends all of them at once."""
        for member in self.members:
            member.stop()


def _directly(member: Mongod) -> MongoClient[dict[str, Any]]:
    return MongoClient(member.url, directConnection=True, serverSelectionTimeoutMS=500, connectTimeoutMS=500)


def _state(member: Mongod) -> str:
    try:
        with _directly(member) as client:
            hello = client.admin.command("hello")
    except PyMongoError:
        return "DOWN"
    if hello.get("isWritablePrimary"):
        return "PRIMARY"
    return "SECONDARY" if hello.get("secondary") else "OTHER"
