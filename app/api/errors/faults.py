"""Keeps what is wrong with a request's input short: few faults are made, fewer are listed, and each is brief.

pydantic makes a fault of every unknown field, and each becomes a dict on the event loop and a line of the answer.
For a megabyte of such fields that took 1.6 seconds, and the answer had 6 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastapi.routing import APIRoute, APIWebSocketRoute
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from app.api.fastapi_names import replace_adapters

#: An answer lists at most this many.
MOST_LISTED: Final = 20
#: If a value has more faults than this, they are counted and not made: 500 take 2 ms.
MOST_MADE: Final = 500
#: The type of the fault that stands for those that were not made. No validator of a team's has a name like this.
TOO_MANY: Final = "duet.too_many_faults"
#: A place or a sentence has at most this many characters: a dict's key in it may be as long as a body.
LONGEST: Final = 300


class _Bounded:
    """A pydantic adapter that counts the faults of a value where there are too many to make them.

    Args:
        adapter: the adapter that it stands for.
    """

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def validate_python(self, value: Any, **options: Any) -> Any:
        """Validates `value` as the adapter does. Raises `ValidationError`."""
        try:
            return self._adapter.validate_python(value, **options)
        except ValidationError as error:
            count, title = error.error_count(), error.title
            if count <= MOST_MADE:
                raise
        too_many = PydanticCustomError(TOO_MANY, "There are {count} faults here.", {"count": count})
        raise ValidationError.from_exception_data(title, [{"type": too_many, "loc": (), "input": None}])


def bound_faults(route: APIRoute | APIWebSocketRoute) -> None:
    """Has each input of `route` validated within bounds. The route refuses what it refused before."""
    replace_adapters(route.dependant, _Bounded)


def listed(faults: Sequence[dict[str, Any]]) -> tuple[Sequence[dict[str, Any]], str]:
    """Returns the faults that an answer lists, and a sentence that says that there are more, if there are."""
    count = sum(fault["ctx"]["count"] if fault["type"] == TOO_MANY else 1 for fault in faults)
    shown = faults[:MOST_LISTED]
    return shown, f" There are more faults than are listed: {count} in all." if count > len(shown) else ""


def brief(text: str) -> str:
    """Returns `text`, or as much of it as an answer repeats."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def brief_pointer(pointer: str) -> str:
    """Returns a JSON pointer, or if it is too long the longest beginning of it that is one."""
    return pointer if len(pointer) <= LONGEST else pointer[: LONGEST + 1].rpartition("/")[0]
