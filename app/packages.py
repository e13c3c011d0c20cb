"""Names that other packages do not promise to keep: where one is gone, Duet does not start, and one line says so.

They are written down in modules called `…_names` and nowhere else: one for each package, in the room that uses it.
"""

from __future__ import annotations

import dis
import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import requires, version
from types import CodeType, FunctionType
from typing import Any, Final

#: A place as `PrivateNames` takes it: the module, a name in it with or without an attribute, and a parameter.
_PLACE: Final = re.compile(r"(?P<module>[\w.]+):(?P<path>[\w.]+)(?:\((?P<parameter>\w+)\))?")
_STORE_ATTR: Final = dis.opmap["STORE_ATTR"]


class PackageUnfit(Exception):
    """A package has lost a name that Duet needs. The message is one line."""


class PrivateNames:
    """What Duet uses of one package although that package does not document it as public.

    Args:
        package: the package's name in `pyproject.toml`.
        places: where each name is: `module:name`, `module:Class.attribute`, or `module:function(parameter)`. An
            attribute may be one that the methods of the class set on their instance.
    """

    def __init__(self, package: str, *places: str) -> None:
        self.package = package
        self.places = places

    def check(self) -> None:
        """Looks whether every name is there. Raises `PackageUnfit`, which tells the first that is gone."""
        for place in self.places:
            self._check(place)

    def gone(self, owner: str, name: str) -> PackageUnfit:
        """The error that says that `owner` has no `name` any more."""
        needed = next(filter(None, (self._bounds(line) for line in requires("duet") or ())), "")
        return PackageUnfit(
            f"{self.package} {version(self.package)}: {owner} has no {name} any more; "
            f"Duet needs {self.package} {needed}".rstrip()
        )

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Around the imports of such names: raises `PackageUnfit` where one of them is gone."""
        try:
            yield
        except ImportError:
            self.check()
            raise  # it is something else that can't be imported

    def _bounds(self, requirement: str) -> str:
        """The versions in `requirement`, the lowest first, if it is of this package."""
        found = re.match(rf"{re.escape(self.package)}\s*((?:[<>=!~][^;]*)?)(?:;|$)", requirement)
        return ",".join(sorted(found[1].strip().split(","), reverse=True)) if found else ""

    def _check(self, place: str) -> None:
        parts = _PLACE.fullmatch(place)
        assert parts is not None, place
        owner, owner_name = self._module(parts["module"]), parts["module"]
        for name in parts["path"].split("."):
            if not (hasattr(owner, name) or _sets(owner, name)):
                raise self.gone(owner_name, name)
            owner_name = name if inspect.ismodule(owner) else f"{owner_name}.{name}"
            owner = getattr(owner, name, None)
        parameter = parts["parameter"]
        if parameter is not None and parameter not in inspect.signature(owner).parameters:
            raise self.gone(owner_name, f"parameter {parameter}")

    def _module(self, name: str) -> Any:
        try:
            return import_module(name)
        except ImportError as error:
            raise self.gone(name.partition(".")[0], f"module {name}") from error


def _sets(owner: Any, name: str) -> bool:
    """Whether a method of the class `owner` sets the attribute `name` on something, its instance as a rule."""
    if not isinstance(owner, type):
        return False
    members = (getattr(member, "__func__", member) for one in owner.__mro__ for member in vars(one).values())
    codes = (member.__code__ for member in members if isinstance(member, FunctionType))
    return any(name in code.co_names and _stores(code, name) for code in codes)


def _stores(code: CodeType, name: str) -> bool:
    """Whether an instruction of `code` sets an attribute `name`. `dis` would tell it at fifty times the cost."""
    steps, index = code.co_code, code.co_names.index(name)
    return any(
        operation == _STORE_ATTR and argument == index % 256  # what is above 255 stands in the step before
        for operation, argument in zip(steps[::2], steps[1::2], strict=True)
    )
