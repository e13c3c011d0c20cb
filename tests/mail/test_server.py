"""`SMTP_URL`: what it may say, and that nothing secret is sent unencrypted."""

from __future__ import annotations

import pytest

from app.mail.server import SmtpServer, parse_smtp_url

HOST = "mail.example.com"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        (f"smtp://{HOST}", SmtpServer(HOST, 587, "starttls")),
        (f"smtp://{HOST}:25/", SmtpServer(HOST, 25, "starttls")),
        (f"smtps://{HOST}", SmtpServer(HOST, 465, "implicit")),
        (f"smtp://ada:p%40ss%2Fw%3Ard%20%C3%BC@{HOST}", SmtpServer(HOST, 587, "starttls", "ada", "p@ss/w:rd ü")),
        (f"smtps://ada%40{HOST}:hush@{HOST}", SmtpServer(HOST, 465, "implicit", f"ada@{HOST}", "hush")),
        ("smtp://localhost:25", SmtpServer("localhost", 25, "none")),
        ("smtp://127.0.0.2:1025", SmtpServer("127.0.0.2", 1025, "none")),
        ("smtp://[::1]:1025", SmtpServer("::1", 1025, "none")),
        ("smtp://ada:hush@localhost", SmtpServer("localhost", 587, "starttls", "ada", "hush")),
        ("smtps://localhost", SmtpServer("localhost", 465, "implicit")),
        ("smtp://mailhost:1025?starttls=no", SmtpServer("mailhost", 1025, "none")),
        ("smtp://localhost.example.com", SmtpServer("localhost.example.com", 587, "starttls")),
    ],
)
def test_what_a_url_means(url: str, server: SmtpServer) -> None:
    """Only mail within the machine, or as the operator asks, goes unencrypted, and a password never does."""
    assert parse_smtp_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        f"http://ada:hush@{HOST}",
        f"ada:hush@{HOST}",
        "smtp://",
        f"smtp://ada:hush@{HOST}:port",
        f"smtp://ada:hush@{HOST}/folder",
        f"smtp://ada:hush@{HOST}?starttls=no",
        "smtp://ada:hush@localhost?starttls=no",
        f"smtp://{HOST}?starttls=maybe",
        f"smtp://{HOST}?starttls=no&starttls=no2",
        f"smtp://{HOST}?tls=no",
        f"smtp://{HOST}?starttls",
        f"smtp://{HOST}#hush",
        f"smtps://{HOST}?starttls=no",
        f"smtp://ada%0D%0AQUIT:hush@{HOST}",
    ],
)
def test_what_a_url_may_not_say(url: str) -> None:
    """It is refused with the reason, which does not show the password."""
    with pytest.raises(ValueError) as refused:
        parse_smtp_url(url)
    assert "hush" not in str(refused.value)


def test_the_password_is_not_shown() -> None:
    """A log line or a traceback that shows the server does not show its password."""
    server = parse_smtp_url(f"smtp://ada:hush@{HOST}")
    assert "hush" not in f"{server} {server!r}"
