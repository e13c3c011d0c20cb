"""What mails say: each kind in text and HTML, with only the site's links, whatever a name contains."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from app.auth.letters import Message
from app.auth.models import Letter, LetterKind
from app.mail.errors import Refused
from app.mail.message import Composer, host_name, sender_of
from tests.kit.mails import html_of, link_in, text_of
from tests.mail.house import ADDRESS, LINK, SITE
from tests.mail.servers import parse

NOW = datetime(2026, 11, 24, 20, 15, tzinfo=UTC)
INSTANT = "2026-11-24T21:15:00+01:00"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
WITH_LINK = {LetterKind.VERIFY_EMAIL, LetterKind.RESET_PASSWORD, LetterKind.CHANGE_EMAIL, LetterKind.INVITE}
PARAMS: dict[LetterKind, dict[str, str]] = {
    LetterKind.PASSWORD_CHANGED: {"at": INSTANT},
    LetterKind.EMAIL_CHANGE_REQUESTED: {"new_email": "grace@example.org"},
    LetterKind.NEW_DEVICE: {"user_agent": FIREFOX, "ip": "203.0.113.7", "at": INSTANT},
    LetterKind.INVITE: {"expires": INSTANT, "roles": "admin,editor", "inviter": "Ada"},
}


def compose(kind: LetterKind, *, mail_from: str = "", site: str = SITE, **params: str) -> EmailMessage:
    """A mail of that kind, as its reader parses it."""
    values = {**PARAMS.get(kind, {}), **params}
    letter = Letter(id="letter-1", kind=kind, to=ADDRESS, created_at=NOW, due_at=NOW)
    message = Message(ADDRESS, kind, LINK if kind in WITH_LINK else "", values)
    return parse(Composer(site, sender_of(mail_from, site)).compose(letter, message).as_bytes(policy=SMTP))


def words(text: str) -> str:
    """`text` in one line."""
    return re.sub(r"\s+", " ", text).strip()


class Reader(HTMLParser):
    """What an HTML part shows, and what it would fetch or link to."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []

    @classmethod
    def of(cls, mail: EmailMessage) -> Reader:
        """A reader that has read the HTML part."""
        reader = cls()
        reader.feed(html_of(mail))
        return reader

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "srcset", "background")]

    def handle_endtag(self, tag: str) -> None:
        while self.open.pop() != tag:  # <meta> and <br> have no end
            pass

    def handle_data(self, data: str) -> None:
        if "title" not in self.open:
            self.text += data


@pytest.mark.parametrize("kind", LetterKind)
def test_every_kind_has_its_mail(kind: LetterKind) -> None:
    """It has a subject that names the site, the same words in text and HTML, and lines that fit any screen."""
    mail = compose(kind)
    assert "duet.example.com" in mail["Subject"]
    text = text_of(mail).replace("\r\n", "\n")
    assert all(len(line) <= 72 or "://" in line for line in text.splitlines())
    assert "Hello," in text
    assert text.rstrip().endswith(f"Duet at duet.example.com\n{SITE}")
    shown = words(Reader.of(mail).text)
    for sentence in re.findall(r"[^.:]{25,}\.", words(text.replace(LINK, "").split("-- ")[0])):
        if "://" not in sentence:
            assert words(sentence) in shown, "text and HTML differ"


@pytest.mark.parametrize("kind", LetterKind)
def test_html_fetches_nothing(kind: LetterKind) -> None:
    """It has no picture, style sheet or script, so opening it tells nobody, and all links lead to the site."""
    reader = Reader.of(compose(kind))
    assert not {"img", "link", "script", "style", "iframe", "object", "form"} & set(reader.tags)
    assert not {"src", "srcset", "background", "onclick"} & reader.attributes
    assert reader.links
    assert all(link == SITE or link.startswith(f"{SITE}/") for link in reader.links)
    assert "url(" not in html_of(compose(kind))


@pytest.mark.parametrize("kind", sorted(WITH_LINK))
def test_the_link_is_there_to_press_and_to_copy(kind: LetterKind) -> None:
    """In the text it is alone on its line; in the HTML it is a button and also readable."""
    mail = compose(kind)
    assert link_in(mail) == LINK
    assert text_of(mail).splitlines().count(LINK) == 1
    reader = Reader.of(mail)
    assert reader.links.count(LINK) == 2
    assert LINK in reader.text


@pytest.mark.parametrize(
    ("kind", "phrase"),
    [
        (LetterKind.VERIFY_EMAIL, "works once, for three days"),
        (LetterKind.RESET_PASSWORD, "works once, for 30 minutes"),
        (LetterKind.CHANGE_EMAIL, "works once, for 24 hours"),
        (LetterKind.INVITE, "works once, until 24 November 2026, 20:15 UTC"),
        (
            LetterKind.INVITE,
            "Ada invites you to make an account at duet.example.com. It comes with the roles admin, editor.",
        ),
        (LetterKind.PASSWORD_CHANGED, "was changed on 24 November 2026, 20:15 UTC"),
        (LetterKind.EMAIL_CHANGE_REQUESTED, "grace@example.org"),
        (LetterKind.NEW_DEVICE, "Firefox on Windows"),
        (LetterKind.NEW_DEVICE, "203.0.113.7"),
        (LetterKind.NEW_DEVICE, "24 November 2026, 20:15 UTC"),
    ],
)
def test_it_says_what_there_is_to_know(kind: LetterKind, phrase: str) -> None:
    """The text and the HTML both say how long a link lives, who invites, and which device it was."""
    mail = compose(kind)
    assert phrase in words(text_of(mail))
    assert phrase in words(Reader.of(mail).text)


