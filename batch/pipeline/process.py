"""One step as a process of its own: it can be stopped at any time, and its memory goes back when it ends."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

_POLL_S = 0.1
_TAIL = 40
_LINE = 1 << 20
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Ended:
    """How a process ended. `code` is None where it could not be started; negative where a signal ended it."""

    code: int | None
    seconds: float
    out: tuple[str, ...]
    err: tuple[str, ...]
    timed_out: bool = False
    stopped: bool = False


def run_process(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    time_limit_s: float | None,
    stop: threading.Event,
    tell_out: Callable[[str], None] | None,
    tell_err: Callable[[str], None],
    inherit: Sequence[int] = (),
    grace_s: float,
) -> Ended:
    """Runs `argv`, no shell, in a process group of its own, and waits for its end.

    At the time limit, and when `stop` is set, the whole group gets SIGTERM and after `grace_s` SIGKILL. Should this
    process be killed, the kernel kills the step. Gives the last lines of what it wrote; each is told as it comes.
    """
    began = time.monotonic()
    parent = os.getpid()

    def tie_to_parent() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env),
            start_new_session=True,
            preexec_fn=tie_to_parent,  # noqa: PLW1509  # only prctl and getppid, loaded before the fork
            pass_fds=tuple(inherit),
        )
    except (OSError, ValueError) as error:
        return Ended(None, time.monotonic() - began, (), (f"{argv[0]}: can't be started: {error}",))
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = _Tail(process.stdout, tell_out), _Tail(process.stderr, tell_err)
    timed_out = stopped = False
    while process.poll() is None:
        stopped = stop.is_set()
        timed_out = time_limit_s is not None and time.monotonic() - began >= time_limit_s
        if stopped or timed_out:
            _end_group(process, grace_s)
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_S)
    return Ended(process.wait(), time.monotonic() - began, out.lines(), err.lines(), timed_out, stopped)


def _end_group(process: subprocess.Popen[bytes], grace_s: float) -> None:
    """Ends the process and all that it started in its group: asks first, then kills whatever is left."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Tail:
    """Reads a pipe in a thread of its own, tells each line and keeps the last ones."""

    def __init__(self, pipe: IO[bytes], tell: Callable[[str], None] | None) -> None:
        self._lines: collections.deque[str] = collections.deque(maxlen=_TAIL)
        self._thread = threading.Thread(target=self._read, args=(pipe, tell), daemon=True)
        self._thread.start()

    def _read(self, pipe: IO[bytes], tell: Callable[[str], None] | None) -> None:
        with pipe:
            for raw in iter(lambda: pipe.readline(_LINE), b""):
                line = raw.decode("utf-8", "replace").rstrip()
                self._lines.append(line)
                if tell is not None and line:
                    tell(line)

    def lines(self) -> tuple[str, ...]:
        """The last lines, once the pipe is closed; not waiting long for what the step left running."""
        self._thread.join(2.0)
        return tuple(self._lines)
