"""The queue sends each letter at least once, whatever fails, and no letter waits for another."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

from app.auth.models import Letter
from app.mail.runner import BACK_OFF, IN_FLIGHT
from tests.mail.house import ADDRESS, House, smtp, until
from tests.mail.servers import BadServer, mailbox
from tests.mail.test_smtp import events


class Shelf:
    """Accepts every mail as soon as it is `open`."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.taken: list[str] = []
        self.holding = 0

    async def send(self, message: EmailMessage, letter: Letter) -> None:
        """Puts the mail on the shelf."""
        self.holding += 1
        await self.open.wait()
        self.holding -= 1
        self.taken.append(letter.id)


async def test_a_letter_that_cannot_be_made_holds_up_nobody(home: House, logged: list[Any]) -> None:
    """A letter that our own fault keeps from being made is put off, with a log line that does not quote it."""
    shelf = Shelf()
    poison = await home.write(user_id="poison")
    unknown = await home.write(kind="from-a-later-version")
    malformed = await home.write(params="{")
    good = await home.write("grace@example.com")
    async with home.sending(shelf, back_off=60):
        await until(lambda: len(home.waiting()) == 3 and len(events(logged, "mail_put_off")) == 3)
    assert shelf.taken == [good.id]
    assert set(home.waiting()) == {poison.id, unknown.id, malformed.id}
    reasons = {line["letter"]: line["reason"] for line in events(logged, "mail_put_off")}
    assert reasons[poison.id].startswith("RuntimeError in resolve (house.py:")


async def test_a_letter_for_nobody_is_dropped(home: House, logged: list[Any]) -> None:
    """A letter that has become pointless is sent to no server."""
    shelf = Shelf()
    async with home.sending(shelf):
        letter = await home.write(user_id="nobody")
        await until(home.is_empty)
    assert not shelf.taken
    assert [line["letter"] for line in events(logged, "mail_not_needed")] == [letter.id]


async def test_an_address_that_is_none_is_dropped(home: House, logged: list[Any]) -> None:
    """An invalid email address stays invalid, and no line break in it gets near a header."""
    shelf = Shelf()
    async with home.sending(shelf):
        await home.write("ada@example.com\r\nBcc: everybody@example.com")
        await home.write("no address")
        await until(home.is_empty)
    assert not shelf.taken
    assert len(events(logged, "mail_refused")) == 2


async def test_a_recipient_whose_server_hangs_holds_up_nobody(home: House) -> None:
    """While one message waits for an answer, others are sent."""
    server = BadServer({"RCPT TO:<ada@example.com>": BadServer.HANG})
    with server.running():
        async with home.sending(smtp(server.url, step=60, whole=60)):
            stuck = await home.write(ADDRESS)
            await until(server.hanging.is_set)
            for number in range(3):
                await home.write(f"person{number}@example.com")
            await until(lambda: set(home.waiting()) == {stuck.id})
            assert server.hanging.is_set()


async def test_only_a_few_are_in_flight(home: House) -> None:
    """A long queue does not open a connection for each letter."""
    shelf = Shelf()
    shelf.open.clear()
    for _ in range(3 * IN_FLIGHT):
        await home.write()
    async with home.sending(shelf):
        await until(lambda: shelf.holding == IN_FLIGHT)
        await asyncio.sleep(0.2)
        assert shelf.holding == IN_FLIGHT
        shelf.open.set()
        await until(home.is_empty)
    assert len(set(shelf.taken)) == 3 * IN_FLIGHT


async def test_several_processes_share_the_queue(home: House) -> None:
    """Two processes that send at the same time send each letter once."""
    one, other = Shelf(), Shelf()
    for _ in range(40):
        await home.write(wakes=False)
    async with home.sending(one), home.sending(other):
        await until(home.is_empty)
    assert set(Counter([*one.taken, *other.taken]).values()) == {1}
    assert len([*one.taken, *other.taken]) == 40


async def test_what_another_process_posted_is_found(home: House) -> None:
    """The command line adds letters and sends none, so the server looks for them."""
    shelf = Shelf()
    async with home.sending(shelf):
        await asyncio.sleep(0.1)
        letter = await home.write(wakes=False)
        await until(home.is_empty)
    assert shelf.taken == [letter.id]


