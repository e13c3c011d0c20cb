"""The pages behind one-time links, as the recipient of the mail opens them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import httpx

from app.auth.models import Client
from tests.kit.duet import Running
from tests.kit.mails import link_in, mail_with_link

CLIENT = Client("test")


def mailed(duet: Running, page: str, *, to: str) -> str:
    """The path of the newest link to `page` that was mailed to this person."""
    return path_of(link_in(mail_with_link(duet.outbox, page, to=to)))


def invitation(duet: Running, **given: Any) -> str:
    """The path of a new invitation."""
    invitations = duet.auth.invitations
    return path_of(invitations.url(duet.wait(invitations.invite(None, CLIENT, **given))))


def path_of(url: str) -> str:
    """The path of an address on this site."""
    return urlsplit(url).path


def comparable(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], str]:
    """Status, headers and body, without the parts that differ between any two requests."""
    changing = {"date", "x-request-id", "content-length"}
    headers = [
        (name, value.split("=")[0] if name == "set-cookie" else value)
        for name, value in answer.headers.multi_items()
        if name not in changing
    ]
    body = re.sub(r'(name="csrf_token"[^>]*value=")[^"]+', r"\1", answer.text)
    return answer.status_code, headers, body
