"""Sends mails to a mail server. If one is not accepted, says why in words that an operator can act on."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Final

import aiosmtplib
import anyio.to_thread
import structlog

from app.auth.models import Letter
from app.mail.errors import MailError, NotSent, Refused
from app.mail.server import SmtpServer

#: Seconds for each step of the conversation. Connecting is the first step.
STEP: Final = 10.0
#: Seconds for all steps together.
WHOLE: Final = 30.0

log = structlog.get_logger(__name__)


class SmtpCarrier:
    """Hands mails to `server`, each on its own connection.

    Args:
        server: where the mails go.
        sender: where they come from, in the envelope too, so that bounces go there.
        greeting: the name by which this host greets the server, as `message.host_name` returns it.
        step: seconds for each step.
        whole: seconds for a message.
    """

    def __init__(
        self, server: SmtpServer, *, sender: Address, greeting: str, step: float = STEP, whole: float = WHOLE
    ) -> None:
        self._server = server
        self._sender = sender.addr_spec
        self._greeting = greeting
        self._step = step
        self._whole = whole
        self._trust: ssl.SSLContext | None = None

    async def send(self, message: EmailMessage, letter: Letter) -> None:
        """Returns when the server has accepted the mail. Raises `NotSent` or `Refused`."""
        to = message["To"].addresses[0].addr_spec
        async with self._connection() as client:
            await client.send_message(message, sender=self._sender, recipients=[to])
        log.info("mail_sent", kind=letter.kind, letter=letter.id, user_id=letter.user_id, attempt=letter.attempts)

    async def probe(self) -> None:
        """Talks to the server as far as naming the sender, and sends nothing. Raises `NotSent`."""
        async with self._connection() as client:
            if self._sender.isascii():
                await client.mail(self._sender)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """Opens a connection, encrypted and logged in as the server's URL says. Turns faults into `MailError`."""
        client = aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            local_hostname=self._greeting,
            timeout=self._step,
            use_tls=self._server.tls == "implicit",
            start_tls=False,
            tls_context=await self._trusted(),
        )
        try:
            async with asyncio.timeout(self._whole):
                await client.connect()
                if self._server.tls == "starttls":
                    await self._start_tls(client)
                if self._server.user:
                    await client.login(self._server.user, self._server.password)
                yield client
            with suppress(aiosmtplib.SMTPException, OSError):  # the server has accepted the mail by now
                await client.quit(timeout=1)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise diagnose(error, self._server) from error
        finally:
            client.close()

    async def _start_tls(self, client: aiosmtplib.SMTP) -> None:
        await client.ehlo()
        if not client.supports_extension("starttls"):
            # This is also what it looks like if somebody in between removed the offer (RFC 3207 section 6).
            way_out = "" if self._server.user else ", or ?starttls=no on a network that you trust"
            raise NotSent(
                f"{self._server} offers no STARTTLS, and mail is not sent in the clear: use smtps://{way_out}",
                needs_operator=True,
            )
        await client.starttls()

    async def _trusted(self) -> ssl.SSLContext:
        """Returns the context that checks certificates and names.

        It is made once, in a thread, since the system has some hundred authorities.
        """
        if self._trust is None:
            self._trust = await anyio.to_thread.run_sync(ssl.create_default_context)
        return self._trust


def diagnose(error: Exception, server: SmtpServer) -> MailError:
    """Returns what went wrong and what helps, without the server's own words, which may quote the recipient."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _of_answer(error, server)
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return Refused(f"{server} accepts no email addresses beyond ASCII (it has no SMTPUTF8)")
    causes = _causes(error)
    for one in causes:
        if (found := _of_cause(one, server)) is not None:
            return found
    if isinstance(error, TimeoutError):
        hint = (
            "port 465 is for smtps://"
            if server.port == 465 and server.tls != "implicit"
            else "is a firewall there?"
        )
        return NotSent(f"{server} did not answer in time: {hint}")
    if isinstance(error, aiosmtplib.SMTPConnectError) and not isinstance(
        error.__cause__, aiosmtplib.SMTPException
    ):
        return NotSent(f"{server} can't be reached: is it running, and is the port in SMTP_URL right?")
    if isinstance(error, ConnectionError):  # aiosmtplib's error for a lost connection is one, too
        return NotSent(f"{server} closed the connection")
    return NotSent(f"{server} offers no login that Duet knows: check its settings", needs_operator=True)


def _causes(error: BaseException) -> list[BaseException]:
    causes = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    return causes


def _of_cause(cause: BaseException, server: SmtpServer) -> MailError | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        text = f"the certificate of {server} is not trusted ({cause.verify_message}): check the name in SMTP_URL, "
        return NotSent(text + "or name its authority's file in SSL_CERT_FILE", needs_operator=True)
    if isinstance(cause, ssl.SSLError):
        text = f"{server} speaks no TLS there: smtps:// goes to port 465, smtp:// to 587"
        return NotSent(text, needs_operator=True)
    if isinstance(cause, socket.gaierror):
        return NotSent(f"the host {server.host} is unknown: check SMTP_URL, and the name service")
    return None


def _of_answer(error: aiosmtplib.SMTPResponseException, server: SmtpServer) -> MailError:
    detail = re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", error.message)  # RFC 3463
    code = f"{error.code} {detail[0]}" if detail else str(error.code)
    is_final = 500 <= error.code < 600
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        text = f"{server} refuses the login ({code}): check the user and password in SMTP_URL"
        return NotSent(text, needs_operator=is_final)
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        text = f"{server} refuses the sender ({code}): check MAIL_FROM, and the user in SMTP_URL"
        return NotSent(text, needs_operator=is_final)
    if not isinstance(error, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError):
        return NotSent(f"{server} answers {code}", needs_operator=is_final)
    if not is_final:
        return NotSent(f"{server} does not accept the mail for now ({code})")
    # 'Relay access denied' and the like concern us, not the recipient. Mostly a setting is wrong.
    if error.code == 530 or (detail and detail[0].startswith("5.7.")):
        text = f"{server} does not send for us ({code}): check the user in SMTP_URL, and MAIL_FROM"
        return NotSent(text, needs_operator=True)
    return Refused(f"{server} refuses the recipient or the message for good ({code})")
