"""The documents tell the truth: settings, links, code, addresses, the map of app/, dependencies, named tests."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import reduce
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

import pytest

from app.auth.clock import lasting
from app.auth.models import LIFETIMES, MAX_NAME_LENGTH, LinkPurpose
from app.auth.policy import Rule
from app.main import create_app
from app.settings import Settings
from tests.kit.duet import make_settings

ROOT = Path(__file__).parents[2]
_FOLDERS = ("docs", "examples", "benchmarks", "deploy")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(path for folder in _FOLDERS for path in (ROOT / folder).rglob("*.md"))])
README = ROOT / "README.md"
SECURITY = ROOT / "docs/security.md"
SETUP_LASTS = lasting(LIFETIMES[LinkPurpose.SETUP])
RESET_LASTS = lasting(LIFETIMES[LinkPurpose.RESET_PASSWORD])


def name_of(path: Path) -> str:
    """The path from the project's root, used as a test case's name."""
    return path.relative_to(ROOT).as_posix()


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks of code in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)


def without_code(document: Path) -> str:
    """The text of a document without its blocks of code."""
    return re.sub(r"^( *)```.*?^\1```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)


# settings


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    """The tables of docs/settings.md name the fields of Settings, each once, and nothing else."""
    text = (ROOT / "docs/settings.md").read_text()
    documented = re.findall(r"^\| `([A-Z_]+)`", text, re.MULTILINE)
    assert sorted(documented) == sorted(field.upper() for field in Settings.model_fields)


def documented_defaults() -> dict[str, str]:
    """The default of each setting whose cell in the table has one value."""
    text = (ROOT / "docs/settings.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)`[^|]*\| `?([^|`(]*)`?[^|]*\|", text, re.MULTILINE)
    return {name: default.strip() for name, default in rows}


@pytest.mark.parametrize(
    "name",
    sorted(
        name.upper() for name, field in Settings.model_fields.items() if isinstance(field.default, int | float)
    ),
)
def test_documented_numbers_are_the_defaults(name: str) -> None:
    """A number in the column of defaults is the setting's default."""
    default = Settings.model_fields[name.lower()].default
    assert float(documented_defaults()[name]) == float(default)


@pytest.mark.parametrize(
    ("document", "phrase"),
    [
        ("README.md", f"makes the first admin, once, within {SETUP_LASTS}"),
        ("docs/api.md", f"makes the first admin, once, within {SETUP_LASTS}"),
        ("docs/api.md", f"The link counts for {RESET_LASTS}."),
        (
            "docs/security.md",
            f"A reset link is single-use, lives {RESET_LASTS},",
        ),
        ("docs/import.md", f"| `name` | | up to {MAX_NAME_LENGTH} characters |"),
    ],
)
def test_documented_limits_are_those_of_the_code(document: str, phrase: str) -> None:
    """The documents state how long a link counts, and how long a name may be."""
    assert phrase in (ROOT / document).read_text()


