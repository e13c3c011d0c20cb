"""A refresh at the moment when its session ends: nothing of that session works afterwards."""

from __future__ import annotations

import asyncio
from typing import Final, Literal

import httpx

from tests.deploy.process import duet
from tests.faults.outcome import Outcome
from tests.faults.people import Person, at_once, new_password
from tests.faults.site import Site
from tests.kit.duet import PASSWORD

Ending = Literal["log-out", "password change", "disabling"]
ENDINGS: Final[tuple[Ending, ...]] = ("log-out", "password change", "disabling")
#: How many accounts there are. Each meets the race again and again.
PEOPLE = 20
#: How long another process may take to hear of the end, in seconds.
HEARD_WITHIN = 2.0
ADMIN = "admin@example.com"


async def endings(site: Site, ending: Ending, *, rounds: int) -> Outcome:
    """Refreshes at the first process while the session ends at the last one."""
    outcome = Outcome()
    async with Person(*site.urls, email=ADMIN) as admin:
        await asyncio.to_thread(_make_admin, site)
        people = await at_once(*[Person(*site.urls).join() for _ in range(PEOPLE)])
        while outcome.rounds < rounds:
            await admin.log_in()
            batch = people[: rounds - outcome.rounds]
            tokens = await at_once(*[_race(site, ending, person, admin, outcome) for person in batch])
            if len(site.urls) > 1:
                await asyncio.sleep(HEARD_WITHIN)
            await at_once(
                *[_check(site, person, mine, outcome) for person, mine in zip(batch, tokens, strict=True)]
            )
            if ending == "disabling":
                await at_once(*[_set_active(admin, person, True) for person in batch])
            outcome.rounds += len(batch)
        for person in people:
            await person.__aexit__()
    return outcome


def _make_admin(site: Site) -> None:
    variables = {name: site.settings[name] for name in ("DATABASE_URL", "SECRET_KEY")}
    done = duet(
        site.folder, "user", "create", ADMIN, "--admin", "--password-stdin", given=f"{PASSWORD}\n", **variables
    )
    assert done.returncode == 0 or "taken" in done.stderr, done.stderr


async def _race(site: Site, ending: Ending, person: Person, admin: Person, outcome: Outcome) -> list[str]:
    """All tokens of the session, including those that the race produced."""
    other = await Person(site.urls[-1], email=person.email, password=person.password).log_in()
    await person.log_in()
    tokens = [person.access_token, person.refresh_token]
    async with other:
        refreshed, ended = await at_once(
            person.refresh(url=site.urls[0]), _end(ending, person, other, admin, url=site.urls[-1])
        )
    outcome.expect(ended is not None and ended.status_code in (200, 204), f"not ended: {ended}")
    outcome.expect(refreshed is not None and refreshed.status_code in (200, 400), f"refresh: {refreshed}")
    if refreshed is not None and refreshed.status_code == 200:
        tokens += [refreshed.json()["access_token"], refreshed.json()["refresh_token"]]
    return tokens


async def _end(ending: Ending, person: Person, other: Person, admin: Person, *, url: str) -> httpx.Response | None:
    if ending == "log-out":
        return await person.call("POST", "/api/auth/revoke", data={"token": person.refresh_token}, url=url)
    if ending == "disabling":
        return await _set_active(admin, person, False, url=url)
    new = new_password()
    answer = await other.change_password(new, url=url)
    person.password = new
    return answer


async def _set_active(admin: Person, person: Person, is_active: bool, **given: str) -> httpx.Response | None:
    found = await admin.call("GET", "/api/admin/users", params={"query": person.email}, headers=admin.bearer())
    assert found is not None
    path = f"/api/admin/users/{found.json()['items'][0]['id']}"
    return await admin.call("PATCH", path, json={"is_active": is_active}, headers=admin.bearer(), **given)


async def _check(site: Site, person: Person, tokens: list[str], outcome: Outcome) -> None:
    for url in site.urls:
        for access, refresh in zip(tokens[::2], tokens[1::2], strict=True):
            form = {"grant_type": "refresh_token", "refresh_token": refresh}
            me = await person.until_answered("GET", "/api/users/me", headers=person.bearer(access), url=url)
            again = await person.until_answered("POST", "/api/auth/token", data=form, url=url)
            outcome.expect(me.status_code == 401, f"the access token works: {me}")
            outcome.expect(again.status_code == 400, f"the refresh token works: {again}")
