"""The rules of the house that no linter knows: who may import whom, how long a file is, what a file may name."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Which of our own packages each may import, besides itself. Layers are not in each other's lists.
MAY_IMPORT: dict[str, set[str]] = {
    "schemas": set(),
    "imaging": {"schemas"},
    "lake": {"schemas", "imaging"},
    "intake": {"schemas", "imaging", "lake"},
    "batch": {"schemas", "imaging", "lake", "intake"},
    "speed": {"schemas", "imaging", "lake", "intake"},
    "serving": {"schemas", "imaging", "lake"},
    "demo": {"schemas", "imaging", "lake"},
    "facings": {"schemas", "imaging", "lake", "intake", "batch", "speed", "serving", "demo"},
}

# Where a heavy import belongs: a path that a file's own path must start with.
HEAVY: dict[str, tuple[str, ...]] = {
    "pyspark": ("batch/engines/spark",),
    "delta": ("batch/engines/spark",),
    "fugue": ("batch/engines/fugue",),
    "dask": ("batch/engines/fugue",),
    "ray": ("batch/engines/fugue",),
    "sklearn": ("batch/quality/",),
    "kafka": ("speed/", "demo/"),
    "streamlit": ("serving/",),
    "altair": ("serving/", "batch/quality/"),
    "typer": ("facings/",),
}

# A file that is started by itself (spark-submit) hands over to the command line.
STARTS = {"batch/rebuild.py": {"facings"}}

LINES = 350
READS_ENVIRONMENT = "facings/settings.py"
FORBIDDEN = (
    re.compile(r"/(?:work|root)/[\w.]|/tmp/w\b"),
    re.compile(
        r"pypi\.org|pythonhosted|test\.pypi|registry\.npmjs|repo1?\.maven|crates\.io|proxy\.golang|deb\.debian\.org"
    ),
    re.compile(r"--(?:extra-)?index-url |--find-links "),
)
# This file spells what it forbids; the Makefile's options keep addresses out of the locks.
NAMES_THE_FORBIDDEN = {"tests/test_architecture.py"}


def _packages() -> list[str]:
    return [name for name in MAY_IMPORT if any((ROOT / name).rglob("*.py"))]


def _sources() -> list[Path]:
    return sorted(path for name in _packages() for path in (ROOT / name).rglob("*.py"))


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(source: str, package: str) -> Iterator[str]:
    """Full names of the modules that `source`, a module inside `package`, imports anywhere, also in functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])])
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
                yield node.args[0].value


def import_faults(path: str, source: str) -> list[str]:
    """What is wrong with the imports of the file at `path`, relative to the root; empty when nothing is."""
    own, *_ = path.split("/")
    package = path.rpartition("/")[0].replace("/", ".")
    faults = []
    for module in imported(source, package):
        top = module.split(".")[0]
        if top in MAY_IMPORT and top != own and top not in MAY_IMPORT[own] | STARTS.get(path, set()):
            faults.append(
                f"{path} imports {module}: {own} may import {sorted(MAY_IMPORT[own]) or 'none of our packages'}"
            )
        if top in HEAVY and not path.startswith(HEAVY[top]):
            faults.append(f"{path} imports {module}: it belongs in {' or '.join(HEAVY[top])}")
    return faults


def reads_environment(source: str) -> bool:
    """Does the module read the environment by `os.environ` or `os.getenv`, however imported?"""
    names = {"environ", "environb", "getenv", "getenvb"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names and getattr(node.value, "id", "") == "os")
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and any(a.name in names for a in node.names))
        for node in ast.walk(ast.parse(source))
    )


