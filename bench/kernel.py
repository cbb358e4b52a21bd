"""The bare kernel of scoring: photos that lie in memory, decoded, measured and classified in one thread."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from imaging.errors import ImageError
from imaging.header import Limits
from imaging.model import Model
from imaging.score import score_photo

_SECONDS = 5.0


def kernel_rate(photos: Sequence[Path]) -> float:
    """Photos scored a CPU second by one thread, damaged ones included as they come."""
    contents = [path.read_bytes() for path in photos]
    model, limits = Model.load(), Limits()
    began, done = time.thread_time(), 0
    while time.thread_time() - began < _SECONDS:
        with contextlib.suppress(ImageError):  # as much work as the service has with it
            score_photo(contents[done % len(contents)], limits, model)
        done += 1
    return done / (time.thread_time() - began)