# links


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", without_code(document), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    """Linked files exist, and so do the headings in them."""
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(document)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (document.parent / unquote(file)).resolve() if file else document
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link}: there is no such heading"


def test_the_readme_begins_with_a_picture() -> None:
    """The first line shows what Duet is about; the test of the links checks that the picture exists."""
    assert README.read_text().startswith("![")


# code


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_python_in_documents_compiles(document: Path) -> None:
    """Examples are Python that can be parsed."""
    for code in blocks(document, "python"):
        ast.parse(code)


def test_the_readmes_extension_works(tmp_path: Path) -> None:
    """The README's first example, saved under the name given there, is loaded from the folder of the start."""
    (tmp_path / "hello.py").write_text(blocks(README, "python")[0])
    duet = Path(sys.executable).with_name("duet")
    environment = {"PATH": os.environ["PATH"], "EXTENSIONS": "hello:extension", "DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        [duet, "check"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert "extensions: 1 loaded" in done.stdout, done.stdout + done.stderr


# addresses


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> list[Rule]:
    """The policy's table: everything that Duet serves, with the example beside it."""
    example = ("examples.notes:extension",)
    app = create_app(make_settings(tmp_path_factory.mktemp("data"), extensions=example))
    app.state.auth.passwords.close()
    table: list[Rule] = app.state.rules
    return table


def curl_calls(document: Path) -> Iterator[tuple[str, str]]:
    """Method and path of each curl command that calls a Duet on this machine."""
    for block in (*blocks(document, "bash"), *blocks(document, "sh")):
        for command in block.replace("\\\n", " ").splitlines():
            found = re.search(r"\bcurl\b.*http://127\.0\.0\.1:8000(/[^\s?'\"]*)", command)
            if found:
                method = re.search(r"-X ?([A-Z]+)", command)
                has_body = re.search(r" (?:-d|--data\S*|--json) ", command)
                yield (method[1] if method else "POST" if has_body else "GET"), found[1]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_addresses_that_documents_call_are_served(document: Path, rules: list[Rule]) -> None:
    """Every curl command calls one of Duet's paths with a method that it accepts."""
    for method, path in curl_calls(document):
        assert any(
            method in rule.methods and re.fullmatch(re.sub(r"\{\w+\}|<[\w:]+>", "[^/]+", rule.path), path)
            for rule in rules
        ), f"{method} {path} is not served"


def test_the_readme_calls_the_api() -> None:
    """The README's commands are found, so that the test of the addresses tests something."""
    assert ("POST", "/api/auth/token") in set(curl_calls(README))
    assert ("GET", "/api/users/me") in set(curl_calls(README))


# the table of the security rules


def test_each_security_rule_has_its_row() -> None:
    """The first 37 items are all there, and none comes twice or out of its order."""
    items = [int(item) for item in re.findall(r"^\| (\d+) \|", SECURITY.read_text(), re.MULTILINE)]
    assert items[:37] == [*range(1, 38)]
    assert items == sorted(set(items))


@pytest.mark.parametrize("reference", sorted(set(re.findall(r"`(tests/[^`]+)`", SECURITY.read_text()))))
def test_tests_that_are_named_exist(reference: str) -> None:
    """A test that docs/security.md names for a rule is there, in that file and with that name."""
    file, _, test = reference.partition("::")
    assert (ROOT / file).exists(), f"there is no {file}"
    if test:
        assert re.search(rf"^(?:async )?def {re.escape(test)}\(", (ROOT / file).read_text(), re.MULTILINE)


@pytest.mark.parametrize("reference", sorted(set(re.findall(r"`(app\.[\w.]+:[\w.]+)`", SECURITY.read_text()))))
def test_places_that_are_named_exist(reference: str) -> None:
    """A place in the code that docs/security.md names for a rule exists."""
    module, _, attribute = reference.partition(":")
    reduce(getattr, attribute.split("."), import_module(module))


# the map of the code


def named_by_the_map() -> list[str]:
    """Every folder, with a slash at its end, and every module that a row of CONTRIBUTING.md's map names."""
    named = []
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| `(app/[\w/.]*)` \|[^|]*\|([^|]*)\|$", text, re.MULTILINE)
    for place, rooms in rows:
        named.append(place)
        # Folders inside a folder have their own rows.
        named += [f"{place}{room}.py" for room in re.findall(r"`(\w+)`", rooms)]
    return named


def test_the_map_names_every_folder_and_module_of_app() -> None:
    """CONTRIBUTING.md names each folder and each module of app/ once, and none that is not there."""
    files = [path for path in (ROOT / "app").rglob("*") if path.is_file() and path.parent.name != "__pycache__"]
    folders = {f"{name_of(path.parent)}/" for path in files} - {"app/"}
    modules = [name_of(path) for path in files if path.suffix == ".py" and path.name != "__init__.py"]
    assert sorted(named_by_the_map()) == sorted([*folders, *modules])


# dependencies


def test_every_dependency_has_its_reason() -> None:
    """docs/dependencies.md has a line for each package that pyproject.toml names, and for no other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = list(project["project"]["dependencies"])
    for group in project["dependency-groups"].values():
        wanted += group
    names = {re.split(r"[^\w-]", line)[0] for line in wanted}
    text = (ROOT / "docs/dependencies.md").read_text()
    assert set(re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE)) == names
