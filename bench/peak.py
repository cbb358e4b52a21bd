"""Memory and CPU of a whole process tree, seen from outside: what a case costs with all its workers and daemons."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from types import TracebackType

import psutil

_EVERY_S = 0.25


class Peak:
    """The highest sum of PSS over a tree in the blocks that it is entered for, sampled four times a second.

    A sample stops the tree for some milliseconds a gigabyte, so a run that is watched is not timed. Memory that is
    shared counts once. PSS: a page that n processes share counts 1/n for each. Source: Linux, /proc/PID/smaps_rollup.
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._stop = threading.Event()
        self.bytes = 0

    def __enter__(self) -> Peak:
        self._stop.clear()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_EVERY_S):
            total = 0
            for process in _tree(self._root):
                with contextlib.suppress(psutil.Error):
                    total += process.memory_full_info().pss
            self.bytes = max(self.bytes, total)


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a tree has used so far, those of its ended children included."""
    total = 0.0
    for process in _tree(psutil.Process(pid)):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def end_tree(process: subprocess.Popen[str]) -> None:
    """Ends a child and all below it: asks first, then kills what is left."""
    try:
        members = _tree(psutil.Process(process.pid))
    except psutil.NoSuchProcess:
        members = []
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)  # its stdin has ended: it ends by itself
    _, left = psutil.wait_procs(members, timeout=5)
    for each in left:
        with contextlib.suppress(psutil.Error):
            each.kill()
    process.wait(20)


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []
