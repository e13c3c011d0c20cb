"""The names of an endpoint's parameters and fields, which its author chose and its messages may speak of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any, get_args, get_type_hints, is_typeddict

from pydantic import BaseModel


def field_names(endpoint: Any) -> frozenset[str]:
    """Returns the names, at any depth; none of what can't be found out."""
    names: set[str] = set()
    queue: list[Any] = [endpoint]
    seen: set[int] = set()
    while queue:
        one = queue.pop()
        if id(one) not in seen:
            seen.add(id(one))
            for name, annotation in _parts(one):
                names.add(name)
                queue.append(annotation)
    return frozenset(names - {""})


def _parts(one: Any) -> Iterator[tuple[str, Any]]:
    """Yields the fields and parameters of `one`, and with an empty name what else it is made of."""
    for part in (*get_args(one), getattr(one, "dependency", None)):
        yield "", part
    if isinstance(one, type) and issubclass(one, BaseModel):
        for name, field in one.model_fields.items():
            yield name, field.annotation
            yield from ((alias, None) for alias in (field.alias, field.validation_alias) if isinstance(alias, str))
        return
    if is_dataclass(one) or is_typeddict(one) or (callable(one) and not isinstance(one, type)):
        try:
            hints = get_type_hints(one, include_extras=True)
        except (NameError, TypeError):  # it names something that is not there at run time
            return
        yield from ((name, hint) for name, hint in hints.items() if name != "return")
