"""A process that sends itself a signal at a step: what the victims of crash tests run first."""

from __future__ import annotations

import os
import pkgutil
import signal
from typing import Any


def die_at(target: str, when: str, count: int, number: int = signal.SIGKILL) -> None:
    """Makes the function that `target` names send this process a signal, "before" or "after" its `count`-th call."""
    owner, _, name = target.rpartition(".")
    holder = pkgutil.resolve_name(owner)
    original, calls = getattr(holder, name), 0

    def dying(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        mine = calls
        if when == "before" and mine == count:
            os.kill(os.getpid(), number)
        result = original(*args, **kwargs)
        if when == "after" and mine == count:
            os.kill(os.getpid(), number)
        return result

    setattr(holder, name, dying)