async def test_a_letter_of_this_process_does_not_wait_for_the_next_look(home: House) -> None:
    """Posting a letter wakes the runner."""
    shelf = Shelf()
    async with home.sending(shelf, poll=3600):
        await asyncio.sleep(0.1)
        await home.write()
        await until(home.is_empty)
    assert len(shelf.taken) == 1


async def test_the_pauses_grow(home: House, logged: list[Any]) -> None:
    """Each failure is followed by a longer pause, up to an hour."""
    assert list(BACK_OFF) == sorted(BACK_OFF)
    runner = home.runner(Shelf())
    runner._back_off = BACK_OFF
    for attempt in (1, 2, 5, 8, 50):
        await runner._put_off(await home.write(attempts=attempt), "a reason", is_error=False)
    pauses = [line["seconds"] for line in events(logged, "mail_put_off")]
    assert pauses == [10, 30, 300, 3600, 3600]
    due = [(at - home.clock.now()).total_seconds() for at in home.waiting().values()]
    assert all(wanted - 5 < seconds <= wanted for seconds, wanted in zip(sorted(due), pauses, strict=True))


async def test_after_three_days_it_is_given_up(home: House, logged: list[Any]) -> None:
    """A letter that has failed for that long is dropped, with an error in the log."""
    with BadServer({"GREETING": "421 later"}).running() as server:
        async with home.sending(smtp(server.url)):
            old = await home.write(created_at=home.clock.now() - timedelta(days=3))
            await until(home.is_empty)
    assert [(line["letter"], line["log_level"]) for line in events(logged, "mail_given_up")] == [(old.id, "error")]


async def test_a_store_that_comes_back_is_gone_on_with(home: House) -> None:
    """While the database is away no letter is sent, and the runner goes on; afterwards it works the queue off."""
    shelf = Shelf()
    await home.write(wakes=False)
    await home.store.close()
    async with home.sending(shelf):
        await asyncio.sleep(0.2)
        assert not shelf.taken
        await home.store.open()
        await until(lambda: shelf.taken)
        await until(home.is_empty)
    assert len(shelf.taken) == 1


async def test_a_letter_that_is_out_is_not_sent_again_because_of_the_store(home: House) -> None:
    """If the database goes away between sending and recording it, the recording is made up for later."""
    shelf = Shelf()
    shelf.open.clear()
    async with home.sending(shelf):
        letter = await home.write()
        await until(lambda: shelf.holding == 1)
        await home.store.close()
        shelf.open.set()
        await until(lambda: shelf.taken)
        await home.store.open()
        await home.store.put_letter_off(letter.id, due_at=home.clock.now())  # its lease is over
        await until(home.is_empty)
    assert shelf.taken == [letter.id]


async def test_a_letter_in_flight_is_handed_back_at_the_end(home: House) -> None:
    """A stop in the middle leaves the letter due at once, and the next process sends it."""
    shelf = Shelf()
    with BadServer({"MESSAGE": BadServer.HANG}).running() as server:
        async with home.sending(smtp(server.url, step=60, whole=60)):
            letter = await home.write()
            await until(server.hanging.is_set)
            assert home.waiting()[letter.id] > home.clock.now() + timedelta(seconds=60)
    assert home.waiting()[letter.id] <= home.clock.now()
    async with home.sending(shelf):
        await until(home.is_empty)
    assert shelf.taken == [letter.id]


async def test_a_letter_of_a_process_that_died_is_sent(home: House) -> None:
    """A letter that was claimed and never released is due when its lease is over."""
    letter = await home.write()
    now = home.clock.now()
    await home.store.claim_letter(now=now, until=now + timedelta(seconds=0.5))
    with mailbox() as box:
        async with home.sending(smtp(f"smtp://127.0.0.1:{box.port}")):
            await until(home.is_empty)
    assert [mail["Message-ID"] for mail in box.mails] == [f"<{letter.id}@duet.example.com>"]
