"""A standalone Spark cluster of real processes on loopback: a master, and workers that share nothing with the driver.

Each worker has a working folder and a PATH of its own, on which `facings-python` is a bare Python: no project, no
libraries. What a worker runs has to come with the application.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyspark

SPARK_HOME = Path(pyspark.__file__).parent
PYTHON = "facings-python"
STARTS_IN_S = 180


@dataclass
class Standalone:
    """A running cluster: its `spark://` address, and the workers' processes."""

    address: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def kill_worker(self, number: int) -> None:
        """SIGKILL to a worker and its executors, as when its machine is lost."""
        os.killpg(self.workers[number].pid, signal.SIGKILL)
        self.workers[number].wait()


@contextlib.contextmanager
def standalone(folder: Path, workers: int = 2) -> Iterator[Standalone]:
    """The cluster, one core and 2 GB a worker; ended with the block."""
    port, page = _free_port(), _free_port()
    started: list[subprocess.Popen[bytes]] = []
    cluster = Standalone(f"spark://127.0.0.1:{port}")
    try:
        master = ["master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(page)]
        started.append(_start(folder / "master", master))
        _until(lambda: _answers(page), "the master")
        for number in range(workers):
            own = folder / f"worker-{number}"
            options = ["--host", "127.0.0.1", "--cores", "1", "--memory", "2g", "--webui-port", "0"]
            started.append(_start(own, ["worker.Worker", *options, "-d", str(own / "work"), cluster.address]))
            cluster.workers.append(started[-1])
        _until(lambda: _page(page).count("ALIVE") >= workers + 1, "the workers")
        yield cluster
    finally:
        for process in reversed(started):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    (folder / "bin").mkdir(parents=True)
    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "bin" / PYTHON).symlink_to(python)
    kept = {name: os.environ[name] for name in ("JAVA_HOME", "HOME", "LANG") if name in os.environ}
    env = {**kept, "PATH": f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin", "SPARK_HOME": str(SPARK_HOME)}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [SPARK_HOME / "bin" / "spark-class", f"org.apache.spark.deploy.{command[0]}", *command[1:]],
            cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/", timeout=5) as answer:
        text: str = answer.read().decode()
        return text


def _answers(port: int) -> bool:
    try:
        return bool(_page(port))
    except OSError:
        return False


def _until(condition: object, what: str) -> None:
    assert callable(condition)
    deadline = time.monotonic() + STARTS_IN_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not start in {STARTS_IN_S} s"
        time.sleep(0.1)
