"""What happens before each device: visits, what they take or fill up, and the photos of each.

A visit of a cooler is a door session. Staff go round with the hand-held device: a group of photos and no door event;
what was sold there since the last round is counted in the round.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from demo.cast import Cast, Shortage
from demo.products import BY_SKU
from demo.stock import Shelves, Stock
from demo.stores import Device

# Visits an hour, from midnight UTC: quiet nights, a peak at noon and one after work.
_BY_HOUR = (
    0, 0, 0, 0, 0, 0.08, 0.2, 0.45, 0.5, 0.3, 0.3, 0.45,
    0.75, 0.55, 0.3, 0.35, 0.5, 0.75, 0.65, 0.45, 0.3, 0.2, 0.1, 0,
)  # fmt: skip
_ROUNDS = (8, 12, 16)  # hours of the hand-held device's rounds
_REFILL_HOUR = 3
_APART = timedelta(minutes=6)
_SETTLED = timedelta(minutes=8)  # every visit is over this long before the end
_ITEMS, _ITEM_SHARES = (0, 1, 2, 3), (0.10, 0.36, 0.34, 0.20)
_SHORT_UNITS = 2


@dataclass(frozen=True)
class Shot:
    """One photo: what stood there when it was taken. `damage` and `dark` are set by demo/faults.py."""

    capture_id: str
    at: datetime
    shelves: Shelves
    defocus_px: float = 0.0
    dark: bool = False
    damage: str | None = None


@dataclass(frozen=True)
class Visit:
    """One door session, or one round of the hand-held device (`door` False). Packages sold and added are by SKU.

    `closed_at` is None where the door's closing never arrived.
    """

    visit_id: str
    device: Device
    kind: str  # "customer", "refill" or "round"
    door: bool
    opened_at: datetime
    closed_at: datetime | None
    ended_at: datetime  # the last of its events
    shots: tuple[Shot, ...]
    sold: dict[str, int]
    added: dict[str, int]


@dataclass(frozen=True)
class History:
    """All visits of one device, in order, and since when each SKU of its plan that is out of stock at the end is."""

    device: Device
    start: Shelves
    visits: tuple[Visit, ...]
    end: Shelves
    empty_since: dict[str, datetime]


def live(device: Device, parts: Cast, begin: datetime, until: datetime, seed: int) -> History:
    """The life of one device from `begin` to `until`: a function of its arguments."""
    rng = np.random.default_rng([seed, 3, device.index])
    stock = Stock.of(device.plan, rng)
    shortages = [each for each in parts.shortages if each.device_id == device.device_id]
    if parts.misplaced.device_id == device.device_id:
        stock.misplace(parts.misplaced.sku, parts.misplaced.stranger)
    moments = _moments(device, begin, until, np.random.default_rng([seed, 9, device.index]))
    last_refill = max((k for k, (_, kind) in enumerate(moments) if kind == "refill"), default=-1)
    wanted = [each.sku for each in shortages if each.always_missed or last_refill < 0]
    for sku in wanted:
        stock.set_total(sku, _SHORT_UNITS)
    start, visits, empty_since = stock.shelves(), [], {sku: begin for sku in device.skus if not stock.total(sku)}
    for k, (at, kind) in enumerate(moments):
        if kind == "refill":
            short = shortages if k == last_refill else [each for each in shortages if each.always_missed]
            visit = _refill(device, at, stock, short, rng)
            if k == last_refill:
                wanted = [each.sku for each in shortages]
        else:
            visit = _trade(device, at, kind, stock, wanted, rng)
        if device.device_id == parts.blurred and parts.blurred_since and at >= parts.blurred_since:
            visit = replace(visit, shots=tuple(replace(shot, defocus_px=9.0) for shot in visit.shots))
        visits.append(visit)
        for sku in device.skus:
            if stock.total(sku):
                empty_since.pop(sku, None)
            else:
                empty_since.setdefault(sku, visit.ended_at)
    if device.device_id == parts.open_door:
        visits = _forget_closing(visits)
    return History(device, start, tuple(visits), stock.shelves(), empty_since)


def one_photo(device: Device, at: datetime, seed: int) -> History:
    """The history of a device that takes a single photo."""
    stock = Stock.of(device.plan, np.random.default_rng([seed, 3, device.index]))
    shot = _shot(device, at, stock.shelves())
    visit = Visit(f"gap:{shot.capture_id}", device, "round", False, shot.at, shot.at, shot.at, (shot,), {}, {})
    return History(device, stock.shelves(), (visit,), stock.shelves(), {})


def _moments(device: Device, begin: datetime, until: datetime, rng: np.random.Generator) -> list[tuple[datetime, str]]:
    """When somebody comes, at least _APART: one soon after the start, one in the last hour, refills at night."""
    end = until - _SETTLED
    span_min = (end - begin) / timedelta(minutes=1)
    kind = "round" if device.hand_held else "customer"
    last = end - timedelta(minutes=float(rng.uniform(2, min(50, max(3, span_min / 3)))))
    first = begin + timedelta(minutes=float(rng.uniform(1, min(40, max(2, span_min / 3)))))
    found = [(last, kind), (first, kind)]
    hour = begin.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour < end:
        if not device.hand_held and hour.hour == _REFILL_HOUR:
            found.append((hour + timedelta(minutes=float(rng.uniform(2, 50))), "refill"))
        count = int(hour.hour in _ROUNDS) if device.hand_held else int(rng.poisson(0.86 * _BY_HOUR[hour.hour]))
        found += [(hour + timedelta(minutes=float(rng.uniform(0, 59))), kind) for _ in range(count)]
        hour += timedelta(hours=1)
    chosen: list[tuple[datetime, str]] = []
    for at, what in sorted(found, key=lambda each: (each[1] != "refill", each != found[0], each != found[1], each[0])):
        if begin < at < end and all(abs(at - other) >= _APART for other, _ in chosen):
            chosen.append((at.replace(microsecond=at.microsecond // 1000 * 1000), what))
    return sorted(chosen)


def _trade(device: Device, at: datetime, kind: str, stock: Stock, wanted: list[str], rng: np.random.Generator) -> Visit:
    """A customer opens the door and takes 0 to 3 packages, or (a round) staff fill up, then photograph."""
    sold: Counter[str] = Counter()
    added: Counter[str] = Counter()
    if kind == "round":
        for _ in range(int(rng.integers(2, 7))):
            _sell(device, stock, rng, sold)
        if at.hour < _ROUNDS[1]:
            added = stock.fill(rng, missed=(), part=(0, len(device.plan)))
        count = int(rng.integers(3, 5))
        times = [at + timedelta(seconds=k * float(rng.uniform(14, 22))) for k in range(count)]
        shots = tuple(_shot(device, each, stock.shelves()) for each in times)
        name = f"gap:{shots[0].capture_id}"
        return Visit(name, device, kind, False, shots[0].at, shots[-1].at, shots[-1].at, shots, dict(sold), dict(added))
    count = int(rng.choice((2, 3, 4), p=(0.35, 0.45, 0.2)))
    seconds = float(rng.uniform(9, 40))
    items = int(rng.choice(_ITEMS, p=_ITEM_SHARES))
    closed = at + timedelta(seconds=seconds)
    shots_made = [_shot(device, at + timedelta(seconds=0.6), stock.shelves())]
    for sku in wanted:
        while stock.take(sku, rng):
            sold[sku] += 1
            items = max(0, items - 1)
    for k in range(1, count - 1):
        if items:
            _sell(device, stock, rng, sold)
            items -= 1
        shots_made.append(_shot(device, at + timedelta(seconds=seconds * k / (count - 1)), stock.shelves()))
    for _ in range(items):
        _sell(device, stock, rng, sold)
    shots_made.append(_shot(device, closed + timedelta(seconds=float(rng.uniform(0.8, 2.0))), stock.shelves()))
    return _session(device, at, closed, kind, shots_made, sold, added)


def _refill(device: Device, at: datetime, stock: Stock, short: list[Shortage], rng: np.random.Generator) -> Visit:
    """Staff fill the cooler up, upper shelves first; SKUs that are short stay as they are, or get just a few."""
    half = len(device.plan) // 2
    closed = at + timedelta(seconds=float(rng.uniform(150, 330)))
    missed = [each.sku for each in short]
    shots = [_shot(device, at + timedelta(seconds=0.6), stock.shelves())]
    added = stock.fill(rng, missed, (0, half))
    shots.append(_shot(device, at + (closed - at) / 2, stock.shelves()))
    added += stock.fill(rng, missed, (half, len(device.plan)))
    sold: Counter[str] = Counter()
    for each in short:
        if not each.always_missed:
            change = stock.set_total(each.sku, _SHORT_UNITS)
            (added if change > 0 else sold)[each.sku] += abs(change)
    shots.append(_shot(device, closed + timedelta(seconds=float(rng.uniform(0.8, 2.0))), stock.shelves()))
    return _session(device, at, closed, "refill", shots, sold, added)


def _session(
    device: Device,
    at: datetime,
    closed: datetime,
    kind: str,
    shots: list[Shot],
    sold: Counter[str],
    added: Counter[str],
) -> Visit:
    name = f"door-{device.device_id}-{at:%Y%m%dT%H%M%S}"
    closed = _whole_ms(closed)
    return Visit(name, device, kind, True, at, closed, shots[-1].at, tuple(shots), dict(sold), dict(added))


def _sell(device: Device, stock: Stock, rng: np.random.Generator, sold: Counter[str]) -> None:
    # A customer who finds the SKU sold out leaves it at that: the demand is lost, not moved.
    weights = np.array([BY_SKU[sku].weight for sku in device.skus])
    sku = device.skus[int(rng.choice(len(weights), p=weights / weights.sum()))]
    if stock.take(sku, rng):
        sold[sku] += 1


def _shot(device: Device, at: datetime, shelves: Shelves) -> Shot:
    at = _whole_ms(at)
    return Shot(f"{device.device_id}-{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03d}", at, shelves)


def _whole_ms(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _forget_closing(visits: list[Visit]) -> list[Visit]:
    """The closing of a customer's visit in the middle of the history never arrives."""
    customers = [k for k, visit in enumerate(visits) if visit.kind == "customer"]
    lost = customers[len(customers) // 2]
    return [replace(visit, closed_at=None) if k == lost else visit for k, visit in enumerate(visits)]
