"""What one account can repeat all day does not fill the audit log, and nothing of it is hidden."""

from __future__ import annotations

import pytest

from app.auth.audit import ROWS
from app.auth.errors import InvalidGrant, RoleMissing
from app.auth.models import ADMIN, AuditEvent, Client
from tests.auth.house import API, WEB, House
from tests.kit.duet import PASSWORD

EMAIL = "ada@example.com"
#: More often than that may be.
OFTEN = ROWS.most + 20


async def rows(house: House, event: str) -> list[AuditEvent]:
    """The rows of one kind."""
    return (await house.auth.audit.events(event=event, limit=500)).items


def told(found: list[AuditEvent]) -> int:
    """How many events the rows stand for."""
    return len(found) + sum(row.repeated for row in found)


async def test_s39_a_dead_refresh_token_is_written_down_a_few_times(each_house: House) -> None:
    """However often it is shown, there are few rows, and they tell how often it was."""
    house = each_house
    await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.endings.log_out(pair.principal, API)
    for _ in range(OFTEN):
        with pytest.raises(InvalidGrant):
            await house.auth.refreshing.refresh(pair.refresh_token or "", API)
    found = await rows(house, "refresh_refused")
    assert len(found) == ROWS.free
    assert told(found) == OFTEN


async def test_s39_ending_all_others_is_an_event_if_there_were_any(each_house: House) -> None:
    """A row says that sessions were ended; where there was none, nothing happened."""
    house = each_house
    await house.make_user()
    ada = (await house.auth.sessions.log_in(EMAIL, PASSWORD, API)).principal
    await house.auth.sessions.log_in(EMAIL, PASSWORD, WEB)
    assert await house.auth.endings.end_others(ada, API) == 1
    for _ in range(5):
        assert await house.auth.endings.end_others(ada, API) == 0
    assert len(await rows(house, "other_sessions_revoked")) == 1


async def test_s39_tokens_that_are_made_and_removed_all_day_have_a_limit(each_house: House) -> None:
    """Each row names another token, so there are more of them, but not without end."""
    house = each_house
    await house.make_user()
    ada = (await house.auth.sessions.log_in(EMAIL, PASSWORD, API)).principal
    for _ in range(OFTEN):
        token, _ = await house.auth.personal_tokens.create(ada, "script", API)
        await house.auth.personal_tokens.remove(ada, token.id, API)
    for event in ("personal_token_created", "personal_token_removed"):
        found = await rows(house, event)
        assert len(found) == ROWS.most
        assert told(found) == OFTEN


async def test_s39_logins_have_a_limit_and_one_from_elsewhere_is_written(house: House) -> None:
    """A script that logs in all day has few rows, and hides nobody who logs in from another IP address."""
    user = await house.make_user()
    for _ in range(ROWS.free + 10):
        await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    await house.auth.sessions.log_in(EMAIL, PASSWORD, WEB)
    found = await rows(house, "login")
    assert (len(found), told(found)) == (ROWS.free + 1, ROWS.free + 11)
    assert (found[0].user_id, found[0].ip) == (user.id, WEB.ip) != (user.id, API.ip)


async def test_s39_an_admin_s_acts_have_a_limit_each(house: House) -> None:
    """Invitations that concern no account yet are counted by who made them, and refusals by who met them."""
    chief = await house.make_user("grace@example.com", roles=[ADMIN])
    by = (await house.auth.sessions.log_in(chief.email, PASSWORD, WEB)).principal
    for _ in range(ROWS.free + 10):
        link = await house.auth.invitations.invite(by, WEB)
        await house.auth.invitations.withdraw(link.id, WEB, by=by)
        await house.auth.audit.refused(by, RoleMissing("owner"), WEB)
    for event in ("invited", "invite_withdrawn", "refused"):
        found = await rows(house, event)
        assert (len(found), told(found)) == (ROWS.free, ROWS.free + 10)


async def test_s39_no_number_of_harmless_acts_hides_a_grant_of_rights(each_house: House) -> None:
    """What somebody else does to an account has a row if it is unlike the rest, however much there was before."""
    house = each_house
    chief = await house.make_user("grace@example.com", roles=[ADMIN])
    by = (await house.auth.sessions.log_in(chief.email, PASSWORD, WEB)).principal

    async def changed(detail: str, client: Client) -> None:
        await house.auth.audit.record(
            "roles_changed", client=client, user_id="somebody", actor_id=by.user_id, detail=detail
        )

    for number in range(ROWS.most + 10):
        await changed(f"role-{number // 2}", WEB)
    await changed("admin", API)
    newest = (await rows(house, "roles_changed"))[0]
    assert (newest.detail, newest.ip) == ("admin", API.ip)


async def test_what_the_throttle_limits_has_a_row_each(house: House) -> None:
    """Failed logins take the same steps with an account and without one, so their rows are not looked at."""
    user = await house.make_user()
    for _ in range(ROWS.free + 10):
        await house.auth.audit.record("login_failed", client=API, user_id=user.id)
    assert len(await rows(house, "login_failed")) == ROWS.free + 10
