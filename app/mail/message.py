"""Turns a letter into a message for mail servers (RFC 5322), whose headers nobody can add to."""

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

#: The longest line that a server has to accept, in octets without its end (RFC 5321 section 4.5.3.1.6).
MAX_LINE: Final = 998


class Composer:
    """Makes the mails of the site at `public_url`, which come from `sender`."""

    def __init__(self, public_url: str, sender: Address) -> None:
        self._templates = Templates(public_url)
        self._sender = sender

    def compose(self, letter: Letter, message: Message) -> EmailMessage:
        """Returns the mail.

        Its recipient is an email address with no name in front, since anything may have been typed as a name. Its
        `Message-ID` is the same at every attempt, so that a receiver may drop a duplicate.

        Raises:
            Refused: the recipient is not an email address.
            jinja2.TemplateError: the template lacks a value.
        """
        rendered = self._templates.render(message.kind, message.link, message.params)
        mail = EmailMessage(policy=SMTP)  # refuses line breaks in headers
        mail["From"] = self._sender
        mail["To"] = recipient(message.to)
        mail["Subject"] = rendered.subject
        mail["Date"] = letter.created_at
        mail["Message-ID"] = f"<{letter.id}@{self._sender.domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: asks for no out-of-office replies
        mail.set_content(rendered.text, cte=_encoding(rendered.text))
        mail.add_alternative(rendered.html, subtype="html", cte=_encoding(rendered.html))
        return mail


def recipient(address: str) -> Address:
    """Returns the email address, with its domain as DNS spells it.

    A local part beyond ASCII stays as it is, and needs SMTPUTF8 (RFC 6531).

    Raises:
        Refused: it is not an email address, or it holds what Python decodes as an encoded word (RFC 2047) when it
            writes the header, including line breaks. Such an address could add headers.
    """
    try:
        if "=?" in address:
            raise ValueError
        return _plain(address)
    except ValueError:
        raise Refused("mail can't be sent to this email address") from None


def sender_of(mail_from: str, public_url: str) -> Address:
    """Returns the sender: `MAIL_FROM`, or `Duet <duet@…>` at the host of `public_url` if that is empty."""
    if mail_from:
        name, address = parseaddr(mail_from)
        return Address(name or PRODUCT, *_parts(_plain(address)))
    return Address(PRODUCT, "duet", host_name(public_url))


def host_name(public_url: str) -> str:
    """Returns the host of `public_url` for mail: `example.com` or `[192.0.2.1]` (RFC 5321 section 4.1.3)."""
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
    """Returns a plain encoding if possible: a link cut over lines can't be copied out of a file in the outbox."""
    if max(len(line.encode()) for line in text.splitlines()) > MAX_LINE:
        return "quoted-printable"
    return "7bit" if text.isascii() else "8bit"
