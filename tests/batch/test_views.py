"""What the views say about small histories, worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg

from batch.rebuild import RebuildSettings
from lake import Lake, LakeError
from tests.batch import build
from tests.batch.build import Clock, at, lake_at, photo, put_boxes, put_capture, put_image, run


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return lake_at(tmp_path / "lake")


def door(lake: Lake, name: str, kind: str, seconds: float, device: str = "d1") -> None:
    row = {"door_event_id": name, "kind": kind, "device_id": device, "store_id": f"store-of-{device}"}
    build.put(lake, "door_events", {**row, "happened_at": at(seconds)})


def visits(lake: Lake) -> list[tuple[object, ...]]:
    run(lake, "visits")
    found = lake.read("views/visits").sort_by("opened_at").to_pylist()
    return [(v["visit_id"], v["opened_at"], v["closed_at"], v["captures"], v["door"]) for v in found]


def test_a_crop_has_the_pixels_of_its_box(lake: Lake) -> None:
    name = put_image(lake, photo(1))
    put_boxes(lake, name, "cola", "milk")
    run(lake, "crops", settings=RebuildSettings(crop_quality=100, crop_subsampling="444"))
    first, second = lake.read("views/crops", columns=["x0", "y0", "x1", "y1", "label", "jpeg"]).to_pylist()
    assert [first[k] for k in ("x0", "y0", "x1", "y1", "label")] == [0, 0, 32, 32, "cola"]
    assert [second[k] for k in ("x0", "y0", "x1", "y1", "label")] == [16, 16, 48, 48, "milk"]
    whole = simplejpeg.decode_jpeg(photo(1)).astype(int)
    cut = simplejpeg.decode_jpeg(second["jpeg"]).astype(int)
    assert cut.shape == (32, 32, 3)
    assert np.abs(cut - whole[16:48, 16:48]).mean() < 1


def test_door_sessions_and_the_captures_they_hold(lake: Lake) -> None:
    door(lake, "e1", "open", 100)
    door(lake, "e1", "close", 160)
    door(lake, "e2", "open", 500)
    for number, (seconds, event) in enumerate([(101, "e1"), (165, "e1"), (130, None), (501, "e2"), (520, "e2")]):
        put_capture(lake, f"c{number}", f"sha{number}", taken=seconds, door_event_id=event)
    assert visits(lake) == [
        ("e1", at(100), at(160), 3, True),  # 130 s lies between its opening and its closing
        ("e2", at(500), at(520), 2, True),  # its close never came: the last capture ends it
    ]


def test_without_door_events_a_gap_begins_a_visit(lake: Lake) -> None:
    for number, seconds in enumerate([0, 60, 180, 301, 1000]):
        put_capture(lake, f"c{number}", f"sha{number}", taken=seconds)
    assert visits(lake) == [
        ("gap:c0", at(0), at(180), 3, False),  # 120 s apart is no gap
        ("gap:c3", at(301), at(301), 1, False),  # 121 s is
        ("gap:c4", at(1000), at(1000), 1, False),
    ]


def test_a_late_capture_joins_two_visits(lake: Lake) -> None:
    put_capture(lake, "a", "sha-a", taken=0)
    put_capture(lake, "b", "sha-b", taken=200)
    assert len(visits(lake)) == 2
    put_capture(lake, "m", "sha-m", taken=100)
    assert visits(lake) == [("gap:a", at(0), at(200), 3, False)]


def test_a_door_without_captures_is_a_visit_of_none(lake: Lake) -> None:
    door(lake, "e1", "open", 100)
    door(lake, "e1", "close", 110)
    assert visits(lake) == [("e1", at(100), at(110), 0, True)]


def test_throughput_counts_and_percentiles(lake: Lake) -> None:
    same = put_image(lake, photo(1))
    other = put_image(lake, photo(2))
    for number, (taken, received, name) in enumerate(
        [(0, 10, same), (10, 30, same), (20, 50, other), (30, 1000, other)]
    ):
        put_capture(lake, f"c{number}", name, taken=taken, received_at=at(received))
    put_capture(lake, "next-hour", same, taken=3600, received_at=at(3601))
    row = {"reason": "truncated", "device_id": "d1", "store_id": "store-of-d1", "occurred_at": at(5)}
    build.put(lake, "rejected", {"reject_id": "r1", **row})
    run(lake, "throughput", clock=Clock(2))
    first, second = lake.read("views/throughput").sort_by("hour").to_pylist()
    assert (first["hour"], first["captures"], first["images"], first["rejected"], first["late"]) == (at(0), 4, 2, 1, 1)
    assert first["bytes"] == len(photo(1)) + len(photo(2))
    # Delays are 10, 20, 30 and 970 s; percentiles are delays that occurred.
    assert (first["capture_to_receipt_p50_s"], first["capture_to_receipt_p99_s"]) == (20, 970)
    pinned = 2 * 3600 + 1  # the rebuild's clock said this first
    assert second["receipt_to_view_p50_s"] == pinned - 3601


def test_a_rejected_row_that_names_no_device_counts_as_unknown(lake: Lake) -> None:
    build.put(lake, "rejected", {"reject_id": "r1", "reason": "not-json", "occurred_at": at(5)})
    run(lake, "throughput")
    (row,) = lake.read("views/throughput").to_pylist()
    assert (row["store_id"], row["device_id"], row["captures"], row["rejected"]) == ("unknown", "unknown", 0, 1)


def test_receipt_to_view_stays_what_the_first_rebuild_made_it(lake: Lake) -> None:
    put_capture(lake, "c1", "sha1", taken=0)
    run(lake, "throughput", clock=Clock(1))
    before = lake.read("views/throughput").to_pylist()
    run(lake, "throughput", clock=Clock(9), full=True)
    assert lake.read("views/throughput").to_pylist() == before


def inventory(lake: Lake, **more: Any) -> dict[tuple[str, str], tuple[object, ...]]:
    run(lake, "inventory", **more)
    found = lake.read("views/inventory").to_pylist()
    return {(r["capture_id"], r["sku"]): (r["facings"], r["expected"], r["trusted"]) for r in found}


def plan(lake: Lake, name: str, since: float, **expected: int) -> None:
    base = {"planogram_id": name, "device_id": "d1", "store_id": "store-of-d1", "valid_from": at(since), "shelf": 0}
    build.put(lake, "planograms", *({**base, "sku": sku, "facings": count} for sku, count in expected.items()))


TRUSTING = RebuildSettings(trust_threshold=0.0)


def test_facings_beside_the_planogram_of_their_time(lake: Lake) -> None:
    plan(lake, "old", 0, cola=2, milk=1)
    plan(lake, "new", 100, cola=3)
    for number, (seconds, labels) in enumerate([(50, ("cola", "cola", None)), (150, ("milk",)), (-50, ("cola",))]):
        name = put_image(lake, photo(number))
        put_boxes(lake, name, *labels)
        put_capture(lake, f"c{number}", name, taken=seconds)
    assert inventory(lake, settings=TRUSTING) == {
        ("c0", "cola"): (2, 2, True),
        ("c0", "milk"): (0, 1, True),  # expected and not there: out of stock
        ("c0", "unlabelled"): (1, None, True),
        ("c1", "milk"): (1, None, True),  # no longer in the plan
        ("c1", "cola"): (0, 3, True),
        ("c2", "cola"): (1, None, True),  # before any plan
    }


def test_a_photo_that_can_not_be_read_has_unknown_facings_not_zero(lake: Lake) -> None:
    plan(lake, "p", 0, cola=2)
    name = put_image(lake, photo(1)[:-300])
    put_boxes(lake, name, "cola")
    put_capture(lake, "c1", name, taken=10)
    assert inventory(lake, settings=TRUSTING) == {("c1", "cola"): (None, 2, False)}
    (row,) = lake.read("views/unreadable").to_pylist()
    assert (row["sha256"], row["reason"]) == (name, "truncated")


def test_a_capture_below_the_threshold_keeps_its_count_and_is_not_trusted(lake: Lake) -> None:
    name = put_image(lake, photo(1))
    put_boxes(lake, name, "cola")
    put_capture(lake, "c1", name)
    assert inventory(lake, settings=RebuildSettings(trust_threshold=1.01)) == {("c1", "cola"): (1, None, False)}


def test_a_capture_without_annotation_says_nothing_about_stock(lake: Lake) -> None:
    plan(lake, "p", 0, cola=2)
    put_capture(lake, "c1", put_image(lake, photo(1)), taken=10)
    assert inventory(lake) == {}


def test_one_photo_sent_for_two_captures_is_cut_once_and_counted_for_both(lake: Lake) -> None:
    name = put_image(lake, photo(1))
    put_boxes(lake, name, "cola")
    put_capture(lake, "c1", name, taken=0)
    put_capture(lake, "c2", name, taken=60)
    assert set(inventory(lake)) == {("c1", "cola"), ("c2", "cola")}
    assert lake.count("views/crops") == 1


def test_an_unknown_view_names_those_there_are(lake: Lake) -> None:
    with pytest.raises(LakeError, match="crops, quality, likeness, repeats, cameras, inventory, throughput, visits"):
        run(lake, "stock")
