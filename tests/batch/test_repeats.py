"""Bursts: which captures show again what was sent before, worked out by hand."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg

from batch.rebuild import RebuildSettings
from lake import Lake
from tests.batch.build import (
    lake_at,
    photo,
    put_boxes,
    put_capture,
    put_image,
    rows,
    run,
    sent_again,
)

WINDOW = 300


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return lake_at(tmp_path / "lake")


def take(lake: Lake, name: str, data: bytes, taken: float, device: str = "d1") -> None:
    image = put_image(lake, data)
    put_boxes(lake, image, "cola")
    put_capture(lake, name, image, device=device, taken=taken)


def repeats(lake: Lake, **more: Any) -> dict[str, str]:
    run(lake, "repeats", **more)
    return {row["capture_id"]: row["repeat_of"] for row in lake.read("views/repeats").to_pylist()}


def with_another_facing(data: bytes) -> bytes:
    """The photo with one of its 64 squares replaced by one much darker or much brighter."""
    rgb = simplejpeg.decode_jpeg(data).copy()
    square = rgb[24:32, 16:24]
    square[:] = 0 if square.mean() > 127 else 255
    return bytes(simplejpeg.encode_jpeg(rgb, 95))


def test_a_burst_counts_once_in_inventory(lake: Lake) -> None:
    take(lake, "a", photo(1), 0)
    take(lake, "b", sent_again(photo(1)), 10)
    take(lake, "c", photo(1), 20)  # the same bytes under a third name
    take(lake, "d", photo(2), 30)
    run(lake, "inventory")
    found = {row["capture_id"]: row["repeat_of"] for row in lake.read("views/inventory").to_pylist()}
    assert found == {"a": None, "b": "a", "c": "a", "d": None}
    about = {row["capture_id"]: (row["distance"], row["after_s"]) for row in lake.read("views/repeats").to_pylist()}
    assert about["c"] == (0, 20.0)
    assert about["b"][0] <= 7


def test_another_facing_is_no_repeat(lake: Lake) -> None:
    take(lake, "a", photo(1), 0)
    take(lake, "b", with_another_facing(photo(1)), 10)
    assert repeats(lake) == {}


def test_the_window_ends_where_it_says_wherever_its_slots_begin(lake: Lake) -> None:
    again = sent_again(photo(1))
    for start, after in itertools.product((0, 150, 299.5), (0, WINDOW, WINDOW + 0.001)):
        take(lake, f"a {start} {after}", photo(1), start, device=f"{start} {after}")
        take(lake, f"b {start} {after}", again, start + after, device=f"{start} {after}")
    assert len(repeats(lake)) == 6
    assert not any(str(WINDOW + 0.001) in name for name in repeats(lake))
    assert len(repeats(lake, settings=RebuildSettings(repeat_window_s=400))) == 9


def test_another_device_repeats_nothing(lake: Lake) -> None:
    take(lake, "a", photo(1), 0)
    take(lake, "b", sent_again(photo(1)), 10, device="d2")
    assert repeats(lake) == {}


def test_a_repeat_is_within_the_window_of_what_it_repeats_however_long_the_row(lake: Lake) -> None:
    for number, name in enumerate("abcd"):
        take(lake, name, sent_again(photo(1), 95 - number * 10), number * 200)
    assert repeats(lake) == {"b": "a"}  # c lies 400 s behind a, and b is a repeat itself: c and d count


def test_a_first_that_arrives_late_takes_over_its_burst(lake: Lake) -> None:
    take(lake, "b", sent_again(photo(1)), 10)
    take(lake, "c", photo(1), 20)
    assert repeats(lake) == {"c": "b"}
    take(lake, "a", sent_again(photo(1), 80), 0)
    run(lake)
    assert repeats(lake) == {"b": "a", "c": "a"}
    found = {row["capture_id"]: row["repeat_of"] for row in lake.read("views/inventory").to_pylist()}
    assert found == {"a": None, "b": "a", "c": "a"}


def test_a_sharp_second_try_counts(lake: Lake) -> None:
    sharp = photo(1, 1024)
    blurred = bytes(simplejpeg.encode_jpeg(cv2.GaussianBlur(simplejpeg.decode_jpeg(sharp), (0, 0), 4), 95))
    take(lake, "blurred", blurred, 0)
    take(lake, "sharp", sharp, 10)
    take(lake, "again", sent_again(sharp), 20)
    take(lake, "blurred-again", sent_again(blurred), 30)
    run(lake, "quality")
    scores = sorted(lake.read("views/quality")["p_good"].to_pylist())
    assert repeats(lake, settings=RebuildSettings(trust_threshold=1.01))["sharp"] == "blurred"  # they look the same
    verdicts = lake.sql("SELECT capture_id, p_good FROM captures JOIN views_quality USING (sha256)").to_pylist()
    good = {row["capture_id"]: row["p_good"] for row in verdicts}
    bar = (max(good["blurred"], good["blurred-again"]) + min(good["sharp"], good["again"])) / 2
    assert scores[1] < bar < scores[2]
    found = repeats(lake, settings=RebuildSettings(trust_threshold=bar))
    assert found == {"again": "sharp", "blurred-again": "blurred"}


def test_a_photo_that_can_not_be_read_repeats_nothing(lake: Lake) -> None:
    broken = photo(1)[:-300]
    take(lake, "a", broken, 0)
    take(lake, "b", broken, 10)
    assert repeats(lake) == {}


def test_every_order_of_arrival_gives_the_same_repeats(tmp_path: Path) -> None:
    captures = [
        ("a", photo(1), 0),
        ("b", sent_again(photo(1)), 100),
        ("c", sent_again(photo(1), 90), 350),
        ("d", photo(2), 360),
    ]
    expected = None
    for number, order in enumerate((captures, captures[::-1])):
        lake = lake_at(tmp_path / str(number))
        for capture in order:
            take(lake, *capture)
            run(lake, "repeats")
        step_by_step = rows(lake, "likeness", "repeats")
        run(lake, "repeats", full=True)
        assert rows(lake, "likeness", "repeats") == step_by_step
        expected = expected or step_by_step
        assert step_by_step == expected


def test_signatures_are_made_once_a_photo(lake: Lake) -> None:
    take(lake, "a", photo(1), 0)
    take(lake, "b", photo(1), 10)
    (likeness,) = run(lake, "likeness").views
    assert (likeness.ok, likeness.bytes_in) == (1, len(photo(1)))
    take(lake, "c", photo(2), 20)
    (likeness,) = run(lake, "likeness").views
    assert (likeness.ok, likeness.skipped, likeness.bytes_in) == (1, 1, len(photo(2)))


def test_the_pictures_of_these_tests_differ_by_more_than_noise() -> None:
    changed = simplejpeg.decode_jpeg(with_another_facing(photo(1))).astype(int)
    assert np.abs(changed - simplejpeg.decode_jpeg(photo(1)))[24:32, 16:24].mean() > 60
