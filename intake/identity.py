"""Names of master's rows: each a hash of what the row is, so that the same thing has the same name in every run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime

from schemas.events import Box, Rejected

_DIGITS = 32


def capture_id(device_id: str, sha256: str) -> str:
    """Name of a capture whose source gave none."""
    return "c-" + _digest(device_id.encode(), sha256.encode())


def annotation_id(sha256: str, boxes: Iterable[Box], annotator: str, annotated_at: datetime) -> str:
    """Name of an annotation whose source gave none."""
    listed = [(b.label, b.xmin, b.xmax, b.ymin, b.ymax, b.confidence) for b in boxes]
    return "a-" + _digest(
        sha256.encode(), json.dumps(listed).encode(), annotator.encode(), annotated_at.isoformat().encode()
    )


def reject_id(rejected: Rejected) -> str:
    """Name of a refusal: what was refused, where it came from, and why."""
    return "r-" + _digest(rejected.origin.encode(), rejected.reason.encode(), rejected.payload or b"")


def _digest(*parts: bytes) -> str:
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.hexdigest()[:_DIGITS]
