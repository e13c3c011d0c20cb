"""Builds what sends mail, from the settings."""

from __future__ import annotations

from pathlib import Path

from app.auth.clock import Clock
from app.auth.ports import Letters
from app.mail.message import Composer, host_name, sender_of
from app.mail.outbox import Outbox
from app.mail.runner import Carrier, MailRunner, Post
from app.mail.server import parse_smtp_url
from app.mail.smtp import STEP, SmtpCarrier


def build_mail(
    store: Letters, clock: Clock, post: Post, *, public_url: str, mail_from: str, smtp_url: str, outbox: Path
) -> MailRunner:
    """Returns what sends mail beside the requests.

    Args:
        store: keeps the letters that wait.
        clock: tells the time.
        post: resolves a letter into what it says.
        public_url: the site's URL.
        mail_from: `MAIL_FROM`. If it is empty, mails come from `Duet <duet@…>` at the site's host.
        smtp_url: `SMTP_URL`. If it is empty, mails are written to `outbox`.
        outbox: a folder, which is created when it is needed.
    """
    carrier: Carrier
    if smtp_url:
        carrier = build_smtp(public_url=public_url, mail_from=mail_from, smtp_url=smtp_url)
    else:
        carrier = Outbox(outbox)
    composer = Composer(public_url, sender_of(mail_from, public_url))
    return MailRunner(store, clock, post=post, composer=composer, carrier=carrier)


def build_smtp(*, public_url: str, mail_from: str, smtp_url: str, step: float = STEP) -> SmtpCarrier:
    """Returns what hands mails to the server of `smtp_url`, with `step` seconds for each step of it."""
    sender, greeting = sender_of(mail_from, public_url), host_name(public_url)
    return SmtpCarrier(parse_smtp_url(smtp_url), sender=sender, greeting=greeting, step=step)
