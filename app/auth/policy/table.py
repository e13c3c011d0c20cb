"""The table: every endpoint of the process with its policy, resolved once at startup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from app.auth.policy.decision import PUBLIC, Policy
from app.auth.policy.reach import Root

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: what is served where, and who may call it."""

    half: str
    path: str
    methods: tuple[str, ...]
    endpoint: str
    policy: Policy

    @classmethod
    def of_root(cls, path: str, endpoint: str) -> Rule:
        """Returns the row of a route that the root serves itself and that everybody may read."""
        return cls("root", path, ("GET", "HEAD"), endpoint, PUBLIC)


@dataclass(frozen=True, slots=True)
class Covered(Generic[Part]):
    """A part of the site, and its rows of the table: the code that builds the part returns both.

    `roots` is what the frameworks call of the team's code in this part, by which lost markers are found.
    """

    part: Part
    rules: tuple[Rule, ...]
    roots: tuple[Root, ...] = ()
