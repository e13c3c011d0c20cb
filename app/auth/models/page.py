"""Describes a list that is read part by part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list, and where the next part begins."""

    items: list[Item]
    #: Handed back to get the next page; None if this is the last one.
    cursor: str | None = None
