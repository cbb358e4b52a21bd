"""One case in a process tree of its own: `python -m bench.child CASE FOLDER CORES`, then a line on stdin a run.

The parent measures memory and CPU from outside; this side tells how long each run took and how many crops it made.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.peak import Peak, cpu_s, end_tree

_ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 1800.0


class CaseFailed(Exception):
    """A case could not be run; the message is its last words."""


@dataclass(frozen=True)
class Done:
    """One run: seconds by the wall, of all the tree's CPUs, and crops made."""

    wall_s: float
    cpu_s: float
    crops: int


@dataclass(frozen=True)
class Started:
    """A case that is ready to run."""

    process: subprocess.Popen[str]
    peak: Peak
    startup_s: float
    log: Path

    def run(self, *, watched: bool = False) -> Done:
        """Runs once; `watched`: for its memory, not its time. Raises CaseFailed."""
        with self.peak if watched else contextlib.nullcontext():
            return self._run()

    def _run(self) -> Done:
        assert self.process.stdin is not None
        before = cpu_s(self.process.pid)
        with contextlib.suppress(BrokenPipeError):  # the answer tells
            self.process.stdin.write("run\n")
            self.process.stdin.flush()
        answer = _answer(self.process, self.log)
        return Done(answer["wall_s"], cpu_s(self.process.pid) - before, answer["crops"])


@contextlib.contextmanager
def started(case: str, inputs: Path, scratch: Path, cores: int) -> Iterator[Started]:
    """A case over a copy of the inputs (hard links) in `scratch`, which is deleted afterwards. Raises CaseFailed."""
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(inputs, scratch, copy_function=os.link)
    os.sync()  # what the last case left to write is not this one's burden
    log = scratch / "stderr.log"
    began = time.perf_counter()
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.child", case, str(scratch), str(cores)],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    limit = threading.Timer(PATIENCE_S, process.kill)
    limit.start()
    try:
        _answer(process, log)
        yield Started(process, Peak(process.pid), time.perf_counter() - began, log)
    finally:
        limit.cancel()
        end_tree(process)
        shutil.rmtree(scratch, ignore_errors=True)


def _answer(process: subprocess.Popen[str], log: Path) -> dict[str, Any]:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith('{"bench": '):
            found: dict[str, Any] = json.loads(line)["bench"]
            return found
    words = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    raise CaseFailed(words[-1][:300] if words else f"exit code {process.wait()}")


def main(arguments: list[str]) -> None:
    """Prepares the case, then runs it for every line that comes."""
    from bench.cases import CASES, Inputs

    name, folder, cores = arguments
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: int(cores)]))
    say = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print goes to the log
    (case,) = (case for case in CASES if case.name == name)
    run = case.prepare(Inputs(Path(folder), int(cores)))
    print(json.dumps({"bench": {"ready": True}}), file=say)
    for _ in sys.stdin:
        began = time.perf_counter()
        crops = run()
        print(json.dumps({"bench": {"wall_s": time.perf_counter() - began, "crops": crops}}), file=say)


if __name__ == "__main__":
    main(sys.argv[1:])
