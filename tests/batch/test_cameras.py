"""A camera's normal, its drift and what it excuses, over days of real photos worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg

from batch.rebuild import RebuildSettings
from demo.render import random_shelves, render_shelf
from lake import Lake
from tests.batch.build import at, lake_at, put_boxes, put_capture, put_image, rows, run

DAY = 86_400
A_DAY = 6  # captures, two hours apart
Change = Callable[[np.ndarray], np.ndarray]


def sharp(rgb: np.ndarray) -> np.ndarray:
    return rgb


def unfocused(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), 4))


def flat(rgb: np.ndarray) -> np.ndarray:
    return (128 + (rgb.astype(np.float32) - 128) * 0.3).astype(np.uint8)


def flat_and_unfocused(rgb: np.ndarray) -> np.ndarray:
    return unfocused(flat(rgb))


def dim(rgb: np.ndarray) -> np.ndarray:
    return (rgb * 0.5).astype(np.uint8)


def dimmer(rgb: np.ndarray) -> np.ndarray:
    return (rgb * 0.3).astype(np.uint8)


def black(rgb: np.ndarray) -> np.ndarray:
    return (rgb * 0.05).astype(np.uint8)


@pytest.fixture(scope="module")
def scenes() -> list[np.ndarray]:
    return [render_shelf(random_shelves(2), seed=n, size=(640, 480)).rgb for n in range(3)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return lake_at(tmp_path / "lake")


class Shop:
    """Photos of one device, day by day, each taken in as it was made."""

    def __init__(self, lake: Lake, scenes: Sequence[np.ndarray]) -> None:
        self.lake, self.scenes, self.taken = lake, scenes, 0

    def day(self, day: int, *changes: Change, device: str = "d1") -> None:
        """A day's captures, two hours apart, one a change."""
        for number, change in enumerate(changes):
            rgb = change(self.scenes[(day + number) % len(self.scenes)])
            data = bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), 90))
            self.taken += 1
            name = put_image(self.lake, data)
            put_boxes(self.lake, name, "cola")
            put_capture(self.lake, f"{device}-{day}-{number}", name, device=device, taken=day * DAY + number * 7200)

    def days(self, first: int, last: int, change: Change, device: str = "d1") -> None:
        """Days `first` to `last`, all captures with the same change."""
        for day in range(first, last + 1):
            self.day(day, *[change] * A_DAY, device=device)


@pytest.fixture
def shop(lake: Lake, scenes: list[np.ndarray]) -> Shop:
    return Shop(lake, scenes)


def drifts(lake: Lake, device: str = "d1") -> list[tuple[int, str, Any]]:
    """(day, drift, since) of the days that drifted."""
    run(lake, "cameras")
    found = lake.read("views/cameras").sort_by("day").to_pylist()
    days = [(row["day"] - at(-8 * 3600)).days for row in found]
    return [
        (day, row["drift"], row["since"])
        for day, row in zip(days, found, strict=True)
        if row["drift"] is not None and row["device_id"] == device
    ]


def test_out_of_focus_since_a_moment_in_the_middle_of_a_day(lake: Lake, shop: Shop) -> None:
    shop.days(0, 2, sharp)
    shop.day(3, *[sharp] * 4, *[unfocused] * 2)  # most of the day was sharp: not yet a drift
    shop.days(4, 5, unfocused)
    shop.days(0, 5, sharp, device="d2")
    since = at(3 * DAY + 4 * 7200)
    assert drifts(lake) == [(4, "unsharp", since), (5, "unsharp", since)]
    assert drifts(lake, "d2") == []


def test_a_drift_that_was_mended_is_over_and_the_next_has_its_own_beginning(lake: Lake, shop: Shop) -> None:
    shop.days(0, 3, sharp)
    shop.days(4, 4, unfocused)
    shop.days(5, 5, sharp)
    shop.days(6, 6, dim)
    assert drifts(lake) == [(4, "unsharp", at(4 * DAY)), (6, "darker", at(6 * DAY))]


def test_single_captures_and_short_histories_are_no_drift(lake: Lake, shop: Shop) -> None:
    shop.day(0, *[sharp] * A_DAY)
    shop.day(1, *[unfocused] * 3)  # nine captures before and on it: no normal to compare with
    shop.day(2, *[sharp] * 5, black)  # one dark capture of six
    shop.day(3, black, black)  # two are too few for a verdict
    assert drifts(lake) == []
    table = lake.read("views/cameras").sort_by("day").to_pylist()
    assert [row["normal_captures"] for row in table] == [None, None, None, 15]


def trusted(lake: Lake, **more: Any) -> dict[str, bool]:
    # No model's opinion reaches 1.01: what is trusted is so by the device's own normal.
    run(lake, "inventory", settings=RebuildSettings(trust_threshold=1.01, **more))
    return {row["capture_id"]: row["trusted"] for row in lake.read("views/inventory").to_pylist()}


def test_a_camera_that_is_always_flat_is_judged_by_its_own_normal(lake: Lake, shop: Shop) -> None:
    shop.days(0, 1, flat)
    shop.day(2, flat, flat, flat_and_unfocused, black, sharp)
    found = trusted(lake)
    assert not any(value for name, value in found.items() if name[3] in "01")  # no history yet, and then too little
    assert [found[f"d1-2-{n}"] for n in range(5)] == [True, True, False, False, False]
    assert not any(trusted(lake, camera_captures=13).values())


def test_a_camera_that_never_was_in_focus_is_never_trusted(lake: Lake, shop: Shop) -> None:
    shop.days(0, 3, unfocused)
    assert set(trusted(lake).values()) == {False}
    assert all(row["own_normal"] for row in lake.read("views/cameras").to_pylist() if row["normal_captures"])


def test_a_camera_whose_photos_come_and_go_has_no_normal_to_be_trusted_by(lake: Lake, shop: Shop) -> None:
    for day in range(4):
        shop.day(day, *[sharp, dim, dimmer] * 2)
    assert set(trusted(lake).values()) == {False}


def test_a_camera_that_the_model_trusts_is_not_forgiven_what_the_model_refuses(lake: Lake, shop: Shop) -> None:
    shop.days(0, 2, sharp)
    run(lake, "quality")
    scores = lake.read("views/quality")["p_good"].to_pylist()
    run(lake, "inventory", settings=RebuildSettings(trust_threshold=min(scores)))
    assert not any(row["own_normal"] for row in lake.read("views/cameras").to_pylist())


def test_day_by_day_gives_the_rows_of_a_full_rebuild_also_when_a_day_comes_late(lake: Lake, shop: Shop) -> None:
    for day in (0, 2, 3):
        shop.day(day, *[flat] * A_DAY)
        trusted(lake)
    shop.day(4, *[unfocused] * 3)
    before = trusted(lake)
    shop.day(1, *[flat] * A_DAY)  # two days' normal had too few captures without it
    after = trusted(lake)
    assert (before["d1-2-0"], after["d1-2-0"]) == (False, True)
    step_by_step = rows(lake, "cameras", "inventory")
    trusted_in_full = run(lake, "inventory", full=True, settings=RebuildSettings(trust_threshold=1.01))
    assert {view.mode for view in trusted_in_full.views} == {"full"}
    assert rows(lake, "cameras", "inventory") == step_by_step
