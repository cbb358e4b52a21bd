"""Laws of the simulation: stock is conserved, never negative, and the parts are played. Nothing is drawn here."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from demo.cast import Cast, cast
from demo.products import BY_SKU
from demo.render import Slot
from demo.stock import Shelves, Stock, facings, units
from demo.stores import Device, devices
from demo.story import History, live

UNTIL = datetime(2026, 11, 20, 18, tzinfo=UTC)
SIZES = [(6, 2, 48, 7), (1, 1, 3, 7), (1, 2, 1, 3), (13, 1, 26, 11)]


def _lives(stores: int, coolers: int, hours: int, seed: int) -> tuple[Cast, list[History]]:
    begin = UNTIL - timedelta(hours=hours)
    everyone = devices(seed, stores, coolers)
    parts = cast(everyone, begin, UNTIL)
    return parts, [live(device, parts, begin, UNTIL, seed) for device in everyone]


@pytest.fixture(params=SIZES, ids=str)
def lives(request) -> tuple[Cast, list[History]]:
    return _lives(*request.param)


def test_stock_is_conserved_by_sales_and_refills(lives):
    for history in lives[1]:
        held = Counter(units(history.start))
        for visit in history.visits:
            assert all(count > 0 for count in (*visit.sold.values(), *visit.added.values()))
            first, last = Counter(units(visit.shots[0].shelves)), Counter(units(visit.shots[-1].shelves))
            held.update(visit.added)
            held.subtract(visit.sold)
            if visit.door:  # the first photo comes before anything is taken, the last one after
                assert first == held_before(held, visit.sold, visit.added)
            assert last == held
        assert Counter(units(history.end)) == held


def held_before(held: Counter[str], sold: dict[str, int], added: dict[str, int]) -> Counter[str]:
    before = Counter(held)
    before.update(sold)
    before.subtract(added)
    return before


def test_no_facing_is_negative_or_overfull_and_the_fixture_stays(lives):
    for history in lives[1]:
        shape = _shape(history.start)
        for shot in (shot for visit in history.visits for shot in visit.shots):
            assert _shape(shot.shelves) == shape
            slots = [slot for shelf in shot.shelves for slot in shelf]
            assert all(0 <= count <= BY_SKU[slot.sku].depth for slot in slots for count in slot.units)


def _shape(shelves: Shelves) -> list[list[tuple[str, int]]]:
    return [[(slot.sku, len(slot.units)) for slot in shelf] for shelf in shelves]


def test_visits_follow_one_another_inside_the_span(lives):
    ids = [shot.capture_id for history in lives[1] for visit in history.visits for shot in visit.shots]
    assert len(ids) == len(set(ids))
    for history in lives[1]:
        assert history.visits
        for visit in history.visits:
            times = [shot.at for shot in visit.shots]
            assert visit.opened_at <= times[0]
            assert times == sorted(set(times))
            assert 2 <= len(times) <= 4
            assert visit.ended_at < UNTIL
            assert visit.closed_at is None or visit.opened_at <= visit.closed_at
        for before, after in zip(history.visits, history.visits[1:], strict=False):
            assert before.ended_at + timedelta(seconds=20) < after.opened_at


def test_every_part_is_played():
    parts, lives = _lives(6, 2, 48, 7)
    by_device = {history.device.device_id: history for history in lives}
    for shortage in parts.shortages:
        history = by_device[shortage.device_id]
        assert facings(history.end)[shortage.sku] == 0
        hours = (UNTIL - history.empty_since[shortage.sku]) / timedelta(hours=1)
        assert hours > (40 if shortage.always_missed else 2)
    stranger = parts.misplaced
    assert stranger.stranger not in by_device[stranger.device_id].device.skus
    assert facings(by_device[stranger.device_id].end)[stranger.stranger] == 1
    blurred = by_device[str(parts.blurred)]
    assert parts.blurred_since is not None
    for visit in blurred.visits:
        for shot in visit.shots:
            assert (shot.defocus_px > 0) == (visit.opened_at >= parts.blurred_since)
    assert [v.visit_id for h in lives for v in h.visits if v.door and v.closed_at is None] != []
    assert parts.late_store == "quay-side"
    assert parts.hand_held == "mill-lane-hand"


def test_a_small_demo_leaves_out_what_has_no_room():
    parts, lives = _lives(1, 1, 3, 7)
    assert (parts.blurred, parts.late_store, parts.hand_held) == (None, None, None)
    assert len(lives) == 1
    assert len({shortage.sku for shortage in parts.shortages}) == 3


def test_taking_and_filling_by_hand():
    rng = np.random.default_rng(1)
    stock = Stock([[("cola-330", [1, 0]), ("energy-250", [0])]])
    assert not stock.take("energy-250", rng)
    assert not stock.take("milk-skim-1l", rng)
    assert stock.take("cola-330", rng)
    assert stock.total("cola-330") == 0
    assert stock.fill(rng, missed=("cola-330", "energy-250"), part=(0, 1)) == Counter()
    assert stock.set_total("cola-330", 3) == 2  # one each in two facings: no third facing
    assert stock.shelves() == ((Slot("cola-330", (1, 1)), Slot("energy-250", (0,))),)
    assert facings(stock.shelves()) == {"cola-330": 2, "energy-250": 0}
    stock.misplace("cola-330", "energy-berry-250")
    assert units(stock.shelves()) == {"cola-330": 1, "energy-250": 0, "energy-berry-250": 2}


def test_a_demo_of_nobody_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        devices(7, 0, 2)


def test_shelves_are_full_of_known_products():
    everyone: tuple[Device, ...] = devices(7, 6, 2)
    assert len({device.device_id for device in everyone}) == 13
    for device in everyone:
        assert 4 <= len(device.plan) <= 5
        for shelf in device.plan:
            assert 1 + len({sku for sku, _ in shelf}) > len(shelf) > 2
            assert 60 < sum(BY_SKU[sku].width_cm * count for sku, count in shelf) <= 100
