"""The table in `pyproject.toml` allows the imports that it names, and no others."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import grimp
import pytest

from scripts.contracts import AllowedImports, Row
from tests.kit.programs import ROOT


def _table() -> list[str]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [rows] = [contract["table"] for contract in contracts if contract["type"] == "allowed"]
    return list(rows)


TABLE = _table()
PARTS = [Row.read(text).part for text in TABLE]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """The imports as the code has them."""
    return grimp.build_graph("app", include_external_packages=True, cache_dir=None)


def faults(graph: grimp.ImportGraph, table: list[str]) -> list[str]:
    """What the contract reports for `graph`."""
    options: dict[str, Any] = {"table": table}
    contract = AllowedImports("the table", {"root_packages": ["app"]}, options)
    found: list[str] = contract.check(graph, verbose=False).metadata["faults"]
    return found


def strangers(part: str) -> Iterator[str]:
    """The faces of other parts, and packages, that `part` may not import."""
    row = Row.read(TABLE[PARTS.index(part)])
    for other in [*PARTS, "fastapi", "flask", "motor"]:
        if not row.allows(other) and not f"{other}.".startswith(f"{part}.") and other not in ("app", "app.auth"):
            yield other


def test_the_code_is_as_the_table_says(graph: grimp.ImportGraph) -> None:
    """No module imports what its part's row does not name."""
    assert faults(graph, TABLE) == []


@pytest.mark.parametrize("part", PARTS)
def test_a_forbidden_import_is_seen_in_every_part(graph: grimp.ImportGraph, part: str) -> None:
    """Each import too many is told, whichever part it is planted in and whatever it names."""
    planted = list(strangers(part))
    for stranger in planted:
        graph.add_import(importer=part, imported=stranger)
    found = faults(graph, TABLE)
    for stranger in planted:
        graph.remove_import(importer=part, imported=stranger)
    assert sorted(found) == sorted(
        f"{part} imports {stranger}, which the row of {part} does not allow" for stranger in planted
    )


def test_nobody_goes_round_a_face(graph: grimp.ImportGraph) -> None:
    """A room behind the face of another part may not be imported where the face may."""
    graph.add_import(importer="app.gate", imported="app.auth.bearers.personal")
    found = faults(graph, TABLE)
    graph.remove_import(importer="app.gate", imported="app.auth.bearers.personal")
    assert found == ["app.gate imports app.auth.bearers.personal, which the row of app.gate does not allow"]


def test_a_part_without_a_row_is_seen(graph: grimp.ImportGraph) -> None:
    """A new part needs a row before anybody may build in it, and a row without its part has to go."""
    graph.add_module("app_new")  # another root, which is not ours to judge
    assert faults(graph, [*TABLE, "app.cellar: app.auth.models"]) == ["app.cellar has a row, and does not exist"]
    without = [text for text in TABLE if Row.read(text).part not in ("app", "app.gate")]
    assert "app.gate has no row" in faults(graph, without)
