"""The API, at `/api/notes`, over the same data as the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, status
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import CurrentPrincipal
from app.api.schemas import Problem
from app.auth.policy import require
from examples.notes.notebook import MAX_LENGTH, Notebook, NoteRefused

_ERRORS: Final[dict[int | str, dict[str, Any]]] = {422: {"model": Problem}}
_NOT_FOUND: Final[dict[int | str, dict[str, Any]]] = {404: {"model": Problem}}


class NewNote(BaseModel):
    """A note to keep."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(max_length=MAX_LENGTH)]


class NoteOut(BaseModel):
    """A note that is kept."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    text: str
    created_at: datetime


class CountOut(BaseModel):
    """How many notes there are."""

    total: int


def create_router(notebook: Notebook) -> APIRouter:
    """The routes over `notebook`."""
    router = APIRouter(prefix="/notes", tags=["notes"])

    @router.get("")
    async def list_notes(principal: CurrentPrincipal) -> list[NoteOut]:
        """The caller's notes, the latest first."""
        return [NoteOut.model_validate(note) for note in await notebook.of(principal.user_id)]

    @router.post("", status_code=status.HTTP_201_CREATED, responses=_ERRORS)
    async def add_note(new: NewNote, principal: CurrentPrincipal) -> NoteOut:
        """Keeps a note."""
        try:
            return NoteOut.model_validate(await notebook.add(principal.user_id, new.text))
        except NoteRefused as error:
            raise HTTPException(422, str(error)) from None

    @router.get("/count")
    @require(role="admin")
    async def count_notes() -> CountOut:
        """How many notes there are, of all users."""
        return CountOut(total=await notebook.count())

    @router.delete("/{note_id}", status_code=status.HTTP_204_NO_CONTENT, responses=_NOT_FOUND)
    async def delete_note(note_id: str, principal: CurrentPrincipal) -> None:
        """Deletes one of the caller's own notes."""
        if not await notebook.delete(principal.user_id, note_id):
            raise HTTPException(404)

    return router
