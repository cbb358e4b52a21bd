"""Which device plays which part. A part that has no room in a small demo is left out (None or empty).

Room: the late store and the hand-held device need two stores; the blurred camera needs two coolers. All others fit
everywhere; in a demo of few coolers one cooler plays several parts, with different SKUs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from demo.products import BY_SKU, PRODUCTS
from demo.stores import Device

_BLURRED_AFTER = timedelta(hours=20)


@dataclass(frozen=True)
class Shortage:
    """A SKU that runs out. `always_missed`: no refill ever brings it; else only the last one comes short."""

    device_id: str
    sku: str
    always_missed: bool


@dataclass(frozen=True)
class Misplaced:
    """Packages of `stranger`, which is not in the device's planogram, stand in a facing of `sku`."""

    device_id: str
    sku: str
    stranger: str


@dataclass(frozen=True)
class Cast:
    """The parts of the story, by device and store id."""

    shortages: tuple[Shortage, ...]
    misplaced: Misplaced
    open_door: str  # the device of which one closing never arrives
    blurred: str | None
    blurred_since: datetime | None
    late_store: str | None
    hand_held: str | None


def cast(all_devices: tuple[Device, ...], begin: datetime, until: datetime) -> Cast:
    """The parts, by place in the list of devices: the same in every demo of a size."""
    coolers = [device for device in all_devices if not device.hand_held]
    stores = list(dict.fromkeys(device.store_id for device in coolers))
    late = stores[4] if len(stores) > 4 else stores[-1] if len(stores) > 1 else None
    blurred = None if len(coolers) < 2 else coolers[3] if len(coolers) > 3 else coolers[1]
    steady = [device for device in coolers if device is not blurred and device.store_id != late] or coolers
    parts = [steady[k % len(steady)] for k in (0, 4, 2, 5)]
    shortages = tuple(
        Shortage(device.device_id, device.skus[place], always)
        for device, place, always in ((parts[0], 1, False), (parts[1], 4, False), (parts[2], 6, True))
    )
    hand = next((device.device_id for device in all_devices if device.hand_held), None)
    since = begin + min(_BLURRED_AFTER, (until - begin) / 2)
    taken = {shortage.sku for shortage in shortages}
    return Cast(
        shortages,
        _misplaced(parts[3], taken),
        steady[1 % len(steady)].device_id,
        blurred.device_id if blurred else None,
        since if blurred else None,
        late,
        hand,
    )


def _misplaced(device: Device, taken: set[str]) -> Misplaced:
    """A stranger that is no wider and no taller than what it displaces, so that the shelves keep their scale."""
    known = set(device.skus)
    for shelf in device.plan:
        for sku, facings in shelf:
            own = BY_SKU[sku]
            for product in PRODUCTS:
                fits = product.width_cm <= own.width_cm and product.height_cm <= own.height_cm
                if facings > 1 and sku not in taken and product.sku not in known and fits:
                    return Misplaced(device.device_id, sku, product.sku)
    raise ValueError(f"no SKU can be misplaced in {device.device_id}")
