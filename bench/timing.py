"""Interleaved timing on a machine that others use too: medians, spread, and CPU time beside wall time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """Seconds of one call: by the wall, and of this process's CPUs (all threads)."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Timing:
    """Samples of one case."""

    samples: tuple[Sample, ...]

    @property
    def wall_s(self) -> float:
        """Median wall time, seconds."""
        return statistics.median(sample.wall_s for sample in self.samples)

    @property
    def cpu_s(self) -> float:
        """Median CPU time, seconds."""
        return statistics.median(sample.cpu_s for sample in self.samples)

    @property
    def spread(self) -> float:
        """(slowest - fastest) / median of the wall times."""
        walls = [sample.wall_s for sample in self.samples]
        return (max(walls) - min(walls)) / self.wall_s


def measure(call: Callable[[], object]) -> Sample:
    """Seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return Sample(time.perf_counter() - wall, time.process_time() - cpu)


def interleave(cases: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, Timing]:
    """Timing of each case. Every round runs all of them and begins with another, so that drift hits each alike."""
    samples: dict[str, list[Sample]] = {name: [] for name in cases}
    names = list(cases)
    for round_number in range(repeats):
        turn = round_number % len(names)
        for name in names[turn:] + names[:turn]:
            samples[name].append(measure(cases[name]))
    return {name: Timing(tuple(found)) for name, found in samples.items()}


def median_ratio(above: Timing, below: Timing) -> float:
    """Median over the rounds of the ratio of two cases' wall times."""
    pairs = zip(above.samples, below.samples, strict=True)
    return statistics.median(a.wall_s / b.wall_s for a, b in pairs)


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a Markdown table."""
    print("| " + " | ".join(head) + " |")
    print("|" + "|".join("---" if i == 0 else "---:" for i in range(len(head))) + "|")
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)
