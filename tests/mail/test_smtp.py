"""Mail over SMTP is encrypted or not sent, sent at least once, and a failure is explained in words."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from app.auth.models import LetterKind
from tests.kit.mails import html_of, link_in, text_of
from tests.kit.programs import free_port
from tests.mail.house import ADDRESS, LINK, House, smtp, until
from tests.mail.servers import PASSWORD, USER, BadServer, Certificate, mailbox, parse

LOGIN = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}"


def events(logged: list[Any], event: str) -> list[Any]:
    """The log lines with that event."""
    return [line for line in logged if line["event"] == event]


async def test_a_message_arrives(home: House) -> None:
    """It has both parts, the link in each, and the headers that a mail needs."""
    with mailbox() as box:
        async with home.sending(smtp(f"smtp://127.0.0.1:{box.port}")):
            letter = await home.write()
            await until(home.is_empty)
    [mail] = box.mails
    assert (mail["From"], mail["To"]) == ("Duet <duet@duet.example.com>", ADDRESS)
    assert mail["Subject"] == "Confirm your address for duet.example.com"
    assert (mail["Message-ID"], mail["Auto-Submitted"]) == (f"<{letter.id}@duet.example.com>", "auto-generated")
    assert mail["Date"].datetime == letter.created_at.replace(microsecond=0)
    assert mail.get_content_type() == "multipart/alternative"
    assert link_in(mail) == LINK
    assert LINK in text_of(mail).splitlines()
    assert f'href="{LINK}"' in html_of(mail)
    assert box.envelopes[0].mail_from == "duet@duet.example.com"
    assert box.envelopes[0].rcpt_tos == [ADDRESS]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_it_is_encrypted_before_anybody_logs_in(
    home: House, trusted: Certificate, scheme: str, host: str
) -> None:
    """With STARTTLS and with implicit TLS, under one's own certificate, the password arrives whole."""
    with mailbox(certificate=trusted, implicit=scheme == "smtps") as box:
        async with home.sending(smtp(f"{scheme}://{LOGIN}@{host}:{box.port}")):
            await home.write()
            await until(home.is_empty)
    assert box.encrypted == [True]
    assert box.logins == [(USER, PASSWORD)]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_certificate_that_nobody_vouches_for_gets_no_password(
    home: House, certificate: Certificate, logged: list[Any], scheme: str
) -> None:
    """An attacker in between has a certificate like that, so the letter waits, and the log says what to do."""
    with mailbox(certificate=certificate, implicit=scheme == "smtps") as box:
        async with home.sending(smtp(f"{scheme}://{LOGIN}@127.0.0.1:{box.port}")):
            await home.write()
            await until(lambda: events(logged, "mail_put_off"))
    assert (box.logins, box.envelopes) == ([], [])
    assert not home.is_empty()
    line = events(logged, "mail_put_off")[0]
    assert line["log_level"] == "error"
    assert "is not trusted" in line["reason"]
    assert "SSL_CERT_FILE" in line["reason"]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_certificate_for_another_host_gets_no_password(
    home: House, logged: list[Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """A genuine certificate for another host counts no more than none."""
    other = Certificate.make(tmp_path, names="DNS:other.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", str(other.path))
    with mailbox(certificate=other, implicit=scheme == "smtps") as box:
        async with home.sending(smtp(f"{scheme}://{LOGIN}@127.0.0.1:{box.port}")):
            await home.write()
            await until(lambda: events(logged, "mail_put_off"))
    assert (box.logins, box.envelopes) == ([], [])
    assert "is not trusted" in events(logged, "mail_put_off")[0]["reason"]


async def test_without_starttls_nothing_is_said(home: House, logged: list[Any]) -> None:
    """A server or attacker in between that offers no encryption gets neither password nor mail (RFC 3207)."""
    answers = {"EHLO": "250-bad\r\n250 AUTH PLAIN LOGIN"}
    with BadServer(answers).running() as server:
        async with home.sending(smtp(f"smtp://{LOGIN}@127.0.0.1:{server.port}")):
            await home.write()
            await until(lambda: events(logged, "mail_put_off"))
    assert {line.split()[0] for line in server.lines} == {"EHLO"}
    assert "offers no STARTTLS" in events(logged, "mail_put_off")[0]["reason"]
    assert not home.is_empty()


async def test_a_wrong_password_is_the_operators(home: House, trusted: Certificate, logged: list[Any]) -> None:
    """The letter waits, and an error says where the password is set."""
    with mailbox(certificate=trusted) as box:
        async with home.sending(smtp(f"smtp://ada:wrong@127.0.0.1:{box.port}")):
            await home.write()
            await until(lambda: events(logged, "mail_put_off"))
    line = events(logged, "mail_put_off")[0]
    assert line["log_level"] == "error"
    assert "refuses the login (535 5.7.8)" in line["reason"]
    assert "SMTP_URL" in line["reason"]
    assert not home.is_empty()


FOR_NOW = [
    ({"GREETING": "421 4.3.2 too busy"}, "warning", "answers 421 4.3.2"),
    ({"EHLO": "421 4.3.2 ada", "HELO": "421 ada"}, "warning", "answers 421"),
    ({"GREETING": "554 5.7.1 not you, ada"}, "error", "answers 554"),
    ({"RCPT": "450 4.2.0 greylisted, ada"}, "warning", "for now (450 4.2.0)"),
    ({"DATA": "451 4.3.0 ada"}, "warning", "for now (451 4.3.0)"),
    ({"MESSAGE": "452 4.3.1 disk full, ada"}, "warning", "for now (452 4.3.1)"),
    ({"MAIL": "550 5.1.8 ada is no sender"}, "error", "refuses the sender (550 5.1.8): check MAIL_FROM"),
    ({"RCPT": "554 5.7.1 <ada@example.com>: Relay access denied"}, "error", "does not send for us (554 5.7.1)"),
    ({"RCPT": "530 5.5.1 log in first, ada"}, "error", "does not send for us (530 5.5.1)"),
    ({"MESSAGE": "550 5.7.26 unauthenticated, ada"}, "error", "does not send for us (550 5.7.26)"),
    ({"MESSAGE": BadServer.DROP}, "warning", "closed the connection"),
    ({"RCPT": BadServer.DROP}, "warning", "closed the connection"),
    ({"GREETING": BadServer.DROP}, "warning", "closed the connection"),
    ({"GREETING": BadServer.HANG}, "warning", "did not answer in time"),
    ({"EHLO": BadServer.HANG}, "warning", "did not answer in time"),
    ({"DATA": BadServer.HANG}, "warning", "did not answer in time"),
    ({"MESSAGE": BadServer.HANG}, "warning", "did not answer in time"),
]


@pytest.mark.parametrize(("answers", "level", "reason"), FOR_NOW, ids=lambda value: str(value))
async def test_what_a_server_does_not_take_now_is_sent_again(
    home: House, logged: list[Any], answers: dict[str, str], level: str, reason: str
) -> None:
    """Temporary refusals, hang-ups and silence leave the letter in the queue, under the same Message-ID."""
    server = BadServer(dict(answers))
    with server.running():
        async with home.sending(smtp(server.url, step=0.3)):
            letter = await home.write()
            await until(lambda: events(logged, "mail_put_off"))
            server.answers.clear()
            await until(home.is_empty)
    line = events(logged, "mail_put_off")[0]
    assert (line["log_level"], line["letter"]) == (level, letter.id)
    assert reason in line["reason"]
    assert {parse(message)["Message-ID"] for message in server.messages} == {f"<{letter.id}@duet.example.com>"}


async def test_a_message_that_may_have_been_taken_is_sent_again(home: House) -> None:
    """The connection breaks after the final dot, so the same message is sent again, as a recognisable
    duplicate."""
    server = BadServer({"MESSAGE": BadServer.DROP})
    with server.running():
        async with home.sending(smtp(server.url)):
            await home.write()
            await until(lambda: server.messages)
            server.answers.clear()
            await until(home.is_empty)
    first, *others = [parse(message) for message in server.messages]
    assert others
    assert all((mail["Message-ID"], mail["Date"]) == (first["Message-ID"], first["Date"]) for mail in others)


async def test_what_happens_after_the_answer_counts_no_more(home: House) -> None:
    """A server that hangs at QUIT has the message already, so it is not sent again."""
    server = BadServer({"QUIT": BadServer.HANG})
    with server.running():
        async with home.sending(smtp(server.url)):
            await home.write()
            await until(home.is_empty)
    assert len(server.messages) == 1


@pytest.mark.parametrize(
    "answers",
    [{"RCPT": "550 5.1.1 <ada@example.com>: no such user"}, {"RCPT": "550 ada"}, {"MESSAGE": "552 5.3.4 ada"}],
)
async def test_what_a_server_refuses_for_good_is_dropped(
    home: House, logged: list[Any], answers: dict[str, str]
) -> None:
    """An unknown recipient stays unknown: one log line, without the email address, and the letter is gone."""
    with BadServer(answers).running() as server:
        async with home.sending(smtp(server.url)):
            await home.write(user_id="user-1")
            await until(home.is_empty)
    [line] = events(logged, "mail_refused")
    assert (line["user_id"], line["log_level"]) == ("user-1", "error")
    assert "for good" in line["reason"]
    assert len(server.said("RCPT")) == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("smtp://127.0.0.1:{port}", "can't be reached"),
        ("smtps://127.0.0.1:{port}", "can't be reached"),
        ("smtp://nowhere.invalid:{port}", "is unknown"),
    ],
)
async def test_a_server_that_is_not_there_is_waited_for(
    home: House, logged: list[Any], url: str, reason: str
) -> None:
    """If nobody listens, or the name is unknown, the letter waits."""
    async with home.sending(smtp(url.format(port=free_port()))):
        await home.write()
        await until(lambda: events(logged, "mail_put_off"))
    assert reason in events(logged, "mail_put_off")[0]["reason"]
    assert not home.is_empty()


