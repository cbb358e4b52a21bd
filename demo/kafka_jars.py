"""Apache Kafka's jars: fetched once, by the Ivy that comes with pyspark, and checked against the pinned list."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from lake.errors import FacingsError

VERSION = "4.3.1"
_FETCH_S = 900


class JarsMissing(FacingsError):
    """The broker's jars are not there and could not be fetched: connect, or copy them into the folder."""


@dataclass(frozen=True)
class Jar:
    """One pinned jar: Ivy's coordinates, and its SHA-256 in hexadecimal."""

    organisation: str
    module: str
    revision: str
    sha256: str

    @property
    def name(self) -> str:
        """Its file name."""
        return f"{self.module}-{self.revision}.jar"


def pinned() -> tuple[Jar, ...]:
    """Every jar that the broker runs with, as demo/kafka_jars.txt has them."""
    lines = files("demo").joinpath("kafka_jars.txt").read_text("utf-8").splitlines()
    parts = (line.split() for line in lines if line and not line.startswith("#"))
    return tuple(_jar(sha256, *where.split(":")) for sha256, where in parts)


def cache_folder() -> Path:
    """Where the jars are kept unless told otherwise: below the home folder, shared by all checkouts."""
    return Path.home() / ".cache" / "facings" / f"kafka-{VERSION}"


def ensure_jars(folder: Path, java: Path, say: Callable[[str], None]) -> Path:
    """`folder`, holding every pinned jar with the pinned content. Fetches what is missing or differs, else is offline.

    Jars are checked before they are moved into place one by one, so a fetch that broke off leaves only whole ones.
    Raises JarsMissing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two that start at once: the second finds the jars there
        wanted = [jar for jar in pinned() if _sha256(folder / jar.name) != jar.sha256]
        if wanted:
            for left in folder.glob(".fetch-*"):  # by a fetch that was killed
                shutil.rmtree(left)
            say(f"fetching {len(wanted)} jars of Apache Kafka {VERSION} into {folder}, once")
            with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as fresh:
                _fetch(wanted, Path(fresh), java, folder)
    return folder


def _jar(sha256: str, organisation: str, module: str, revision: str) -> Jar:
    return Jar(organisation, module, revision, sha256)


def _fetch(wanted: list[Jar], fresh: Path, java: Path, folder: Path) -> None:
    (fresh / "ivy.xml").write_text(_module(wanted), "utf-8")
    command: list[str | Path] = [
        java,
        f"-Divy.default.ivy.user.dir={fresh}",  # nothing of the user's own Ivy is read or written
        *("-jar", _ivy()),
        *("-ivy", fresh / "ivy.xml"),
        *("-cache", fresh / "cache"),
        *("-confs", "default"),
        *("-retrieve", f"{fresh}/[artifact]-[revision].[ext]"),
    ]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_FETCH_S)
    except subprocess.TimeoutExpired as error:
        raise JarsMissing(f"fetching Kafka's jars took over {_FETCH_S} s: {_remedy(folder)}") from error
    for jar in wanted:
        found = _sha256(fresh / jar.name)
        if found is None:
            raise JarsMissing(f"{jar.name} could not be fetched: {_why(done.stdout + done.stderr)}; {_remedy(folder)}")
        if found != jar.sha256:
            raise JarsMissing(f"{jar.name} came with SHA-256 {found}, not the pinned {jar.sha256}: it was not kept")
        (fresh / jar.name).replace(folder / jar.name)


def _module(wanted: list[Jar]) -> str:
    """An ivy.xml that names each jar and follows none of their dependencies: the pinned list is the resolution."""
    rows = "".join(
        f'<dependency org="{jar.organisation}" name="{jar.module}" rev="{jar.revision}" '
        'conf="default->master" transitive="false"/>'
        for jar in wanted
    )
    return (
        '<ivy-module version="2.0"><info organisation="facings" module="broker"/>'
        f'<configurations><conf name="default"/></configurations><dependencies>{rows}</dependencies></ivy-module>'
    )


def _ivy() -> Path:
    """The Ivy jar inside the installed pyspark, which is not imported. Raises JarsMissing."""
    spec = find_spec("pyspark")
    found = sorted(Path(spec.origin).parent.glob("jars/ivy-*.jar")) if spec and spec.origin else []
    if not found:
        raise JarsMissing("pyspark is not installed, whose Ivy fetches Kafka's jars: install requirements.lock")
    return found[-1]


def _why(log: str) -> str:
    """What Ivy said went wrong, in one line."""
    lines = [line.strip() for line in log.splitlines()]
    wrong = [line for line in lines if "rror" in line or "not found" in line or "xception" in line]
    return (wrong or lines or ["Ivy said nothing"])[0][:300]


def _remedy(folder: Path) -> str:
    return f"connect to the internet, or copy the jars that demo/kafka_jars.txt names into {folder}"


def _sha256(path: Path) -> str | None:
    """SHA-256 of a file in hexadecimal; None where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
