"""A real Caddy or nginx, with the configuration in `deploy/`, in front of a Duet that is served on https."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.extension import Extension
from tests.kit.duet import ApiClient, Browser, Running, make_settings, running
from tests.kit.programs import ROOT, find_program, free_port, is_listening, started, wait_until

#: The IP address that people come from, while the proxy calls Duet from 127.0.0.1.
PERSON = "127.0.0.2"


@dataclass(frozen=True)
class Site:
    """Duet behind a proxy."""

    duet: Running
    url: str
    http_url: str
    trust: ssl.SSLContext

    def browser(self, **given: Any) -> Browser:
        """A person who comes from `PERSON` through the proxy."""
        return Browser(self.url, transport=self._transport(), **given)

    def api(self, **given: Any) -> ApiClient:
        """A client that comes from `PERSON` through the proxy."""
        return ApiClient(self.url, transport=self._transport(), **given)

    def _transport(self) -> httpx.HTTPTransport:
        return httpx.HTTPTransport(verify=self.trust, local_address=PERSON)


StartProxy = Callable[[Path, int, int, int], contextlib.AbstractContextManager[Path]]


@contextlib.contextmanager
def site(
    start_proxy: StartProxy,
    folder: Path,
    *,
    extensions: Sequence[Extension] = (),
    ws: Any = "auto",
    **settings: Any,
) -> Iterator[Site]:
    """Serves Duet behind a proxy, on https://localhost and a free port.

    Args:
        start_proxy: `caddy` or `nginx`.
        folder: an empty folder.
        extensions: a team's own code.
        ws: uvicorn's protocol for WebSockets.
        settings: Duet's settings, besides `PUBLIC_URL`.
    """
    http_port, https_port = free_port(), free_port()
    url = f"https://localhost:{https_port}"
    made = make_settings(folder / "data", public_url=url, **settings)
    with running(made, extensions=extensions, ws=ws) as duet:
        duet_port = int(duet.url.rpartition(":")[2])
        with start_proxy(folder, http_port, https_port, duet_port) as certificate:
            trust = ssl.create_default_context(cafile=certificate)
            yield Site(duet, url, f"http://localhost:{http_port}", trust)


@contextlib.contextmanager
def caddy(folder: Path, http_port: int, https_port: int, duet_port: int) -> Iterator[Path]:
    """Runs Caddy with `deploy/Caddyfile`, and yields the certificate of its own authority."""
    with caddy_at("localhost", folder, http_port, https_port, [duet_port], waits_for=https_port):
        root = folder / "caddy-data" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        wait_until(lambda: root.exists() and is_listening(http_port) and _has_certificate(root, https_port))
        yield root


def _has_certificate(root: Path, port: int) -> bool:
    """Whether Caddy has made the certificate of localhost, which it does a moment after it listens."""
    try:
        with socket.create_connection(("localhost", port), 10) as plain:
            ssl.create_default_context(cafile=root).wrap_socket(plain, server_hostname="localhost").close()
    except OSError:  # `ssl.SSLError` is one, too
        return False
    return True


@contextlib.contextmanager
def caddy_at(
    domain: str, folder: Path, http_port: int, https_port: int, duet_ports: Sequence[int], *, waits_for: int
) -> Iterator[None]:
    """Runs Caddy with `deploy/Caddyfile` in front of one or more Duets.

    Args:
        domain: what people type.
        waits_for: the port on which Caddy has to answer.
    """
    program = find_program("caddy")
    config = folder / "Caddyfile"
    # By default Caddy uses what a test must not touch: ports 80 and 443, its admin port, and the
    # system's trust store.
    config.write_text(
        "{\n\tadmin off\n\tdefault_bind 127.0.0.1\n\tlocal_certs\n\tskip_install_trust\n"
        f"\thttp_port {http_port}\n\thttps_port {https_port}\n}}\n"
        f"import {ROOT / 'deploy' / 'Caddyfile'}\n"
    )
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "caddy-data"),
        "XDG_CONFIG_HOME": str(folder / "caddy-config"),
        "DUET_DOMAIN": domain,
        "DUET_UPSTREAM": " ".join(f"127.0.0.1:{port}" for port in duet_ports),
    }
    command = [program, "run", "--config", str(config), "--adapter", "caddyfile"]
    with started(command, is_ready=lambda: is_listening(waits_for), log=folder / "caddy.log", env=env, cwd=folder):
        yield


@contextlib.contextmanager
def nginx(folder: Path, http_port: int, https_port: int, duet_port: int) -> Iterator[Path]:
    """Runs nginx with `deploy/nginx.conf`, and yields its certificate."""
    program = find_program("nginx")
    certificate, key = _make_certificate(folder)
    site_config = (ROOT / "deploy" / "nginx.conf").read_text()
    for text, here in {
        "listen [::]:80;": "",
        "listen [::]:443 ssl http2;": "",
        "listen 80;": f"listen 127.0.0.1:{http_port};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{https_port} ssl http2;",
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{duet_port};",
        "/etc/ssl/duet.example.com/fullchain.pem": str(certificate),
        "/etc/ssl/duet.example.com/privkey.pem": str(key),
        "server_name duet.example.com;": "server_name localhost;",
        "https://duet.example.com$request_uri": f"https://localhost:{https_port}$request_uri",
    }.items():
        assert text in site_config, f"deploy/nginx.conf no longer has '{text}'"
        site_config = site_config.replace(text, here)
    (folder / "site.conf").write_text(site_config)
    temporary = "".join(
        f"{kind}_temp_path {folder / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {folder / 'nginx.pid'}; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off; {temporary} include {folder / 'site.conf'}; }}\n"
    )
    # Without `-e` nginx writes to the machine's own log until it has read its configuration.
    command = [program, "-e", "stderr", "-p", str(folder), "-c", str(config)]
    env = {"PATH": os.environ["PATH"]}
    log = folder / "nginx.log"
    with started(command, is_ready=lambda: is_listening(https_port), log=log, env=env, cwd=folder):
        yield certificate


def _make_certificate(folder: Path) -> tuple[Path, Path]:
    """Makes a self-signed certificate for localhost, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout {key} -out {certificate}"
    subprocess.run([find_program("openssl"), *command.split()], check=True, capture_output=True)
    return certificate, key


PROXIES: dict[str, StartProxy] = {"caddy": caddy, "nginx": nginx}
