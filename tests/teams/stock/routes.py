"""The routes, at `/api/stock`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Depends, HTTPException, Security, UploadFile, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.security import SecurityScopes
from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.deps import CurrentPrincipal
from app.auth.models import Principal
from tests.teams.stock.database import Database, Item, Movement

#: What each role may do, in scopes of the team's own.
_SCOPES = {"keeper": {"stock:read", "stock:write"}, "clerk": {"stock:read"}}


class ItemIn(BaseModel):
    """A new item."""

    name: str = Field(max_length=100)
    count: int = Field(default=0, ge=0, le=1_000_000)

    @field_validator("name")
    @classmethod
    def _is_no_number(cls, name: str) -> str:
        if name.isdigit():
            raise ValueError("an item is not named by a number")
        return name


class ItemOut(BaseModel):
    """An item as it is now."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    count: int


class Change(BaseModel):
    """How many come or go."""

    change: int = Field(ge=-1000, le=1000)


async def allowed(needed: SecurityScopes, principal: CurrentPrincipal) -> Principal:
    """The caller, if a role of theirs brings every scope that the route asks for."""
    held = set().union(*(_SCOPES.get(role, set()) for role in principal.roles))
    if missing := [scope for scope in needed.scopes if scope not in held]:
        raise HTTPException(403, f"You lack {missing[0]}", headers={"WWW-Authenticate": "Bearer"})
    return principal


Reader = Annotated[Principal, Security(allowed, scopes=["stock:read"])]
Writer = Annotated[Principal, Security(allowed, scopes=["stock:read", "stock:write"])]


def create_router(database: Database, *, photos: Path) -> APIRouter:
    """The routes over `database`, with pictures of the items in the folder `photos`."""
    router = APIRouter(prefix="/stock", tags=["stock"])
    _add_items(router, database)
    _add_changes(router, database)
    _add_photos(router, database, photos)
    _add_events(router, database)
    return router


def item_in(database: Database) -> Callable[..., Coroutine[Any, Any, Item]]:
    """The dependency that finds the item in a route's path."""

    async def found(
        item_id: int, session: Annotated[AsyncSession, Depends(database.session, scope="function")]
    ) -> Item:
        item = await session.get(Item, item_id)
        if item is None:
            raise HTTPException(404, f"No item {item_id}")
        return item

    return found


def _add_items(router: APIRouter, database: Database) -> None:
    @router.get("/")
    async def items(
        _: Reader, session: Annotated[AsyncSession, Depends(database.session, scope="function")]
    ) -> list[ItemOut]:
        """Everything, by name."""
        return [ItemOut.model_validate(item) for item in await session.scalars(select(Item).order_by(Item.name))]

    @router.post("/", status_code=201)
    async def add(
        new: ItemIn, _: Writer, session: Annotated[AsyncSession, Depends(database.session, scope="function")]
    ) -> ItemOut:
        """Adds something."""
        item = Item(**new.model_dump())
        session.add(item)
        try:
            await session.flush()
        except IntegrityError:
            raise HTTPException(409, {"message": "There is one already", "name": new.name}) from None
        return ItemOut.model_validate(item)


def _add_changes(router: APIRouter, database: Database) -> None:
    async def note(item_id: int, principal: Principal, change: int) -> None:
        async with database.sessions.begin() as session:
            session.add(Movement(item_id=item_id, by=principal.user_id, change=change))

    @router.post("/{item_id}/changes")
    async def change(
        item: Annotated[Item, Depends(item_in(database))],
        by: Change,
        principal: Writer,
        later: BackgroundTasks,
        session: Annotated[AsyncSession, Depends(database.session, scope="function")],
    ) -> ItemOut:
        """Takes or brings some. Nothing is kept of a change that would leave less than none."""
        item.count += by.change
        await session.flush()
        if item.count < 0:
            raise HTTPException(409, "There are not that many")
        later.add_task(note, item.id, principal, by.change)
        return ItemOut.model_validate(item)

    @router.get("/{item_id}/movements")
    async def movements(
        item: Annotated[Item, Depends(item_in(database))],
        _: Reader,
        session: Annotated[AsyncSession, Depends(database.session, scope="function")],
    ) -> list[int]:
        """The changes so far, the first one first."""
        rows = select(Movement.change).where(Movement.item_id == item.id).order_by(Movement.id)
        return list(await session.scalars(rows))


def _add_photos(router: APIRouter, database: Database, photos: Path) -> None:
    @router.put("/{item_id}/photo")
    async def photo(
        item: Annotated[Item, Depends(item_in(database))], _: Writer, file: UploadFile
    ) -> dict[str, str | int | None]:
        """Keeps a picture of it."""
        photos.mkdir(exist_ok=True)
        content = await file.read()
        await asyncio.to_thread((photos / str(item.id)).write_bytes, content)
        return {"filename": file.filename, "content_type": file.content_type, "size": len(content)}


def _add_events(router: APIRouter, database: Database) -> None:
    async def count_of(item_id: int) -> int:
        async with database.sessions() as session:
            return await session.scalar(select(Item.count).where(Item.id == item_id)) or 0

    async def told(item_id: int) -> AsyncIterator[str]:
        last = None
        while last != 0:
            now = await count_of(item_id)
            if now != last:
                yield f"data: {now}\n\n"
            last = now
            await asyncio.sleep(0.01)

    @router.get("/{item_id}/events")
    async def events(item: Annotated[Item, Depends(item_in(database))], _: Reader) -> StreamingResponse:
        """Tells how much there is whenever that changes, until there is none (server-sent events)."""
        return StreamingResponse(told(item.id), media_type="text/event-stream")

    @router.websocket("/{item_id}/desk")
    async def desk(socket: WebSocket, item_id: int, principal: CurrentPrincipal) -> None:
        """Answers each number with how much there would be after it, until somebody hangs up."""
        await socket.accept()
        async for text in socket.iter_text():
            would_be = await count_of(item_id) + int(text)
            await socket.send_json({"would_be": would_be, "asked_by": principal.user_id})
