"""Private names of other packages: where they may be used, and what is said where one is gone."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from app.packages import PackageUnfit, PrivateNames
from tests.deploy.process import environment
from tests.kit.programs import ROOT
from tests.packages.taking import assert_refused

MODULES = sorted((ROOT / "app").rglob("*.py"))
_DUET = "from app.commands.cli import main; main(prog_name='duet')"


class Constructed:
    """Its constructor sets one attribute on itself, and reads one of another object."""

    def __init__(self, other: Path) -> None:
        self.set_here = other.name_of_another  # type: ignore[attr-defined]


def test_names_that_are_there_are_passed() -> None:
    """A module's name, a class' attribute, one that a method sets, and a parameter all count as present."""
    here = f"{__name__}:"
    PrivateNames(
        "flask", "flask.app:Flask", f"{here}Constructed.__init__", f"{here}Constructed.set_here", f"{here}take(it)"
    ).check()


def take(it: str) -> str:
    """A function with a parameter."""
    return it


@pytest.mark.parametrize(
    ("place", "missing"),
    [
        ("flask.cellar:name", "flask has no module flask.cellar"),
        ("flask:Cellar", "flask has no Cellar"),
        ("flask:Cellar.door", "flask has no Cellar"),
        ("flask:Flask.cellar", "Flask has no cellar"),
        ("flask:Flask.route(cellar)", "Flask.route has no parameter cellar"),
        (f"{__name__}:Constructed.name_of_another", "Constructed has no name_of_another"),
    ],
)
def test_the_first_name_that_is_gone_is_told(place: str, missing: str) -> None:
    """The line gives the package, its version, what is missing, and which versions Duet needs."""
    assert_refused("flask", missing, PrivateNames("flask", "flask:Flask", place).check)


def test_an_import_that_fails_names_what_is_gone() -> None:
    """A name that is gone is refused in one line, and any other failed import stays an ImportError."""

    def imported(place: str) -> None:
        with PrivateNames("flask", place).importing():
            raise ImportError

    assert_refused("flask", "flask has no Cellar", lambda: imported("flask:Cellar"))
    with pytest.raises(ImportError):
        imported("flask:Flask")


def test_a_package_without_bounds_is_told_without_any() -> None:
    """Where `pyproject.toml` names no versions of a package the line gives none, and not another package's."""
    line = str(PrivateNames("pydantic").gone("pydantic", "cellar"))
    assert line.endswith("pydantic has no cellar any more; Duet needs pydantic")


# Through the real command


def duet_without(folder: Path, removal: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `duet` as a separate program, after the statement `removal`."""
    return subprocess.run(
        [sys.executable, "-c", f"{removal}; {_DUET}", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(folder),
        cwd=folder,
        check=False,
    )


NO_PROTOCOL = "import uvicorn.protocols.http.httptools_impl as inside; del inside.HttpToolsProtocol"
NO_MODULE = "import sys; sys.modules['uvicorn.protocols.http.httptools_impl'] = None"
NO_MATCHES = "import zxcvbn.matching; del zxcvbn.matching.omnimatch"
NO_THREAD = "import aiosqlite; del aiosqlite.Connection._execute"
NO_CONTEXTS = "import fastapi.routing; del fastapi.routing.iter_route_contexts"
NO_ENVIRON = "import a2wsgi.wsgi; del a2wsgi.wsgi.build_environ"


@pytest.mark.parametrize(
    ("removal", "missing"),
    [
        (NO_PROTOCOL, "uvicorn.protocols.http.httptools_impl has no HttpToolsProtocol"),
        (NO_MODULE, "uvicorn has no module uvicorn.protocols.http.httptools_impl"),
        (NO_MATCHES, "zxcvbn.matching has no omnimatch"),
        (NO_THREAD, "Connection has no _execute"),
        (NO_CONTEXTS, "fastapi.routing has no iter_route_contexts"),
        (NO_ENVIRON, "a2wsgi.wsgi has no build_environ"),
    ],
)
def test_duet_serve_says_it_in_one_line(tmp_path: Path, removal: str, missing: str) -> None:
    """`duet serve` ends with exit code 2 and one line where a name is gone, wherever it is imported."""
    result = duet_without(tmp_path, removal, "serve")
    assert (result.returncode, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("duet: ")
    assert f": {missing} any more; Duet needs " in line


@pytest.mark.parametrize("removal", [NO_PROTOCOL, NO_CONTEXTS, NO_THREAD])
def test_duet_check_says_it_too(tmp_path: Path, removal: str) -> None:
    """`duet check` says that line alone, as nothing else can be said about a Duet that does not start."""
    result = duet_without(tmp_path, removal, "check")
    assert (result.returncode, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("duet: ")
    assert " any more; Duet needs " in line


def test_the_other_commands_say_it_too(tmp_path: Path) -> None:
    """A command that manages accounts also refuses in one line, while the help is still shown."""
    result = duet_without(tmp_path, NO_MATCHES, "user", "list")
    assert result.returncode == 2
    assert "zxcvbn.matching has no omnimatch any more" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert duet_without(tmp_path, NO_MATCHES, "--help").returncode == 0


# Where they may be used


def private_names(tree: ast.AST) -> Iterator[str]:
    """The names with a leading underscore that `tree` uses: attributes and imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module or "").split(".")
            yield from (alias.name for alias in node.names)


def own_names(tree: ast.AST) -> Iterator[str]:
    """The names that `tree` defines, on instances too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr


def is_private(name: str) -> bool:
    """Whether its owner does not promise to keep it: `_name` is private, `__name__` is Python's."""
    return name.startswith("_") and not name.endswith("__") and name != "_exit"  # os._exit is documented


def test_private_names_of_others_stand_in_their_modules_alone() -> None:
    """No module of Duet except those called `…_names` uses a private name of another package."""
    trees = {path: ast.parse(path.read_text()) for path in MODULES if not path.stem.endswith("_names")}
    own = {name for tree in trees.values() for name in own_names(tree)}
    foreign = {
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in trees.items()
        for name in private_names(tree)
        if is_private(name) and name not in own
    }
    assert foreign == set()


def test_each_of_them_has_an_upper_bound() -> None:
    """`pyproject.toml` bounds, from below and above, each package whose private names are used."""
    for path in MODULES:
        if path.stem.endswith("_names"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found = import_module(module)
            names: PrivateNames = getattr(found, "NAMES", None) or PrivateNames("zxcvbn", *found.PLACES)
            assert isinstance(names.gone("it", "name"), PackageUnfit)
            assert ",<" in str(names.gone("it", "name")), module
