"""The stock of one cooler: packages behind one another in facings, taken by customers and filled up by staff."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from demo.products import BY_SKU
from demo.render import Slot
from demo.stores import Plan

_FULL, _NONE_LEFT = 0.38, 0.34  # shares of facings

Shelves = tuple[tuple[Slot, ...], ...]


def facings(shelves: Shelves) -> dict[str, int]:
    """Front positions filled, a SKU; a SKU whose facings are all empty has 0."""
    found: Counter[str] = Counter()
    for shelf in shelves:
        for slot in shelf:
            found[slot.sku] += sum(1 for units in slot.units if units)
    return dict(sorted(found.items()))


def units(shelves: Shelves) -> dict[str, int]:
    """Packages, a SKU."""
    found: Counter[str] = Counter()
    for shelf in shelves:
        for slot in shelf:
            found[slot.sku] += sum(slot.units)
    return dict(sorted(found.items()))


@dataclass
class Stock:
    """What stands in a cooler now. No facing ever has fewer than 0 packages or more than the SKU's depth."""

    slots: list[list[tuple[str, list[int]]]] = field(default_factory=list)

    @staticmethod
    def of(plan: Plan, rng: np.random.Generator) -> Stock:
        """A cooler in mid-trade: most facings well filled."""
        stock = Stock([[(sku, [0] * count) for sku, count in shelf] for shelf in plan])
        stock.fill(rng, missed=(), part=(0, len(plan)), skip=0)
        return stock

    def shelves(self) -> Shelves:
        """A snapshot for the renderer."""
        return tuple(tuple(Slot(sku, tuple(count)) for sku, count in shelf) for shelf in self.slots)

    def total(self, sku: str) -> int:
        """Packages of a SKU."""
        return sum(sum(count) for count in self._of(sku))

    def take(self, sku: str, rng: np.random.Generator) -> bool:
        """Was there a package to take? From any of the SKU's facings."""
        filled = [(count, k) for count in self._of(sku) for k, held in enumerate(count) if held]
        if not filled:
            return False
        count, k = filled[int(rng.integers(len(filled)))]
        count[k] -= 1
        return True

    def fill(
        self, rng: np.random.Generator, missed: Iterable[str], part: tuple[int, int], skip: float = 0.42
    ) -> Counter[str]:
        """Fills shelves part[0] to part[1] up, but for SKUs that are `missed` and a share to `skip`; packages added."""
        added: Counter[str] = Counter()
        left_out = set(missed)
        for shelf in self.slots[slice(*part)]:
            for sku, count in shelf:
                if rng.random() < skip:
                    continue
                for k, held in enumerate(count):
                    depth = BY_SKU[sku].depth
                    # The store room does not hold everything: some facings get a package or two, a few get none.
                    least = int(rng.random() >= _NONE_LEFT)
                    wanted = depth if rng.random() < _FULL else int(rng.integers(least, depth))
                    if sku not in left_out and wanted > held:
                        added[sku] += wanted - held
                        count[k] = wanted
        return added

    def set_total(self, sku: str, wanted: int) -> int:
        """Packages added (below 0: taken away) to leave `wanted` of a SKU, one each in its first facings."""
        before = self.total(sku)
        for count in self._of(sku):
            for k in range(len(count)):
                count[k] = min(1, wanted)
                wanted -= count[k]
        return self.total(sku) - before

    def misplace(self, sku: str, stranger: str) -> None:
        """Puts packages of `stranger` into the last of the facings of `sku`."""
        for shelf in self.slots:
            for k, (name, count) in enumerate(shelf):
                if name == sku and len(count) > 1:
                    shelf[k : k + 1] = [(name, count[:-1]), (stranger, [2])]
                    return

    def _of(self, sku: str) -> list[list[int]]:
        return [count for shelf in self.slots for name, count in shelf if name == sku]
