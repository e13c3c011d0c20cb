"""The outcome of a fault: how often it was injected, what was lost, and figures beside it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """A row of the table.

    Attributes:
        rounds: how often the fault happened, or a round of it ended.
        losses: a line for each; the list must be empty in the end.
        figures: what was measured beside it, by name.
        late: a line for each figure that is over its limit. `scripts/faults` counts them as losses. Tests are
            run on busy machines too, and print them.
    """

    rounds: int = 0
    losses: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)

    def expect(self, holds: bool, loss: str) -> None:
        """Notes `loss` unless that holds."""
        if not holds:
            self.losses.append(loss)

    def limit(self, name: str, seconds: float, most: float) -> None:
        """Keeps the figure of that name, and notes it as late if it is over `most`."""
        self.note(name, seconds, "s")
        if seconds > most:
            self.late.append(f"{name} {seconds:.1f} s, at most {most:.1f} s are allowed")

    def note(self, name: str, value: float, unit: str) -> None:
        """Keeps the largest of the values of that name."""
        known = self.figures.get(name)
        if known is None or float(known.split()[0]) < value:
            self.figures[name] = f"{value:.3g} {unit}"
