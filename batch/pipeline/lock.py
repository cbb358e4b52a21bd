"""One run at a time on a lake: a lock that ends with the run and every step that it started, however they end."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from lake import FacingsError, Lake


class RunInProgress(FacingsError):
    """Another run holds the lake: wait for it, or stop it."""


@contextlib.contextmanager
def hold(lake: Lake, run_id: str, started_at: datetime) -> Iterator[int]:
    """Holds the lake for one run; yields the lock's descriptor, to be inherited by steps. Raises RunInProgress.

    A lake on an object store is held on this machine only: there the commits' compare-and-swap keeps two runs from
    doing harm, not from doing the work twice.
    """
    descriptor = os.open(_path(lake), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunInProgress(f"{lake.storage.root} is held by {_holder(descriptor)}") from error
        who = {"run_id": run_id, "pid": os.getpid(), "host": socket.gethostname(), "since": started_at.isoformat()}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(who).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _path(lake: Lake) -> Path:
    if lake.storage.local is not None:
        folder = lake.storage.local / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "run.lock"
    name = hashlib.sha256(lake.storage.root.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"facings-{os.getuid()}-{name}.lock"


def _holder(descriptor: int) -> str:
    """Who holds the lock, in words: its run, process, machine and since when."""
    try:
        who = json.loads(os.pread(descriptor, 4096, 0))
        run, pid, host, since = who["run_id"], int(who["pid"]), who["host"], who["since"]
    except (ValueError, KeyError, TypeError):
        return "another run that is just starting; try again"
    held = f"run {run} (process {pid} on {host}) since {since}"
    if host == socket.gethostname() and not Path("/proc", str(pid)).exists():
        return f"{held}; its driver has ended and a process that one of its steps started has not"
    return f"{held}: wait until it ends, or stop that process"
