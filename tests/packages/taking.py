"""Removes a name from the real package, as a later version of it might."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Any

import pytest

from app.packages import PackageUnfit, PrivateNames


def places(names: PrivateNames) -> pytest.MarkDecorator:
    """Makes a test run once for each of `names`, as `place`."""
    return pytest.mark.parametrize("place", names.places)


def take_away(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Removes what is at `place`, as `PrivateNames` writes it, from its module, class or signature."""
    module, _, path = place.rstrip(")").partition(":")
    path, _, parameter = path.partition("(")
    *above, last = path.split(".")
    owner: Any = import_module(module)
    for name in above:
        owner = getattr(owner, name)
    if parameter:
        _without_parameter(monkeypatch, getattr(owner, last), parameter)
        return
    for one in owner.__mro__ if isinstance(owner, type) else [owner]:
        if last in vars(one):
            monkeypatch.delattr(one, last)
    for one in owner.__mro__ if isinstance(owner, type) else []:
        for member in vars(one).values():
            _without_attribute(monkeypatch, getattr(member, "__func__", member), last)


def _without_parameter(monkeypatch: pytest.MonkeyPatch, function: Any, parameter: str) -> None:
    whole = inspect.signature(function)
    rest = [one for name, one in whole.parameters.items() if name != parameter]
    assert len(rest) < len(whole.parameters)
    monkeypatch.setattr(function, "__signature__", whole.replace(parameters=rest), raising=False)


def _without_attribute(monkeypatch: pytest.MonkeyPatch, function: Any, name: str) -> None:
    """Makes a method set one of its instance's attributes under another name."""
    code = getattr(function, "__code__", None)
    if code is not None and name in code.co_names:
        others = tuple(f"{one}_now" if one == name else one for one in code.co_names)
        monkeypatch.setattr(function, "__code__", code.replace(co_names=others))


def assert_refused(package: str, missing: str, start: Callable[[], object]) -> None:
    """Checks that `start` ends with the one line that `missing`, 'owner has no name', calls for."""
    with pytest.raises(PackageUnfit) as refusal:
        start()
    expected = rf"{package} {re.escape(version(package))}: {re.escape(missing)} any more; Duet needs {package} "
    assert re.fullmatch(expected + r">=[\d.]+,<[\d.]+", str(refusal.value)), str(refusal.value)


def missing_at(place: str) -> str:
    """What is said about `place`: 'owner has no name'."""
    module, _, path = place.rstrip(")").partition(":")
    path, _, parameter = path.partition("(")
    if parameter:
        return f"{path} has no parameter {parameter}"
    owner, _, name = path.rpartition(".")
    return f"{owner or module} has no {name}"