def test_an_invitation_without_inviter_and_roles() -> None:
    """An invitation from the command line says no more than is known."""
    mail = compose(LetterKind.INVITE, inviter="", roles="")
    assert "You are invited to make an account at duet.example.com. To make it" in words(text_of(mail))
    assert "It comes with the role editor." in words(text_of(compose(LetterKind.INVITE, roles="editor")))


@pytest.mark.parametrize(
    "name", ["Ada\r\nBcc: all@example.com\r\n\r\nBuy!", "\n.\n\nQUIT", "Ada\u2028Bcc: x", "\x00\x1b[2J"]
)
def test_a_name_starts_no_line(name: str) -> None:
    """Line breaks and control characters in what people typed change neither headers nor the layout."""
    mail = compose(LetterKind.INVITE, inviter=name)
    assert set(mail.keys()) == set(compose(LetterKind.INVITE).keys())
    assert len(text_of(mail).splitlines()) == len(text_of(compose(LetterKind.INVITE)).splitlines())
    assert not re.search(r"[\x00\x1b]", text_of(mail) + html_of(mail))


def test_a_name_is_text_in_html() -> None:
    """Markup in what people typed is shown, not obeyed."""
    mail = compose(LetterKind.INVITE, inviter='<a href="https://evil.example">Press here</a>')
    reader = Reader.of(mail)
    assert '<a href="https://evil.example">Press here</a> invites you' in reader.text
    assert not any("evil" in link for link in reader.links)


@pytest.mark.parametrize(
    "local",
    [
        "=?utf-8?q?x=0d=0aBcc=3a_all=40example.com?=",
        "=?utf-8?b?eA0KQmNjOiBlQGUuZWU=?=",
        "=?utf-8?q?x=0d=0a=0d=0aHi?=",
    ],
)
def test_an_encoded_word_in_an_address_writes_no_header(local: str) -> None:
    """Python decodes one when it writes `To`, even its line breaks, which RFC 2047 section 5 forbids there."""
    kind = LetterKind.PASSWORD_CHANGED
    letter = Letter(id="x", kind=kind, to=ADDRESS, created_at=NOW, due_at=NOW)
    with pytest.raises(Refused):
        Composer(SITE, sender_of("", SITE)).compose(
            letter, Message(f"{local}@example.com", kind, params=PARAMS[kind])
        )


def test_a_line_break_in_a_header_is_refused() -> None:
    """As a last resort, after all cleaning, the message itself refuses a line break."""
    mail = EmailMessage(policy=SMTP)
    with pytest.raises(ValueError):
        mail["Subject"] = "Hello\r\nBcc: all@example.com"


def test_a_value_that_is_missing_is_no_blank() -> None:
    """A mail that would say 'another address: .' is a fault, and is not sent."""
    kind = LetterKind.EMAIL_CHANGE_REQUESTED
    letter = Letter(id="x", kind=kind, to=ADDRESS, created_at=NOW, due_at=NOW)
    with pytest.raises(UndefinedError):
        Composer(SITE, sender_of("", SITE)).compose(letter, Message(ADDRESS, kind))


def test_a_very_long_value_keeps_the_lines_within_what_servers_take() -> None:
    """No line is longer than 998 octets (RFC 5322 section 2.1.1), and nothing is lost."""
    name = "ö" * 1000
    mail = compose(LetterKind.INVITE, inviter=name)
    assert name in text_of(mail)
    assert max(map(len, mail.as_bytes(policy=SMTPUTF8).splitlines())) <= 998


@pytest.mark.parametrize(
    ("mail_from", "site", "sender"),
    [
        ("", "https://duet.example.com", "Duet <duet@duet.example.com>"),
        ("", "http://127.0.0.1:8000", "Duet <duet@[127.0.0.1]>"),
        ("", "http://[::1]:8000", "Duet <duet@[IPv6:::1]>"),
        ("", "https://bücher.example", "Duet <duet@xn--bcher-kva.example>"),
        ("accounts@example.org", SITE, "Duet <accounts@example.org>"),
        ('"Bücher, Ltd." <a@bücher.example>', SITE, '"Bücher, Ltd." <a@xn--bcher-kva.example>'),
    ],
)
def test_whom_mails_are_from(mail_from: str, site: str, sender: str) -> None:
    """The sender is `MAIL_FROM`, or Duet at the site's host."""
    address = sender_of(mail_from, site)
    assert str(address) == sender
    assert address.addr_spec.isascii()
    assert (
        compose(LetterKind.VERIFY_EMAIL, mail_from=mail_from, site=site)["From"].addresses[0].addr_spec
        == address.addr_spec
    )
    assert host_name(site).isascii()
