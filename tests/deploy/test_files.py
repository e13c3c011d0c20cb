"""The deployment files agree with what Duet, Caddy and each other read."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

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
