"""Which shelf each box of a photo stands on, and whether its SKU belongs there. Pure: boxes and a plan in, rows out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

GAP = 0.5  # of the median box height: a step between bottoms that is larger begins another shelf
MOST_SHELVES = 16

Plan = Mapping[int, Mapping[str, int]]  # shelf from the top, of SKU to facings


@dataclass(frozen=True)
class Box:
    """A labelled box in pixels of the upright photo."""

    label: str
    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(frozen=True)
class Placed:
    """A box and its verdict: "in place", "other shelf" or "not planned"; `instead_of`: SKUs that its shelf lacks."""

    box: Box
    shelf: int
    verdict: str
    instead_of: tuple[str, ...] = ()


def rows_of(boxes: Sequence[Box]) -> list[list[Box]]:
    """The boxes by the row they stand in, from the top: a row ends where bottoms step by more than `GAP`."""
    if not boxes:
        return []
    ordered = sorted(boxes, key=lambda box: (box.y1, box.x0))
    step = GAP * float(np.median([box.y1 - box.y0 for box in ordered]))
    rows = [[ordered[0]]]
    for before, box in pairwise(ordered):
        if box.y1 - before.y1 > step:
            rows.append([])
        rows[-1].append(box)
    return [sorted(row, key=lambda box: box.x0) for row in rows]


def place(boxes: Sequence[Box], plan: Plan) -> list[Placed] | None:
    """Each box with its verdict; None where rows and shelves can't be matched, so that positions tell nothing.

    Fewer rows than shelves (a shelf is empty) are matched in the order that agrees best with the plan.
    """
    rows, shelves = rows_of(boxes), sorted(plan)
    if not rows or len(rows) > len(shelves) or len(shelves) > MOST_SHELVES:
        return None

    def agreement(chosen: tuple[int, ...]) -> int:
        return sum(box.label in plan[shelf] for row, shelf in zip(rows, chosen, strict=True) for box in row)

    chosen = max(combinations(shelves, len(rows)), key=agreement)
    if 2 * agreement(chosen) < len(boxes):
        return None
    planned = {sku for facings in plan.values() for sku in facings}
    placed = []
    for row, shelf in zip(rows, chosen, strict=True):
        have = Counter(box.label for box in row)
        short = tuple(sorted(sku for sku, wanted in plan[shelf].items() if have[sku] < wanted))
        for box in row:
            if box.label in plan[shelf]:
                placed.append(Placed(box, shelf, "in place"))
            else:
                verdict = "other shelf" if box.label in planned else "not planned"
                placed.append(Placed(box, shelf, verdict, short))
    return placed
