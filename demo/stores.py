"""Who is in the demo: stores, their coolers, what should stand in them, and how each camera is mounted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from demo.optics import Camera
from demo.products import PRODUCTS

STORES = (
    "harbour-street", "mill-lane", "station-square", "north-gate", "quay-side", "elm-park",
    "old-market", "chapel-hill", "river-walk", "castle-road", "green-lane", "west-end",
)  # fmt: skip
ODD_STORE = "<img src=x onerror=alert(1)>'; DROP TABLE captures;--"
_SHELVES = (
    ("bottle", "can", "small", "carton"),
    ("bottle", "can", "cup", "small", "carton"),
    ("can", "small", "bottle", "bag"),
    ("small", "bottle", "cup", "can", "carton"),
)
_KINDS = len(_SHELVES)
_ROOM_CM, _GAP_CM = 100.0, 0.7

Plan = tuple[tuple[tuple[str, int], ...], ...]  # shelves from the top, of (SKU, facings)


@dataclass(frozen=True)
class Device:
    """A camera and the shelves before it. `plan` is what should stand there; a hand-held one has no door sensor."""

    index: int
    store_id: str
    device_id: str
    plan: Plan
    camera: Camera
    kind: int  # of cooler: those of one kind differ in order only
    hand_held: bool = False

    @property
    def skus(self) -> tuple[str, ...]:
        """The SKUs of the plan, in order of first place."""
        return tuple(dict.fromkeys(sku for shelf in self.plan for sku, _ in shelf))


def devices(seed: int, stores: int, coolers_per_store: int) -> tuple[Device, ...]:
    """Coolers store by store; where there are two stores or more, a hand-held device in the second comes last.

    Raises ValueError where there is no store or no cooler.
    """
    if stores < 1 or coolers_per_store < 1:
        raise ValueError(f"{stores} stores of {coolers_per_store} coolers: have at least one of each")
    made: list[Device] = []
    for s in range(stores):
        for c in range(coolers_per_store):
            device_id = f"{store_id(s)}-c{c + 1}"
            made.append(_device(seed, len(made), store_id(s), device_id, False))
    if stores > 1:
        made.append(_device(seed, len(made), store_id(1), f"{store_id(1)}-hand", True))
    return tuple(made)


def odd_device(seed: int, index: int) -> Device:
    """A device that is fine, of a store whose name is HTML and SQL."""
    return _device(seed, index, ODD_STORE, "odd-name-hand", True)


def store_id(index: int) -> str:
    """The name of store `index`."""
    lap, place = divmod(index, len(STORES))
    return STORES[place] if lap == 0 else f"{STORES[place]}-{lap + 1}"


def planogram(device: Device, valid_from: datetime, stamp: str) -> dict[str, object]:
    """The planogram/v1 event of a device; `stamp` is `valid_from` as events write it."""
    shelves = [
        {"shelf": k, "slots": [{"sku": sku, "facings": facings} for sku, facings in shelf]}
        for k, shelf in enumerate(device.plan)
    ]
    return {
        "schema": "planogram/v1",
        "planogram_id": f"{device.device_id}-plan-{valid_from:%Y%m%d}",
        "device_id": device.device_id,
        "store_id": device.store_id,
        "valid_from": stamp,
        "shelves": shelves,
    }


def _device(seed: int, index: int, store: str, device_id: str, hand_held: bool) -> Device:
    rng = np.random.default_rng([seed, 1, index])
    camera = Camera(
        tilt_deg=float(rng.uniform(-0.9, 0.9)),
        shift_px=(float(rng.uniform(-8, 8)), float(rng.uniform(-6, 6))),
        keystone=float(rng.uniform(-0.015, 0.02)),
        shake_px=9.0 if hand_held else 4.0,
        exposure=float(rng.uniform(0.94, 1.06)),
        warmth=float(rng.uniform(-0.04, 0.05)),
        noise=2.4 if index % 3 == 0 else 1.8,
        glare=0.3 if index % 4 == 1 else 0.0,
    )
    # Coolers of one kind differ in order only: they share a scale, and with it every sprite.
    kind = 0 if hand_held else index % _KINDS
    shelves = tuple(_shelf(seed, kind, group) for group in _SHELVES[kind])
    shuffled = tuple(tuple(shelf[int(k)] for k in rng.permutation(len(shelf))) for shelf in shelves)
    return Device(index, store, device_id, shuffled, camera, kind, hand_held)


def _shelf(seed: int, kind: int, group: str) -> tuple[tuple[str, int], ...]:
    """SKUs of one group, more facings for what sells faster, until the shelf is full."""
    rng = np.random.default_rng([seed, 2, kind, sum(group.encode())])
    known = [product for product in PRODUCTS if product.group == group]
    chosen = [known[int(k)] for k in rng.permutation(len(known))[:5]]
    facings = dict.fromkeys((product.sku for product in chosen), 1)
    room = _ROOM_CM - sum(product.width_cm + _GAP_CM for product in chosen)
    while fitting := [product for product in chosen if product.width_cm + _GAP_CM <= room]:
        best = max(fitting, key=lambda product: (product.weight + 1) / facings[product.sku])
        facings[best.sku] += 1
        room -= best.width_cm + _GAP_CM
    return tuple(facings.items())
