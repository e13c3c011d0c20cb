"""Tabs and programs that refresh at the same moment."""

from __future__ import annotations

import httpx

from tests.faults.outcome import Outcome
from tests.faults.people import Person, at_once
from tests.faults.site import Site


async def tabs(site: Site, *, pairs: int, crowds: int, size: int = 50) -> Outcome:
    """Sends the same refresh token twice at once, and from a whole crowd, over all processes.

    Args:
        pairs: how many rounds of two.
        crowds: how many rounds of `size`.
    """
    outcome = Outcome()
    async with await Person(*site.urls).join() as person:
        for number in range(pairs + crowds):
            count = 2 if number < pairs else size
            token = person.refresh_token
            answers = await at_once(*[person.refresh(token) for _ in range(count)])
            _judge(outcome, answers)
            outcome.rounds += 1
            good = [answer for answer in answers if answer is not None and answer.status_code == 200]
            if not good:
                await person.log_in()
                continue
            person.keep(good[-1])
    return outcome


def _judge(outcome: Outcome, answers: list[httpx.Response | None]) -> None:
    codes = sorted(0 if answer is None else answer.status_code for answer in answers)
    outcome.expect(set(codes) == {200}, f"answers {codes}")
    successors = {each.json()["refresh_token"] for each in answers if each is not None and each.status_code == 200}
    outcome.expect(len(successors) == 1, f"{len(successors)} successors")
