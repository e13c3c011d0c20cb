"""Finds markers that guard nothing although code that is served uses what carries them.

A view may call a marked helper, hand it to a background task, or keep it in a table. Nobody asks the marker there.
So from everything that the frameworks call, the names that its code uses are followed, through the modules of the
same package. A marked function that nothing leads to is left alone: it may belong to a blueprint or to another app
of the process that is not served here, and there it does no harm.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from app.auth.policy.errors import PolicyError
from app.auth.policy.markers import mark_of
from app.auth.policy.parts import attribute, is_a, name_of, parts, reachable

_DUET: Final = __name__.partition(".")[0]
_BOXES: Final = (list, tuple, set, frozenset)


@dataclass(frozen=True, slots=True)
class Root:
    """Something that a framework calls.

    Args:
        name: how messages name it.
        target: what is called.
        is_endpoint: whether its marker guards it.
    """

    name: str
    target: Any
    is_endpoint: bool = False


def refuse_lost_marks(roots: Sequence[Root]) -> None:
    """Raises `PolicyError` if code that `roots` lead to uses something marked that is no endpoint among them."""
    guarding = {id(one) for root in roots if root.is_endpoint for one in (root.target, *reachable(root.target))}
    for root in roots:
        for found in _used_by(root.target):
            mark = mark_of(found)
            if mark is not None and id(found) not in guarding:
                raise PolicyError(
                    f"{root.name}: its code uses {name_of(found)}, whose marker '{mark}' guards nothing: it is no "
                    "endpoint of this app. Mark the endpoint, or ask for the caller's role in the code."
                )


def _used_by(target: Any) -> Iterator[Any]:
    """Yields what the code of `target` uses, directly or through other code of the same package."""
    package = _package_of(target)
    if package == _DUET:
        return
    seen, queue = {id(target)}, [target]
    while queue:
        one = queue.pop()
        for found in _step(one):
            if found is None or id(found) in seen or is_a(found, ModuleType):
                continue
            seen.add(id(found))
            if is_a(found, (*_BOXES, dict)) or _package_of(found) == package:
                yield found
                queue.append(found)


def _step(thing: Any) -> Iterator[Any]:
    """Yields what `thing` leads to, one step deep."""
    if is_a(thing, dict):
        yield from thing.values()
    elif is_a(thing, _BOXES):
        yield from thing
    else:
        yield from parts(thing)
        if not is_a(thing, (type, FunctionType)):
            yield type(thing)
        if is_a(thing, FunctionType):
            yield from _named_in(thing.__code__, thing.__globals__)


def _named_in(code: CodeType, names: dict[str, Any]) -> Iterator[Any]:
    """Yields the values of the module's names that `code` uses, also as attributes of imported modules."""
    value: Any = None
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            value = names.get(step.argval)
            yield value
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and is_a(value, ModuleType):
            value = attribute(value, step.argval)
            yield value
        elif step.opname != "CACHE":
            value = None
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _named_in(inner, names)


def _package_of(thing: Any) -> str:
    """Returns the package in which `thing`, or else its class, was defined."""
    while is_a(thing, partial):
        thing = thing.func
    return str(attribute(thing, "__module__") or type(thing).__module__).partition(".")[0]
