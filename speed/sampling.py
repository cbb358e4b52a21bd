"""Which captures are scored, and at what rate: a stable choice by name, a rate that follows what scoring costs here.

A batch takes what waits, and its rate is what can be scored in the time that a batch may take, by the seconds that
captures took in the batches committed before it. So under any overload scoring goes on at what the machine can do, the
rest is counted alone, and the first batch that is small again is scored at the full rate.

The rate depends on how many wait and on committed batches, never on which captures wait or what their names draw: that
keeps estimates weighted by its inverse without bias. A batch that is repeated has taught nothing the first time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

BATCH_S, LONGEST_BATCH_S = 1.0, 4.0  # of scoring in one batch; a stop waits for the one under way
SCORING_PER_REST = 4.0  # a batch scores this many times as long as its counting and its commits take, where it can
FLOOR_SHARE = 1 / 256
_FIRST_CAPTURE_S = 0.05  # what a capture is taken to cost, fetched and scored, until that was measured
_MEMORY = 10  # captures that the past counts as, beside those of the batch just scored
_NEW_REST = 0.3


def draw(capture_id: str) -> float:
    """A number in [0, 1) that depends on the name alone, uniform over names: sampled where it is below the rate."""
    digest = hashlib.blake2b(capture_id.encode("utf-8", "surrogatepass"), digest_size=8, person=b"facings-draw")
    return int.from_bytes(digest.digest(), "big") / 2**64


@dataclass
class Rate:
    """The share of captures that is scored: `target` while that keeps up with what comes in, else what can be scored.

    Never below a 256th of the target, so that every capture has a chance and estimates stay without bias. `value` is
    that of the last batch, `capture_s` the seconds that scoring one takes, with all threads at work.
    """

    target: float
    value: float = field(init=False)
    capture_s: float = field(default=_FIRST_CAPTURE_S, init=False)
    _rest_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.value = self.target

    def choose(self, captures: int, backlog: float = 0.0) -> float:
        """The rate for a batch with so many captures, while about `backlog` captures wait behind it."""
        budget_s = min(LONGEST_BATCH_S, max(BATCH_S, SCORING_PER_REST * self._rest_s))
        waiting_s = (captures + backlog) * self.capture_s
        fits = budget_s / waiting_s if waiting_s > 0 else 1.0
        self.value = min(self.target, max(self.target * FLOOR_SHARE, fits))
        return self.value

    def learn(self, scored: int, scoring_s: float, rest_s: float) -> None:
        """What a committed batch cost: seconds of scoring so many captures, and of all the rest."""
        self._rest_s += _NEW_REST * (rest_s - self._rest_s)
        if scored:
            self.capture_s += scored / (scored + _MEMORY) * (scoring_s / scored - self.capture_s)
