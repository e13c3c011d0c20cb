"""What every store guarantees for the limit on rows of the audit log: some have no row, and each is counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.auth.models import AuditEvent, EventLimit
from app.auth.ports import LoginRecord, Store
from tests.store.records import DAY, MINUTE, MS, NOW, all_events, make_event, make_session, make_user, new_password

LIMIT = EventLimit(free=2, most=4, window=DAY, spacing=MINUTE, wide_spacing=timedelta(hours=1))


class Writer:
    """Writes events of one user, one a millisecond."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.count = 0

    async def write(self, *, at: datetime = NOW, **given: Any) -> None:
        """Write an event."""
        self.count += 1
        values = {"user_id": "u1", "event": "login", "ip": "192.0.2.1", **given}
        event = make_event(f"e{self.count:03}", at=at + self.count * MS, **values)
        await self.store.add_audit_event(event, limit=LIMIT)

    async def rows(self) -> dict[str, int]:
        """The ids of the rows, the oldest first, and how many more each stands for."""
        return {event.id: event.repeated for event in reversed(await all_events(self.store))}


@pytest.fixture
def writer(store: Store) -> Writer:
    """Writes to an empty store of each kind."""
    return Writer(store)


async def test_s39_events_that_are_alike_have_a_row_a_few_times_and_are_then_counted(writer: Writer) -> None:
    """The first ones have a row; the others are counted in the last of those, until a while has passed."""
    for _ in range(5):
        await writer.write()
    assert await writer.rows() == {"e001": 0, "e002": 3}
    await writer.write(at=NOW + MINUTE)
    await writer.write(at=NOW + MINUTE)
    assert await writer.rows() == {"e001": 0, "e002": 3, "e006": 1}


@pytest.mark.parametrize("other", [{"ip": "192.0.2.2"}, {"detail": "why"}])
async def test_s39_an_event_from_elsewhere_or_for_another_reason_is_not_hidden(
    writer: Writer, other: dict[str, Any]
) -> None:
    """What came from one IP address, for one reason, takes no row from the first of another."""
    nothing: dict[str, Any] = {}
    for given in (nothing, nothing, nothing, other, other, other):
        await writer.write(**given)
    assert await writer.rows() == {"e001": 0, "e002": 1, "e004": 0, "e005": 1}


async def test_s39_different_events_of_a_kind_have_a_limit_too(writer: Writer) -> None:
    """A detail that is new each time brings no more rows than the larger limit, and then one in a longer while."""
    for number in range(6):
        await writer.write(detail=str(number))
    await writer.write(at=NOW + MINUTE, detail="later")
    assert await writer.rows() == {"e001": 0, "e002": 0, "e003": 0, "e004": 3}
    await writer.write(at=NOW + timedelta(hours=1), detail="much later")
    assert (await writer.rows())["e008"] == 0


@pytest.mark.parametrize("other", [{"user_id": "u2"}, {"event": "logout"}, {"actor_id": "u3"}])
async def test_s39_other_events_have_rows_of_their_own(writer: Writer, other: dict[str, Any]) -> None:
    """Neither the limit nor the count of one user, kind or actor concerns another's."""
    for _ in range(5):
        await writer.write()
    await writer.write(**other)
    assert await writer.rows() == {"e001": 0, "e002": 3, "e006": 0}


async def test_s39_after_a_day_the_first_ones_have_rows_again(writer: Writer) -> None:
    """What is older than the window no longer counts."""
    for at in (NOW, NOW, NOW, NOW + DAY + MINUTE, NOW + DAY + MINUTE, NOW + DAY + MINUTE):
        await writer.write(at=at)
    assert await writer.rows() == {"e001": 0, "e002": 1, "e004": 0, "e005": 1}


async def test_s39_logins_and_new_passwords_have_the_limit_as_well(store: Store) -> None:
    """Their rows are written with the change itself, and so is the count."""
    await store.add_user(make_user())

    def event(number: int, kind: str) -> AuditEvent:
        return make_event(f"{kind}{number}", at=NOW + number * MS, user_id="u1", event=kind)

    for number in range(4):
        record = LoginRecord(event(number, "login"), "device", limit=LIMIT)
        assert await store.add_session(make_session(f"s{number}"), record=record)
    for number in range(4):
        new = new_password(credentials_version=number, event=event(number, "password_changed"), limit=LIMIT)
        assert await store.replace_password(new)
    rows = {event.id: event.repeated for event in await all_events(store)}
    assert rows == {"login0": 0, "login1": 2, "password_changed0": 0, "password_changed1": 2}


async def test_without_a_limit_every_event_has_a_row(store: Store) -> None:
    """Only who asks for a limit gets one."""
    for number in range(10):
        await store.add_audit_event(make_event(f"e{number}", user_id="u1"))
    assert [event.repeated for event in await all_events(store)] == [0] * 10
