"""The deployment files agree with what Duet, Caddy and each other read."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from app.serving.server import LAST_SECONDS
from app.settings import Settings
from app.settings.settings import SECRET_SETTINGS
from tests.deploy.process import duet
from tests.kit.programs import ROOT


def service(name: str) -> str:
    """A service of compose.yaml, as it is written there."""
    text = (ROOT / "compose.yaml").read_text()
    found = re.search(rf"^  {name}:(?: &\w+)?\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    assert found, name
    return found[1]


def test_the_example_secret_is_refused(tmp_path: Path) -> None:
    """Somebody who copies .env.example and forgets to make a secret is told so, and nothing starts."""
    shutil.copy(ROOT / ".env.example", tmp_path / ".env")
    result = duet(tmp_path, "serve")
    assert result.returncode == 2
    assert result.stderr.startswith("duet: SECRET_KEY is a well-known example")


def test_compose_sets_what_duet_reads() -> None:
    """Every variable that compose.yaml passes to Duet is a setting."""
    names = {field.upper() for field in Settings.model_fields}
    names |= {f"{field.upper()}_FILE" for field in SECRET_SETTINGS}
    given = set(re.findall(r"^      ([A-Z_]+): ", service("duet"), re.MULTILINE))
    assert given >= {"SECRET_KEY", "DATABASE_URL", "PUBLIC_URL", "TRUSTED_PROXIES"}
    assert given <= names


def test_every_setting_reaches_duet_from_the_env_file() -> None:
    """compose.yaml hands on the whole of .env, but for what belongs together with Caddy and MongoDB."""
    text = service("duet")
    documented = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))
    given = dict(re.findall(r"^      ([A-Z_]+): (.*)$", text, re.MULTILINE))
    assert "\n    env_file: .env\n" in f"\n{text}"
    made = {name for name, value in given.items() if f"${{{name}:-" not in value}
    assert made == {"PUBLIC_URL", "DATABASE_URL", "TRUSTED_PROXIES"}
    assert len(documented) > 30
    for another in ("duet2", "duet3"):
        assert re.search(r"<<: \*\w+", service(another)), another
        assert "env_file" not in service(another)
        assert "environment" not in service(another)


def test_every_container_may_end_in_its_own_time_and_writes_a_log_with_an_end() -> None:
    """No container is killed before it has come to an end, and no log fills the disk."""
    for name, least in (("duet", LAST_SECONDS), ("mongo", 20)):
        found = re.search(r"^    stop_grace_period: (\d+)s$", service(name), re.MULTILINE)
        assert found, name
        assert int(found[1]) > least, name
    for name in ("duet", "caddy", "mongo"):
        assert "\n    logging: *logging\n" in service(name), name
    assert re.search(r"max-size: \d+m\n +max-file: ", (ROOT / "compose.yaml").read_text())


def test_a_member_that_can_t_be_written_to_is_not_healthy() -> None:
    """A secondary counts as healthy only while it knows a primary that lives."""
    check = service("mongo")
    assert "quit(hello.isWritablePrimary || (hello.secondary && knows()) ? 0 : 1);" in check
    assert 'one.stateStr === "PRIMARY" && one.health === 1' in check


def recipe() -> str:
    """The command with which the Dockerfile tells a team to add a package to its own image."""
    found = re.search(r"^#   RUN (python -m pip .*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert found
    return found[1]


def wheel(folder: Path, name: str, needs: str) -> Path:
    """A wheel of a package without content, which needs another package."""
    path = folder / f"{name}-1.2.3-py3-none-any.whl"
    info = f"{name}-1.2.3.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2.3\nRequires-Dist: {needs}\n"
        file.writestr(f"{info}/METADATA", about)
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return path


def test_a_team_s_packages_are_installed_beside_duet_s(tmp_path: Path) -> None:
    """The Dockerfile's recipe takes a package that goes with Duet's versions, and refuses one that does not."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    made = re.search(r"(sed -nE '.*' )requirements\.lock >(/opt/duet/constraints\.txt) ", dockerfile)
    assert made
    assert "--without-pip" not in dockerfile
    lock = (ROOT / "requirements.lock").read_text()
    text = subprocess.run(
        ["sh", "-c", f"{made[1]} {ROOT / 'requirements.lock'}"], capture_output=True, text=True, check=True
    ).stdout
    assert text.count("\n") == lock.count("==")
    assert "--hash" not in text
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(text)
    flask = re.search(r"^flask==(\S+)", text, re.MULTILINE)
    assert flask

    def install(file: Path) -> subprocess.CompletedProcess[str]:
        command = recipe().replace("'package==1.2.3'", str(file)).replace(made[2], str(constraints)).split()
        return subprocess.run(
            [sys.executable, *command[1:], "--no-index", "--dry-run"], capture_output=True, text=True, check=False
        )

    fitting = install(wheel(tmp_path, "fitting", f"flask=={flask[1]}"))
    assert fitting.returncode == 0, fitting.stderr
    assert "Would install fitting-1.2.3" in fitting.stdout
    assert install(wheel(tmp_path, "unfit", "flask<3")).returncode != 0


def test_compose_sets_what_the_caddyfile_reads() -> None:
    """Every variable in the Caddyfile is given to Caddy, and no other."""
    wanted = set(re.findall(r"\{\$([A-Z_]+)\}", (ROOT / "deploy" / "Caddyfile").read_text()))
    assert wanted == set(re.findall(r"^      ([A-Z_]+): ", service("caddy"), re.MULTILINE))


def test_every_container_is_locked_down() -> None:
    """No container can write to its image, keep a capability that it does not need, or gain one."""
    for name in ("duet", "caddy", "mongo"):
        text = service(name)
        for line in ("read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]'):
            assert f"    {line}\n" in text, (name, line)
    assert "ports:" not in service("duet") + service("mongo")


def test_the_image_runs_duet_as_nobody_in_particular_and_lets_it_hear_signals() -> None:
    """The last stage has its own numeric user, and the command is a list, so no shell comes between."""
    text = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert "\nUSER 10001:10001\n" in text
    assert re.search(r'^CMD \["duet", ', text, re.MULTILINE)
    assert "ENTRYPOINT" not in text
