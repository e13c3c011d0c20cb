"""What the operating system knows of this process, so coarsely that no single request shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import Metric, ProcessCollector
from prometheus_client.registry import Collector

#: The figures that are told, each rounded down to a multiple. A mail that is written, or a connection to the mail
#: server, would show in finer ones, and in the number of descriptors, so that one is not told at all: somebody who
#: looks at them around 'forgot password' would learn who has an account.
STEPS: Final = {
    "process_cpu_seconds": 1.0,
    "process_resident_memory_bytes": 1024.0**2,
    "process_virtual_memory_bytes": 1024.0**2,
    "process_start_time_seconds": 0.01,
    "process_max_fds": 1.0,
}


class ProcessFigures(Collector):
    """Reads them when it is asked."""

    def __init__(self) -> None:
        self._all = ProcessCollector(registry=None)

    def collect(self) -> Iterator[Metric]:
        for family in self._all.collect():
            step = STEPS.get(family.name)
            if step is not None:
                family.samples = [
                    sample._replace(value=sample.value // step * step) if step >= 1 else sample
                    for sample in family.samples
                ]
                yield family
