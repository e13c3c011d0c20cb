"""The clock of a process, on a machine whose own clock is set back and forth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.auth.clock import SystemClock

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Machine:
    """A machine's clock, which can be set, and the time that really passes."""

    def __init__(self) -> None:
        self.wall = NOW
        self.seconds = 0.0

    def wait(self, seconds: float) -> None:
        """Let this much time pass."""
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock(machine: Machine) -> SystemClock:
    return SystemClock(wall=lambda: machine.wall, monotonic=lambda: machine.seconds)


def test_it_tells_the_machine_s_time_in_milliseconds(machine: Machine, clock: SystemClock) -> None:
    """Milliseconds are cut, not rounded, so no instant is given before it has come."""
    machine.wait(1.2349)
    assert clock.now() == NOW + timedelta(seconds=1, milliseconds=234)


def test_it_goes_forward_with_the_machine_s(machine: Machine, clock: SystemClock) -> None:
    """When the machine's clock is set forward, this one follows at once."""
    machine.wall += HOUR
    assert clock.now() == NOW + HOUR


@pytest.mark.parametrize("asked_every", [1.0, 600.0])
def test_it_never_steps_back(machine: Machine, clock: SystemClock, asked_every: float) -> None:
    """When the machine's clock is set back, this one runs at half speed until the other has caught up."""
    told = [clock.now()]
    machine.wall -= HOUR
    while machine.seconds < 3 * 3600:
        machine.wait(asked_every)
        told.append(clock.now())
    assert told == sorted(set(told))
    after_an_hour = told[round(3600 / asked_every)]
    assert after_an_hour == NOW + HOUR / 2
    assert told[-1] == machine.wall
