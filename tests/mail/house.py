"""A store with letters in it, and a runner that sends them."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.auth.clock import SystemClock
from app.auth.letters import Message
from app.auth.models import Letter, LetterKind
from app.auth.ports import Store
from app.mail.message import Composer, host_name, sender_of
from app.mail.runner import Carrier, MailRunner
from app.mail.server import parse_smtp_url
from app.mail.smtp import SmtpCarrier
from app.store import open_store
from tests.kit.stores import made

SITE = "https://duet.example.com"
LINK = f"{SITE}/verify-email/0123456789abcdefghijkl.the-secret-part-of-a-link"
ADDRESS = "ada@example.com"
#: What no log line may contain. Random ids sometimes contain the letters 'ada'.
PRIVATE = re.compile(r"\bada\b|the-secret-part|p@ss/word")


def smtp(url: str, *, step: float = 5.0, whole: float = 10.0) -> SmtpCarrier:
    """Sends mails to the server of an `SMTP_URL`, with short timeouts."""
    sender, greeting = sender_of("", SITE), host_name(SITE)
    return SmtpCarrier(parse_smtp_url(url), sender=sender, greeting=greeting, step=step, whole=whole)


class PostOffice:
    """Takes the place of auth's letters: each goes to its email address, with a link."""

    def __init__(self) -> None:
        self.wake: Callable[[], None] = lambda: None

    def wake_by(self, wake: Callable[[], None]) -> None:
        """Has `wake` called for each letter that is written here."""
        self.wake = wake

    async def resolve(self, letter: Letter) -> Message | None:
        """Makes a letter's message, as auth would. For the user `poison` it raises, and `nobody` gets none."""
        if letter.user_id == "poison":
            raise RuntimeError(f"a fault that quotes {letter.to}")
        if letter.user_id == "nobody":
            return None
        return Message(letter.to, LetterKind(letter.kind), LINK, letter.values)


@dataclass
class House:
    """A store, and what sends its letters."""

    store: Store
    path: Path
    clock: SystemClock = field(default_factory=SystemClock)
    post: PostOffice = field(default_factory=PostOffice)
    count: int = 0

    async def write(self, to: str = ADDRESS, *, wakes: bool = True, **given: Any) -> Letter:
        """Puts a letter into the queue."""
        self.count += 1
        now = self.clock.now()
        values = {"kind": LetterKind.VERIFY_EMAIL, "created_at": now, "due_at": now, "user_id": "someone", **given}
        letter = Letter(id=f"letter-{self.count}", to=to, **values)
        await self.store.add_letter(letter)
        if wakes:
            self.post.wake()
        return letter

    def runner(self, carrier: Carrier, *, back_off: float = 0.05, poll: float = 0.05) -> MailRunner:
        """A runner that tries again at once."""
        composer = Composer(SITE, sender_of("", SITE))
        return MailRunner(
            self.store,
            self.clock,
            post=self.post,
            composer=composer,
            carrier=carrier,
            back_off=[back_off],
            poll=poll,
        )

    @contextlib.asynccontextmanager
    async def sending(self, carrier: Carrier, **given: Any) -> AsyncIterator[None]:
        """Sends letters until the block is left."""
        task = asyncio.create_task(self.runner(carrier, **given).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    def waiting(self) -> dict[str, datetime]:
        """The time at which each letter in the queue is due, by its id."""
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            rows = database.execute("SELECT id, due_at FROM letters").fetchall()
        return {name: datetime.fromtimestamp(millis / 1000, UTC) for name, millis in rows}

    def is_empty(self) -> bool:
        """Whether no letter waits, not even for its next attempt."""
        return not self.waiting()


@contextlib.asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    """A house with an empty SQLite store."""
    path = folder / "duet.db"
    store = open_store(made(f"sqlite:///{path}"))
    await store.open()
    try:
        yield House(store, path)
    finally:
        await store.close()


async def until(holds: Callable[[], Any], *, seconds: float = 10.0) -> None:
    """Waits until `holds` returns true. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)
