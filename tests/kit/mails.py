"""The mails that a Duet without SMTP writes to its outbox, as their readers see them."""

from __future__ import annotations

import functools
import re
import time
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from email.utils import getaddresses
from pathlib import Path


def read_mails(folder: Path, *, to: str | None = None, count: int = 1, wait: float = 60.0) -> list[EmailMessage]:
    """The mails in an outbox, oldest first.

    Args:
        folder: the outbox, which need not exist yet, as in `settings.data_dir / "outbox"`.
        to: the email address whose mails are wanted; all mails if None.
        count: how many mails to wait for; 0 takes those that are there.
        wait: how long the mails may take, in seconds.

    Raises:
        AssertionError: there were fewer than `count` mails when the time was over.
    """
    deadline = time.monotonic() + wait
    while True:
        found = [mail for mail in _all(folder) if to is None or to.lower() in receivers(mail)]
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, f"{len(found)} mails to {to or 'anybody'} where {count} are due"
        time.sleep(0.02)


def mail_with_link(folder: Path, page: str, *, to: str, wait: float = 60.0) -> EmailMessage:
    """The newest mail to somebody with a link to a page, such as `reset-password`. Waits as `read_mails` does."""
    deadline = time.monotonic() + wait
    while True:
        found = [mail for mail in read_mails(folder, to=to, count=0) if f"/{page}/" in text_of(mail)]
        if found:
            return found[-1]
        assert time.monotonic() < deadline, f"no mail to {to} leads to /{page}/"
        time.sleep(0.02)


def link_in(mail: EmailMessage) -> str:
    """The link in a mail: the one URL with a token in it, the same in text and HTML."""
    [link] = {str(found) for found in re.findall(r"https?://[^\s<>\"']+/[a-z-]+/[\w.~-]*\w", text_of(mail))}
    assert link in html_of(mail), "text and HTML differ"
    return link


def token_in(mail: EmailMessage) -> str:
    """The token at the end of a mail's link, as the API takes it."""
    return link_in(mail).rpartition("/")[2]


def text_of(mail: EmailMessage) -> str:
    """The text that a reader without HTML sees."""
    return _part(mail, "plain")


def html_of(mail: EmailMessage) -> str:
    """The HTML of a mail."""
    return _part(mail, "html")


@functools.lru_cache(maxsize=2000)
def receivers(mail: EmailMessage) -> list[str]:
    """The email addresses that a mail goes to, in lower case."""
    return [address.lower() for _, address in getaddresses([str(value) for value in mail.get_all("To", [])])]


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body(preferencelist=(kind,))
    assert part is not None, f"the mail has no {kind} part"
    return str(part.get_content())


def _all(folder: Path) -> list[EmailMessage]:
    paths = sorted((path.stat().st_mtime_ns, path.name, path) for path in folder.glob("*.eml"))
    return [_parsed(path, written) for written, _, path in paths]


@functools.lru_cache(maxsize=2000)
def _parsed(path: Path, written: int) -> EmailMessage:
    """Parse the mail in a file written at that time; it is cached, because many tests search one outbox
    repeatedly."""
    parser: BytesParser[EmailMessage] = BytesParser(policy=default)
    return parser.parsebytes(path.read_bytes())
