"""Puts a team's converters of paths off until the policy has let the caller in: a path is matched before that."""

from __future__ import annotations

from typing import Any, Final

from werkzeug.routing import BaseConverter, Map

from app.web.flask_names import converters_of

#: Where Werkzeug's own converters are.
_OWN_MODULE: Final = BaseConverter.__module__


class _Waiting(str):
    """A part of the path that a team's converter will convert."""

    converter: BaseConverter


class _Later(BaseConverter):
    """Stands in for a team's converter while a path is matched."""

    def __init__(self, converter: BaseConverter) -> None:
        super().__init__(converter.map)
        self._converter = converter

    def to_python(self, value: str) -> _Waiting:
        """Leaves the value as it is, together with what converts it."""
        waiting = _Waiting(value)
        waiting.converter = self._converter
        return waiting

    def to_url(self, value: Any) -> str:
        """Writes a value into a path: one that waits as it came, any other one as the team's converter does."""
        return super().to_url(value) if isinstance(value, _Waiting) else self._converter.to_url(value)


def put_off(url_map: Map) -> None:
    """Makes the converters that a team registered wait in all rules of `url_map`. Werkzeug's own may go on."""
    for rule in url_map.iter_rules():
        converters = converters_of(rule)
        for name, one in converters.items():
            if type(one).__module__ != _OWN_MODULE and not isinstance(one, _Later):
                converters[name] = _Later(one)


def convert(values: dict[str, Any] | None) -> None:
    """Converts, in place, what had to wait. Raises werkzeug's `ValidationError` if a value is none of its kind."""
    for name, value in (values or {}).items():
        if isinstance(value, _Waiting) and values is not None:
            values[name] = value.converter.to_python(str(value))
