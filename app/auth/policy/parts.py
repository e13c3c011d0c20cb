"""What a call of something passes through: found in closures, partials, wrappers, objects and classes."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Final

#: What holds a function in an attribute of this name: decorators, methods, view functions, descriptors.
_HOLDERS: Final = ("__wrapped__", "__func__", "view_class", "fget")


def name_of(thing: Any, *, short: bool = False) -> str:
    """Returns how messages name `thing`: with its module, or without it."""
    name = attribute(thing, "__qualname__") or attribute(thing, "__name__") or type(thing).__qualname__
    module = attribute(thing, "__module__")
    return str(name) if short or not module else f"{module}.{name}"


def attribute(thing: Any, name: str) -> Any:
    """Returns an attribute, or None. Proxies of a request raise whatever they like when there is no request."""
    try:
        return getattr(thing, name, None)
    except Exception:
        return None


def is_a(thing: Any, kinds: type | tuple[type, ...]) -> bool:
    """Returns whether `thing` is of one of `kinds`. `isinstance` would ask a proxy, which may fail."""
    return issubclass(type(thing), kinds)


def reachable(thing: Any, *, held: bool = True) -> Iterator[Any]:
    """Yields the functions, objects and classes that a call of `thing` may pass through, without itself.

    Args:
        thing: what is called.
        held: whether to look at what functions hold in closures and objects in attributes, too.
    """
    seen = {id(thing)}
    queue = [thing]
    while queue:
        for inner in parts(queue.pop(), held=held):
            if callable(inner) and id(inner) not in seen:
                seen.add(id(inner))
                queue.append(inner)
                yield inner


def parts(thing: Any, *, held: bool = True) -> Iterator[Any]:
    """Yields what `thing` is made of, one step deep, with what it holds if `held`. Some of it may be None."""
    if is_a(thing, functools.partial):
        yield thing.func
    if is_a(thing, type):
        for base in thing.__mro__[:-1]:
            for value in vars(base).values():
                yield from (value, *(attribute(value, holder) for holder in _HOLDERS))
        return
    yield from (attribute(thing, holder) for holder in _HOLDERS)
    is_object = attribute(thing, "__code__") is None
    if is_object:
        yield type(thing)  # and so its methods
    if held:
        yield from _held_by(thing)
        yield from (attribute(thing, "__dict__") or {}).values() if is_object else ()


def _held_by(thing: Any) -> Iterator[Any]:
    """Yields what a closure or a partial holds."""
    if is_a(thing, functools.partial):
        yield from (*thing.args, *thing.keywords.values())
    for cell in attribute(thing, "__closure__") or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a cell that is not filled yet
            continue
