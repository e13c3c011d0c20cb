"""The commands of docs/api.md, run one after another against their own server, answer what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.api.errors.errors import status_of
from app.auth.errors import AuthError
from tests.kit.programs import ROOT, find_program, free_port, started

DOCUMENT = ROOT / "docs/api.md"
_URL = "http://127.0.0.1:8000"
_END = "=== the end of a block ==="
#: A command, and the answer directly after it, if there is one.
_STEP = re.compile(r"^```sh\n(.*?)^```$(?:\n\n^```(?:json|text)\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)


def steps() -> list[tuple[str, str]]:
    """Commands and their answers, in order; the answer is empty where none is shown."""
    return _STEP.findall(DOCUMENT.read_text())


def _pattern(answer: str) -> str:
    """The pattern of an answer: `…` stands for anything within its line."""
    return "[^\\n]*?".join(re.escape(part) for part in answer.strip().split("…"))


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _setup_link(log: Path) -> str:
    """The link that the first start prints."""
    deadline = time.monotonic() + 60
    while not (found := re.search(r"^Set up +(\S+)", log.read_text(), re.MULTILINE)):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    return found[1]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each command printed, with the document's own address in it."""
    folder = tmp_path_factory.mktemp("docs")
    url = f"http://127.0.0.1:{free_port()}"
    tools = os.pathsep.join({str(Path(find_program(name)).parent) for name in ("curl", "bash", "python3")})
    settings = {"DATA_DIR": str(folder / "data"), "PUBLIC_URL": url, "TESTING": "1", "BCRYPT_ROUNDS": "4"}
    command = [sys.executable, "-m", "app", "--port", url.rpartition(":")[2]]
    log = folder / "log"
    with started(command, is_ready=lambda: _is_ready(url), log=log, env={**os.environ, **settings}, cwd=ROOT):
        script = f"\necho '{_END}'\n".join(code for code, _ in steps()).replace(_URL, url)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env={"PATH": tools + os.pathsep + os.environ["PATH"], "SETUP": _setup_link(log)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert not done.stderr, done.stderr
    return [part.strip() for part in done.stdout.replace(url, _URL).split(_END)]


@pytest.mark.parametrize("number", range(len(steps())))
def test_a_command_answers_what_the_document_shows(answers: list[str], number: int) -> None:
    """Only shortened parts may differ; answers of a few lines are compared line by line."""
    code, shown = steps()[number]
    printed = answers[number].replace("\r", "")
    assert re.fullmatch(_pattern(shown), printed), f"{code}\nprinted\n{printed}"


def test_the_document_shows_something() -> None:
    """The commands are found, and nearly all of them have an answer."""
    found = steps()
    assert len(found) > 15
    assert sum(not shown for _, shown in found) < 3


def _kinds(of: type[AuthError]) -> Iterator[type[AuthError]]:
    yield of
    for kind in of.__subclasses__():
        yield from _kinds(kind)


def test_every_code_of_a_401_is_listed() -> None:
    """The table has the code of each error that the API answers with a 401, and no other."""
    table = DOCUMENT.read_text().partition("The `code` of a 401")[2].partition("An answer never")[0]
    listed = {
        code for row in re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE) for code in re.findall("`(.*?)`", row)
    }
    answered = {kind.code for kind in _kinds(AuthError) if kind.code and status_of(kind.__new__(kind)) == 401}
    assert listed == answered


def test_no_command_needs_a_new_curl() -> None:
    """Debian 11 has curl 7.74; `--json` came with 7.82."""
    assert "--json" not in DOCUMENT.read_text()
