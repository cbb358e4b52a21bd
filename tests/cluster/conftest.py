"""What a cluster gets, built as `make dist` builds it, once a test process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.standalone import PYTHON
from tests.sparks import SMALL


@dataclass(frozen=True)
class Dist:
    """The files of `make dist`."""

    folder: Path

    @property
    def conf(self) -> dict[str, str]:
        """Spark settings that bring the environment to workers which have none."""
        return {
            "spark.archives": f"{self.folder / 'facings-env.tar.gz'}#facings_env",
            "spark.executorEnv.PYTHONPATH": "facings_env",
            "spark.pyspark.python": PYTHON,
            "spark.driver.host": "127.0.0.1",
            "spark.executor.memory": "1g",
            **SMALL,
        }


@pytest.fixture(scope="session")
def dist(root: Path) -> Dist:
    """Built anew unless it is newer than the lock; the code archive is always new."""
    built = root / "dist" / "facings-env.tar.gz"
    lock = root / "requirements-worker.lock"
    if not built.exists() or built.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(["make", "dist", f"PYTHON={sys.executable}"], cwd=root, check=True)
    return Dist(root / "dist")
