"""The words of whoever wrote a route or a validator, which reach the client but never carry back what was sent.

pydantic's own messages hold bounds and types, and one of them the value. A validator's message may hold it too,
and people type passwords into the wrong field, so words that repeat something of the request are replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final, get_args

from fastapi.encoders import jsonable_encoder
from pydantic_core import PydanticKnownError
from pydantic_core.core_schema import ErrorType

from app.api.errors.fields import field_names

#: What is said where a validator said nothing, or nothing that may be shown.
UNACCEPTABLE: Final = "The value is not acceptable."
#: What FastAPI's own errors and pydantic's are called. A custom error may have borrowed the name.
_BUILT_IN: Final = frozenset(get_args(ErrorType)) - {"value_error", "assertion_error"}
#: The members of a problem detail that the answer itself determines (RFC 9457 section 3.1).
_DETERMINED: Final = frozenset({"type", "title", "status", "detail"})
#: As many characters in a row, of a value and of a message, are no coincidence.
_RUN: Final = 8
#: Characters, where each value counts as some more. Going through more than this would take the event loop's time:
#: then nothing of a validator's is shown.
_MAX_SENT: Final = 20_000
_PER_VALUE: Final = 20
_MAX_WORDS: Final = 500


def title_of(status: int) -> str:
    """Returns the name of `status`, or of its class if it is in no registry, such as 420 or 599."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Error" if status < 500 else "Server Error"


def words_of(detail: Any, status: int) -> tuple[str, dict[str, Any]]:
    """Returns an author's `detail` as a problem detail's string, and the members that go beside it.

    A dictionary becomes members (RFC 9457 section 3.2), of which `detail`, or else `message`, is the string. A
    list becomes the member `errors`, and a `detail` that is no string the member `details`.
    """
    given = detail if isinstance(detail, str) else jsonable_encoder(detail)
    if isinstance(given, dict):
        texts = (given.get(name) for name in ("detail", "message"))
        text = next((text for text in texts if isinstance(text, str) and text), title_of(status))
        members = {name: value for name, value in given.items() if name not in _DETERMINED}
        if not isinstance(given.get("detail", ""), str):
            members.setdefault("details", given["detail"])
        return text, members
    if isinstance(given, list):
        return title_of(status), {"errors": given}
    return str(given) or title_of(status), {}


class Sent:
    """What a request carried, gone through at most once, to tell whether somebody's words repeat any of it.

    Args:
        values: everything that the request carried.
        endpoint: what it was sent to. The names of its fields are its author's, and any other key is the sender's.
    """

    def __init__(self, values: Any, endpoint: Any) -> None:
        self._values = values
        self._endpoint = endpoint

    def repeats(self, words: str) -> bool:
        """Tells whether `words` contain one of the values, or a long part of one."""
        if self._parts is None or len(words) > _MAX_WORDS:
            return True
        shorts, runs = self._parts
        words = words.casefold()
        found = (value for value in shorts if value in words)
        if any(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", words) for value in found):
            return True
        return not runs.isdisjoint(_runs(words))

    @cached_property
    def _parts(self) -> tuple[set[str], set[str]] | None:
        """The short values, and the runs of the others; None if there are too many."""
        room, shorts, runs = _MAX_SENT, set[str](), set[str]()
        for value in _values(self._values, known=field_names(self._endpoint)):
            room -= _PER_VALUE + len(value)
            if room < 0:
                return None
            value = value.casefold().strip()
            if len(value) < _RUN:
                shorts.add(value)
            else:
                runs |= _runs(value)
        return shorts - {""}, runs


def is_broken_body(item: Mapping[str, Any]) -> bool:
    """Returns whether the body is not JSON, and its location ends with a position in it, as FastAPI says it.

    pydantic has the same type for a field that holds JSON as text. Then the text is the input.
    """
    return item["type"] == "json_invalid" and item.get("input") == {}


def verdict_of(item: Mapping[str, Any], sent: Sent) -> str:
    """Returns what is wrong with a value, in pydantic's words or in those of the validator that refused it.

    Args:
        item: one of pydantic's errors.
        sent: what the request carried, the value among it.
    """
    if is_broken_body(item):
        return f"The body is not JSON. The fault is after {item['loc'][-1]} characters."
    context = item.get("ctx", {})
    if item["type"] in _BUILT_IN and _is_pydantic_s(item):
        if item["type"] == "union_tag_invalid":  # the only one of pydantic's messages that quotes what was sent
            return "Input should have one of these tags as {discriminator}: {expected_tags}".format(**context)
        return str(item["msg"])
    if item["type"] == "value_error" and "reason" in context:  # pydantic's email address, which quotes parts of it
        return UNACCEPTABLE
    words = str(context.get("error", item["msg"]))  # what pydantic puts before an exception's text is left out
    return UNACCEPTABLE if not words or sent.repeats(words) else words


def _is_pydantic_s(item: Mapping[str, Any]) -> bool:
    """Returns whether a message is the one that pydantic has for such an error, and no validator's own words."""
    try:
        return str(item["msg"]) == PydanticKnownError(item["type"], item.get("ctx")).message()
    except (KeyError, TypeError):  # what its message speaks of is not there
        return False


def _runs(text: str) -> set[str]:
    """Returns everything in `text` that is as long as a run."""
    return {text[at : at + _RUN] for at in range(len(text) - _RUN + 1)}


def _values(sent: Any, *, known: Set[str]) -> Iterator[str]:
    """Yields every text and number in `sent`, every key that is not `known`, and "" for anything else."""
    queue = [sent]
    while queue:
        one = queue.pop()
        if isinstance(one, Mapping):
            yield from (key for key in one if isinstance(key, str) and key not in known)
            queue += [value for _, value in one.multi_items()] if hasattr(one, "multi_items") else one.values()
        elif isinstance(one, list | tuple | set | frozenset):
            queue += one
        if isinstance(one, bytes):
            yield one.decode("utf-8", "replace")
        elif isinstance(one, str | int | float) and not isinstance(one, bool):
            yield str(one)
        else:
            yield ""
