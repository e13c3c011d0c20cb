"""Where `duet serve` listens, and what it says where it can't."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from tests.deploy.process import duet, served
from tests.kit.live import connect, read_all, status

HEALTH = b"GET /healthz HTTP/1.0\r\n\r\n"


def ask(host: str, port: int) -> int:
    """The status of `/healthz` at an IP address; 0 if nobody listens there."""
    try:
        with socket.create_connection((host, port), 20) as connection:
            connection.sendall(HEALTH)
            return status(connection.recv(65536))
    except ConnectionRefusedError:
        return 0


@pytest.mark.parametrize("host", ["::", "[::]"])
def test_every_address_is_that_of_both_families(host: str, tmp_path: Path) -> None:
    """`--host ::` answers over IPv6 and over IPv4, whatever the machine's default is."""
    with served(tmp_path, "--host", host) as one:
        assert (ask("127.0.0.1", one.port), ask("::1", one.port)) == (200, 200)
        said = one.log.read_text()
    assert f"Duet      http://127.0.0.1:{one.port}\n" in said
    assert f"Listening on ::, port {one.port}." in said


def test_one_family_is_one_family(tmp_path: Path) -> None:
    """`--host 0.0.0.0` answers over IPv4 alone."""
    with served(tmp_path, "--host", "0.0.0.0") as one:
        assert (ask("127.0.0.1", one.port), ask("::1", one.port)) == (200, 0)


def test_a_connection_is_kept_for_as_long_as_the_setting_says(tmp_path: Path) -> None:
    """An idle connection is closed after KEEP_ALIVE_SECONDS, and not before."""
    with served(tmp_path, KEEP_ALIVE_SECONDS="1.5") as one, connect(one.url, seconds=60) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert status(connection.recv(65536)) == 200
        began = time.monotonic()
        assert read_all(connection) == b""
        assert 1 < time.monotonic() - began < 60  # 75 by default


@pytest.mark.parametrize(
    "host",
    ["nowhere.invalid", "a..b", "x" * 70, "192.0.2.1", "[::", "::x", "a b", "a/b", "", "2001:db8::1", "\udcff"],
)
def test_a_host_that_is_none_is_told_in_one_line(host: str, tmp_path: Path) -> None:
    """A name that nobody has, an address of another machine, and what is no host: no traceback, and no data."""
    result = duet(tmp_path, "serve", "--host", host, "--port", "1025")
    assert result.returncode in (1, 2)
    assert result.stderr.startswith("duet: ")
    assert (result.stderr.count("\n"), result.stdout) == (1, "")
    assert not (tmp_path / "data" / "duet.db").exists()
