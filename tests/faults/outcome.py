"""What came of a fault: how often it was injected, what was lost, and figures beside it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """A row of the table.

    Attributes:
        rounds: how often the fault happened, or a round of it ended.
        losses: a line each; an empty list is what must come out.
        figures: what was measured beside it, by name.
    """

    rounds: int = 0
    losses: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)

    def expect(self, holds: bool, loss: str) -> None:
        """Notes `loss` unless that holds."""
        if not holds:
            self.losses.append(loss)

    def note(self, name: str, value: float, unit: str) -> None:
        """Keeps the largest of the values of that name."""
        known = self.figures.get(name)
        if known is None or float(known.split()[0]) < value:
            self.figures[name] = f"{value:.3g} {unit}"