def _kept_files() -> list[Path]:
    """Files that are, or would be, under version control."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def test_imports_go_one_way_and_heavy_ones_stay_where_they_belong():
    faults = [fault for path in _sources() for fault in import_faults(_relative(path), path.read_text("utf-8"))]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "path,source",
    [
        ("batch/ingest.py", "import serving.queries"),
        ("serving/app.py", "def f():\n    from batch.rebuild import main"),
        ("lake/sql.py", "from batch import views"),
        ("imaging/crop.py", "import lake"),
        ("schemas/events.py", "import importlib\nimportlib.import_module('lake.sql')"),
        ("demo/stores.py", "from facings.settings import load"),
        ("batch/views/crops.py", "import pyspark.sql"),
        ("batch/ingest.py", "from kafka import KafkaConsumer"),
        ("facings/cli.py", "import streamlit as st"),
    ],
)
def test_a_forbidden_import_is_found(path, source):
    assert import_faults(path, source)


@pytest.mark.parametrize(
    "path,source",
    [
        ("batch/engines/spark.py", "import pyspark"),
        ("batch/views/crops.py", "from . import quality\nfrom ..engines import embedded\nfrom lake import Lake"),
        ("facings/cli.py", "def f():\n    from demo.stores import make\n    import serving.app"),
        ("serving/pages/runs.py", "import streamlit"),
    ],
)
def test_an_allowed_import_is_not(path, source):
    assert not import_faults(path, source)


def test_files_are_short_enough_to_read_in_one_go():
    counts = {_relative(path): len(path.read_text("utf-8").splitlines()) for path in _sources()}
    long = {path: count for path, count in counts.items() if count >= LINES}
    assert not long, f"split these, the limit is under {LINES} lines: {long}"


def test_one_module_reads_the_environment():
    readers = {_relative(path) for path in _sources() if reads_environment(path.read_text("utf-8"))}
    assert readers == {READS_ENVIRONMENT}


@pytest.mark.parametrize(
    "source",
    ["import os\nos.environ['A']", "from os import getenv", "import os\nos.getenv('A')", "from os import environ as e"],
)
def test_a_reader_of_the_environment_is_found(source):
    assert reads_environment(source)


def test_no_file_names_a_machine_or_a_registry():
    found = []
    for path in _kept_files():
        if _relative(path) in NAMES_THE_FORBIDDEN:
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            found += [f"{_relative(path)}:{number}: {line.strip()[:120]}" for rule in FORBIDDEN if rule.search(line)]
    assert not found, "\n".join(found)


def test_every_folder_of_modules_is_a_package():
    folders = {path.parent for path in _sources()}
    assert not [_relative(folder) for folder in folders if not (folder / "__init__.py").exists()]


def test_packages_are_declared_where_they_are_built_and_type_checked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    built = {name.removesuffix("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert built == set(_packages())
    assert built <= set(project["tool"]["mypy"]["files"])


def _pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    matches = (re.match(r"([a-z0-9._-]+)==([^ ;\\]+)", line) for line in lines)
    return {match[1]: match[2] for match in matches if match}


def test_locks_hold_what_the_requirements_pin():
    run, dev = _pins("requirements.lock"), _pins("requirements-dev.lock")
    wanted = _pins("requirements.in") | _pins("requirements-build.in")
    assert wanted.items() <= run.items(), "run `make lock`"
    assert run.items() <= dev.items(), "run `make lock`"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["build-system"]["requires"] == [f"setuptools=={run['setuptools']}"]


def test_every_requirement_in_a_lock_has_a_hash():
    for name in ("requirements.lock", "requirements-dev.lock"):
        blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text("utf-8"))
        bare = [block.splitlines()[0] for block in blocks if "==" in block and "--hash=sha256:" not in block]
        assert not bare


def test_every_direct_dependency_is_explained():
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    dev = (ROOT / "requirements-dev.in").read_text("utf-8").splitlines()
    names = [re.split(r"[=~<>]", line)[0] for line in dev if line[:1].isalpha()]
    missing = [name for name in (*_pins("requirements.in"), *names) if f"| {name} |" not in page]
    assert not missing, f"say in docs/dependencies.md what these are for: {missing}"
