"""`duet check` and the mail server: one line says what is wrong and what mends it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.deploy.process import duet
from tests.kit.programs import free_port
from tests.mail.servers import PASSWORD, USER, BadServer, Certificate, mailbox

LOGIN = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}"


def mail_line(folder: Path, **variables: str) -> str:
    """The line of `duet check` about mail."""
    result = duet(folder, "check", **variables)
    [line] = [line for line in result.stdout.splitlines() if " mail: " in line]
    assert result.returncode == (1 if line.startswith("FAIL") else 0), result.stdout
    assert PASSWORD not in result.stdout + result.stderr
    assert "hush" not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return line


def test_without_a_server_it_tells_of_the_outbox(tmp_path: Path) -> None:
    """The line says where messages are written, and fails if they can't be."""
    line = mail_line(tmp_path)
    assert line.startswith("ok")
    assert f"messages are written to {tmp_path / 'data' / 'outbox'}" in line
    (tmp_path / "data" / "outbox").write_text("in the way")
    assert mail_line(tmp_path).startswith("FAIL")


def test_a_server_that_lets_us_in(tmp_path: Path, certificate: Certificate) -> None:
    """The connection is encrypted and logged in, and no message is sent."""
    with mailbox(certificate=certificate) as box:
        url = f"smtp://{LOGIN}@localhost:{box.port}"
        line = mail_line(tmp_path, SMTP_URL=url, SSL_CERT_FILE=str(certificate.path))
    assert line.startswith("ok")
    assert "encrypted, logged in" in line
    assert (box.logins, box.envelopes) == ([(USER, PASSWORD)], [])


def test_a_certificate_that_is_not_trusted(tmp_path: Path, certificate: Certificate) -> None:
    """The line names the variable that would make it trusted."""
    with mailbox(certificate=certificate) as box:
        line = mail_line(tmp_path, SMTP_URL=f"smtp://{LOGIN}@localhost:{box.port}")
    assert line.startswith("FAIL")
    assert "SSL_CERT_FILE" in line


def test_a_wrong_password(tmp_path: Path, certificate: Certificate) -> None:
    """The line says where the password is set."""
    with mailbox(certificate=certificate) as box:
        url = f"smtp://ada:hush@localhost:{box.port}"
        line = mail_line(tmp_path, SMTP_URL=url, SSL_CERT_FILE=str(certificate.path))
    assert line.startswith("FAIL")
    assert "refuses the login (535 5.7.8): check the user and password in SMTP_URL" in line


@pytest.mark.parametrize(
    ("answers", "url", "reason"),
    [
        ({}, "smtp://ada:hush@127.0.0.1:{port}", "offers no STARTTLS"),
        ({}, "smtps://ada:hush@127.0.0.1:{port}", "speaks no TLS"),
        (
            {"MAIL": "550 5.7.1 not you"},
            "smtp://127.0.0.1:{port}",
            "refuses the sender (550 5.7.1): check MAIL_FROM",
        ),
        ({"GREETING": "421 busy"}, "smtp://127.0.0.1:{port}", "answers 421"),
        ({"GREETING": BadServer.DROP}, "smtp://127.0.0.1:{port}", "closed the connection"),
    ],
)
def test_a_server_that_does_not(tmp_path: Path, answers: dict[str, str], url: str, reason: str) -> None:
    """Each fault has its own words."""
    with BadServer(answers).running() as server:
        line = mail_line(tmp_path, SMTP_URL=url.format(port=server.port))
    assert line.startswith("FAIL")
    assert reason in line


def test_no_way_in_the_clear_is_named_for_a_password(tmp_path: Path) -> None:
    """`?starttls=no` is advised only for a server without a login, because with one it stops the start."""
    with BadServer({}).running() as server:
        with_user = mail_line(tmp_path, SMTP_URL=f"smtp://ada:hush@127.0.0.1:{server.port}")
    assert "starttls=no" not in with_user


def test_nobody_listens_or_nobody_knows_the_name(tmp_path: Path) -> None:
    """The check does not wait for a server that does not listen or whose name is unknown."""
    assert "can't be reached" in mail_line(tmp_path, SMTP_URL=f"smtp://127.0.0.1:{free_port()}")
    assert "is unknown" in mail_line(tmp_path, SMTP_URL="smtp://nowhere.invalid")


def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    """The check gives it up after some seconds."""
    with BadServer({"GREETING": BadServer.HANG}).running() as server:
        line = mail_line(tmp_path, SMTP_URL=server.url)
    assert line.startswith("FAIL")
    assert "did not answer in time" in line
