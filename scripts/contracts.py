"""A kind of import contract: a table that says what each part of the code may import.

import-linter's own kinds forbid the imports that somebody thought of. This one allows imports: a part without a
row, an import that the row does not name, and an import that goes around another part's face all break it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


@dataclass(frozen=True)
class Row:
    """What one part may import.

    Args:
        part: a package or module. What lies below it belongs to it, unless that has its own row.
        allowed: names of modules. `app.store` is that face alone, `app.store.*` also all that lies below it.
    """

    part: str
    allowed: frozenset[str]

    @classmethod
    def read(cls, text: str) -> Row:
        """Parses a row that is written `part: name, name`."""
        part, _, names = text.partition(":")
        return cls(part.strip(), frozenset(name.strip() for name in names.split(",") if name.strip()))

    def allows(self, module: str) -> bool:
        """Whether `module` may be imported."""
        above = module.split(".")
        return module in self.allowed or any(
            f"{'.'.join(above[:length])}.*" in self.allowed for length in range(1, len(above) + 1)
        )


class AllowedImports(Contract):
    """A contract that breaks if a module imports what the row of its part does not allow.

    Options:
        table: the rows, in the form that `Row.read` parses.
    """

    type_name = "allowed"

    table = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Checks every direct import. Every part may import the standard library."""
        table: list[str] = self.table  # type: ignore[assignment]
        rows = {row.part: row for row in map(Row.read, table)}
        faults = sorted({*_unused(rows, graph), *_faults(rows, graph)})
        return ContractCheck(kept=not faults, metadata={"faults": faults})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Prints a line for each fault."""
        for fault in check.metadata["faults"]:
            output.print_error(f"- {fault}", bold=False)
        output.new_line()


def _unused(rows: dict[str, Row], graph: ImportGraph) -> Iterator[str]:
    for part in rows.keys() - graph.modules:
        yield f"{part} has a row, and does not exist"


def _faults(rows: dict[str, Row], graph: ImportGraph) -> Iterator[str]:
    root = next(iter(rows)).partition(".")[0]
    for module in graph.modules:
        if module.partition(".")[0] != root:
            continue
        row = _row_of(module, rows)
        if row is None:
            yield f"{module} has no row"
            continue
        for imported in graph.find_modules_directly_imported_by(module):
            if imported.partition(".")[0] in sys.stdlib_module_names or _row_of(imported, rows) is row:
                continue
            if not row.allows(imported):
                yield f"{module} imports {imported}, which the row of {row.part} does not allow"


def _row_of(module: str, rows: dict[str, Row]) -> Row | None:
    """The row of the innermost part that `module` belongs to."""
    while module:
        if module in rows:
            return rows[module]
        module = module.rpartition(".")[0]
    return None
