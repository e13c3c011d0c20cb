"""Sends each letter that waits in the store at least once, even if servers and processes go away."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from email.message import EmailMessage
from typing import Final, Protocol

import anyio
import structlog

from app.auth.clock import Clock
from app.auth.errors import StoreUnavailable
from app.auth.letters import Message
from app.auth.models import Letter
from app.auth.ports import Letters
from app.mail.errors import NotSent, Refused

#: How long a letter belongs to the process that claimed it: longer than an attempt can take.
LEASE: Final = timedelta(minutes=2)
#: Pauses after the first, second, … failure, in seconds. The last one repeats.
BACK_OFF: Final = (10, 30, 60, 120, 300, 900, 1800, 3600)
GIVE_UP: Final = timedelta(days=3)
IN_FLIGHT: Final = 4
#: How often to look for letters that other processes posted, in seconds.
POLL: Final = 5.0

log = structlog.get_logger(__name__)


class Post(Protocol):
    """Where letters come from: `app.auth.letters`."""

    def wake_by(self, wake: Callable[[], None]) -> None:
        """Has `wake` called whenever this process has posted a letter."""
        ...

    async def resolve(self, letter: Letter) -> Message | None:
        """Returns what to send, with its link, or None if it no longer needs to be sent."""
        ...


class Composer(Protocol):
    """Makes mails: `app.mail.message`."""

    def compose(self, letter: Letter, message: Message) -> EmailMessage:
        """Returns the mail as it is sent. Raises `Refused` if the recipient is not an email address."""
        ...


class Carrier(Protocol):
    """Takes mails out of Duet: `SmtpCarrier` or `Outbox`."""

    async def send(self, message: EmailMessage, letter: Letter) -> None:
        """Returns when the mail has left Duet, and logs that. Raises `NotSent` or `Refused`."""
        ...


class MailRunner:
    """Claims letters that are due, a few at a time, and sends them. Any number of processes may do this."""

    def __init__(
        self,
        store: Letters,
        clock: Clock,
        *,
        post: Post,
        composer: Composer,
        carrier: Carrier,
        back_off: Sequence[float] = BACK_OFF,
        poll: float = POLL,
    ) -> None:
        self._store = store
        self._clock = clock
        self._post = post
        self._composer = composer
        self._carrier = carrier
        self._back_off = back_off
        self._poll = poll
        #: Letters that have been sent although the store could not be told.
        self._sent: set[str] = set()

    async def run(self) -> None:
        """Sends until cancelled."""
        woken = asyncio.Event()
        self._post.wake_by(woken.set)
        slots = anyio.Semaphore(IN_FLIGHT)
        async with anyio.create_task_group() as tasks:
            while True:
                woken.clear()
                await slots.acquire()
                letter = await self._claim()
                if letter is not None:
                    tasks.start_soon(self._attempt, letter, slots)
                    continue
                slots.release()
                with anyio.move_on_after(self._poll):
                    await woken.wait()

    async def _claim(self) -> Letter | None:
        now = self._clock.now()
        try:
            return await self._store.claim_letter(now=now, until=now + LEASE)
        except StoreUnavailable:
            return None  # the store logs its outages itself
        except Exception:
            log.exception("mail_claim_failed")
            return None

    async def _attempt(self, letter: Letter, slots: anyio.Semaphore) -> None:
        try:
            await self._deliver(letter)
        except StoreUnavailable:
            pass  # due again when the lease is over
        except asyncio.CancelledError:
            await self._hand_back(letter)
            raise
        except Exception:
            log.exception("mail_bookkeeping_failed", letter=letter.id)
        finally:
            slots.release()

    async def _deliver(self, letter: Letter) -> None:
        """Makes one attempt, and notes its outcome in the store."""
        try:
            if letter.id not in self._sent:
                await self._send(letter)
        except (StoreUnavailable, asyncio.CancelledError):
            raise
        except Refused as error:
            log.error("mail_refused", **_about(letter), reason=error.message)
        except NotSent as error:
            await self._put_off(letter, error.message, is_error=error.needs_operator)
            return
        except Exception as error:  # a letter that can't be composed must not hold up the others
            await self._put_off(letter, _where(error), is_error=True)
            return
        await self._store.remove_letter(letter.id)
        self._sent.discard(letter.id)

    async def _send(self, letter: Letter) -> None:
        message = await self._post.resolve(letter)
        if message is None:
            log.info("mail_not_needed", **_about(letter))
            return
        await self._carrier.send(self._composer.compose(letter, message), letter)
        self._sent.add(letter.id)

    async def _put_off(self, letter: Letter, reason: str, *, is_error: bool) -> None:
        now = self._clock.now()
        pause = self._back_off[min(max(letter.attempts, 1), len(self._back_off)) - 1]
        due_at = now + timedelta(seconds=pause)
        if due_at - letter.created_at > GIVE_UP:
            log.error("mail_given_up", **_about(letter), reason=reason)
            await self._store.remove_letter(letter.id)
            return
        tell = log.error if is_error else log.warning
        tell("mail_put_off", **_about(letter), reason=reason, seconds=pause)
        await self._store.put_letter_off(letter.id, due_at=due_at)

    async def _hand_back(self, letter: Letter) -> None:
        """Gives a letter back at shutdown: nobody should wait for the lease of a process that is gone."""
        with anyio.move_on_after(2, shield=True):
            try:
                if letter.id in self._sent:
                    await self._store.remove_letter(letter.id)
                else:
                    await self._store.put_letter_off(letter.id, due_at=self._clock.now())
            except StoreUnavailable:
                pass  # the lease ends by itself


def _about(letter: Letter) -> dict[str, object]:
    """Returns what a log line may tell: neither the email address nor what the mail says."""
    return {"letter": letter.id, "kind": letter.kind, "user_id": letter.user_id, "attempt": letter.attempts}


def _where(error: Exception) -> str:
    """Returns the type and place of a fault. Its message is left out, since it may quote the letter."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.name} ({frame.filename.rpartition('/')[2]}:{frame.lineno})"
