"""Which captures are scored, and at what rate: a stable choice by name, a rate that gives way under lag."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

HALVE_AT_S = 2.0
RECOVER_BELOW_S = 0.5
FLOOR_SHARE = 1 / 256
_RECOVERY = 1.5
_TURN_S = 1.0


def draw(capture_id: str) -> float:
    """A number in [0, 1) that depends on the name alone, uniform over names: sampled where it is below the rate."""
    digest = hashlib.blake2b(capture_id.encode("utf-8", "surrogatepass"), digest_size=8, person=b"facings-draw")
    return int.from_bytes(digest.digest(), "big") / 2**64


@dataclass
class Rate:
    """The share of captures that is scored: `target` while we keep up; once a second halved while we don't, and raised
    by half when we have caught up.

    Never below a 256th of the target, so that every capture has a chance and estimates stay without bias.
    """

    target: float
    value: float = field(init=False)
    _turned_s: float = field(default=-_TURN_S, init=False)

    def __post_init__(self) -> None:
        self.value = self.target

    def adapt(self, behind_s: float, now_s: float) -> float:
        """The next rate, where clearing what waits would take `behind_s` seconds; `now_s` is a monotonic time."""
        if now_s - self._turned_s < _TURN_S:
            return self.value
        if behind_s > HALVE_AT_S:
            self.value = max(self.target * FLOOR_SHARE, self.value / 2)
        elif behind_s < RECOVER_BELOW_S:
            self.value = min(self.target, self.value * _RECOVERY)
        self._turned_s = now_s
        return self.value
