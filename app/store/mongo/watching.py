"""What MongoDB announces by itself: a replica set has change streams, a stand-alone server has none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from pymongo.errors import OperationFailure, PyMongoError

from app.auth.errors import StoreUnavailable
from app.auth.models import Revocation, RightsChange
from app.store.mongo.base import MongoPart
from app.store.mongo.schema import SESSIONS, USERS, Document

#: The error code of a stand-alone server that is asked for a change stream.
NO_REPLICA_SET: Final = 40573
_CHANGED: Final = "updateDescription.updatedFields"
#: Selects only changes that end something, and only the fields that are needed.
_PIPELINE: Final[list[Document]] = [
    {
        "$match": {
            "operationType": "update",
            "ns.coll": {"$in": [SESSIONS, USERS]},
            "$or": [
                {f"{_CHANGED}.revoked_at": {"$exists": True}},
                {f"{_CHANGED}.rights_version": {"$exists": True}},
            ],
        }
    },
    {
        "$project": {
            "documentKey": True,
            **{
                f"{_CHANGED}.{name}": True
                for name in ("revoked_at", "revoked_reason", "rights_version", "rights_changed_at")
            },
        }
    },
]


class MongoWatching(MongoPart):
    """Listens on one connection, for which the driver waits in its own thread."""

    async def endings(self) -> AsyncIterator[Revocation | RightsChange]:
        try:
            async with self._collection(USERS).database.watch(_PIPELINE) as stream:
                async for change in stream:
                    yield _ending(change["documentKey"]["_id"], change["updateDescription"]["updatedFields"])
        except OperationFailure as error:
            if error.code == NO_REPLICA_SET:
                return
            raise StoreUnavailable from error
        except PyMongoError as error:
            raise StoreUnavailable from error


def _ending(id_: str, fields: dict[str, Any]) -> Revocation | RightsChange:
    if "revoked_at" in fields:
        return Revocation(id_, fields["revoked_at"], fields.get("revoked_reason", ""))
    return RightsChange(id_, fields["rights_version"], fields["rights_changed_at"])
