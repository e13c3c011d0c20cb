"""From a rendered letter to a message as mail servers know it (RFC 5322), with headers that nobody can add to."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from email_validator import validate_email

from app.auth.letters import Message
from app.auth.models import Letter
from app.mail.errors import Refused
from app.mail.rendering import PRODUCT, Templates

#: The longest line, in octets without its end, that a server has to take (RFC 5321 section 4.5.3.1.6).
MAX_LINE: Final = 998


class Composer:
    """Makes the mails of the site at `public_url`, which are from `sender`."""

    def __init__(self, public_url: str, sender: Address) -> None:
        self._templates = Templates(public_url)
        self._sender = sender

    def compose(self, letter: Letter, message: Message) -> EmailMessage:
        """The mail. Raises `Refused` if its address is none, and others where its template lacks a value.

        It goes to an address alone, with no name in front: anything may have been typed there. Its `Message-ID` is
        the same at every attempt, so that a receiver may drop a double.
        """
        rendered = self._templates.render(message.kind, message.link, message.params)
        mail = EmailMessage(policy=SMTP)  # refuses line breaks in headers
        mail["From"] = self._sender
        mail["To"] = recipient(message.to)
        mail["Subject"] = rendered.subject
        mail["Date"] = letter.created_at
        mail["Message-ID"] = f"<{letter.id}@{self._sender.domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office reply is to answer it
        mail.set_content(rendered.text, cte=_encoding(rendered.text))
        mail.add_alternative(rendered.html, subtype="html", cte=_encoding(rendered.html))
        return mail


def recipient(address: str) -> Address:
    """The address, its domain as DNS spells it. A local part beyond ASCII stays, and needs SMTPUTF8 (RFC 6531).

    Raises `Refused` if it is none, or holds what Python decodes as an encoded word (RFC 2047) when it writes the
    header, line breaks and all: whoever has such an address would write headers of their own.
    """
    try:
        if "=?" in address:
            raise ValueError
        return _plain(address)
    except ValueError:
        raise Refused("it is no address that mail can be sent to") from None


def sender_of(mail_from: str, public_url: str) -> Address:
    """Whom mails are from: `MAIL_FROM`, or `Duet <duet@…>` at the host of `public_url` where that is empty."""
    if mail_from:
        name, address = parseaddr(mail_from)
        return Address(name or PRODUCT, *_parts(_plain(address)))
    return Address(PRODUCT, "duet", host_name(public_url))


def host_name(public_url: str) -> str:
    """The host of `public_url` as mail spells it: `example.com`, or `[192.0.2.1]` (RFC 5321 section 4.1.3)."""
    host = urlsplit(public_url).hostname or "localhost"
    try:
        ip = ip_address(host)
    except ValueError:
        return host if host.isascii() else host.encode("idna").decode()
    return f"[IPv6:{ip}]" if ip.version == 6 else f"[{ip}]"


def _plain(address: str) -> Address:
    parsed = validate_email(address, check_deliverability=False, globally_deliverable=False)
    return Address(username=parsed.local_part, domain=parsed.ascii_domain or parsed.domain)


def _parts(address: Address) -> tuple[str, str]:
    return address.username, address.domain


def _encoding(text: str) -> str:
    """Plain wherever that can be: a link that is cut over lines can't be copied out of the file in the outbox."""
    if max(len(line.encode()) for line in text.splitlines()) > MAX_LINE:
        return "quoted-printable"
    return "7bit" if text.isascii() else "8bit"