async def test_tls_where_there_is_none_is_told(home: House, logged: list[Any]) -> None:
    """If the port of an smtps:// URL speaks no TLS, the log says so to the operator."""
    with BadServer({}).running() as server:
        async with home.sending(smtp(f"smtps://127.0.0.1:{server.port}")):
            await home.write()
            await until(lambda: events(logged, "mail_put_off"))
    assert "speaks no TLS" in events(logged, "mail_put_off")[0]["reason"]


async def test_addresses_of_the_world(home: House, logged: list[Any]) -> None:
    """A domain beyond ASCII is sent as DNS spells it, and a local part beyond ASCII by SMTPUTF8."""
    with mailbox() as box:
        async with home.sending(smtp(f"smtp://127.0.0.1:{box.port}")):
            await home.write("grace@bücher.example")
            await home.write("grüße@bücher.example")
            await until(home.is_empty)
    found = {envelope.rcpt_tos[0]: envelope.content for envelope in box.envelopes}
    assert set(found) == {"grace@xn--bcher-kva.example", "grüße@xn--bcher-kva.example"}
    for address, content in found.items():
        assert isinstance(content, bytes)
        assert f"To: {address}\r\n".encode() in content
    assert not events(logged, "mail_refused")


async def test_without_smtputf8_such_an_address_is_refused(home: House, logged: list[Any]) -> None:
    """This server could never deliver the letter, so the log says why, and the letter is gone."""
    with BadServer({}).running() as server:
        async with home.sending(smtp(server.url)):
            await home.write("grüße@example.com")
            await until(home.is_empty)
    [line] = events(logged, "mail_refused")
    assert "SMTPUTF8" in line["reason"]
    assert not server.said("RCPT")


async def test_a_server_of_seven_bits_gets_seven_bits(home: House) -> None:
    """If 8BITMIME is not offered, text beyond ASCII is encoded (RFC 6152)."""
    values = '{"inviter": "Ada Löwe", "expires": "2026-12-01T20:15:00+00:00", "roles": ""}'
    with BadServer({}).running() as server:
        async with home.sending(smtp(server.url)):
            await home.write("grace@example.com", kind=LetterKind.INVITE, params=values)
            await until(home.is_empty)
    assert server.messages[0].isascii()
    assert "Ada Löwe invites you" in text_of(parse(server.messages[0]))
