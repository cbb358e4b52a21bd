"""Boxes are where the packages are: taking a package away changes its box and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from demo.optics import Camera
from demo.render import Rendered, Slot, render_shelf
from demo.sprites import PAD

CAMERA = Camera(tilt_deg=0.8, shift_px=(6.0, -4.0), keystone=0.015, noise=0.0)
SHELVES = (
    (Slot("cola-330", (1, 2)), Slot("water-still-500", (1, 0, 1))),
    (Slot("milk-whole-1l", (1, 1)), Slot("crisps-salt-90", (1,))),
)
WIDE, HIGH = 1280, 960


@pytest.fixture(scope="module")
def drawn() -> Rendered:
    return render_shelf(SHELVES, seed=4, camera=CAMERA)


def test_there_is_a_box_for_each_filled_facing_in_order(drawn):
    labels = ["cola-330"] * 2 + ["water-still-500"] * 2 + ["milk-whole-1l"] * 2 + ["crisps-salt-90"]
    assert [box.label for box in drawn.boxes] == labels
    assert drawn.rgb.shape == (HIGH, WIDE, 3)
    for box in drawn.boxes:
        assert 0 <= box.xmin < box.xmax <= 1
        assert 0 <= box.ymin < box.ymax <= 1


@pytest.mark.parametrize("shelf,slot,facing,index", [(0, 0, 0, 0), (0, 1, 2, 3), (1, 0, 1, 5), (1, 1, 0, 6)])
def test_a_box_covers_its_package_and_no_more(drawn, shelf, slot, facing, index):
    rows = [list(row) for row in SHELVES]
    taken = rows[shelf][slot]
    units = [*taken.units]
    units[facing] = 0
    rows[shelf][slot] = Slot(taken.sku, tuple(units))
    without = render_shelf(rows, seed=4, camera=CAMERA)
    assert without.boxes == drawn.boxes[:index] + drawn.boxes[index + 1 :]
    changed = (np.abs(drawn.rgb.astype(int) - without.rgb) > 8).any(axis=2)
    box = drawn.boxes[index]
    x0, x1, y0, y1 = round(box.xmin * WIDE), round(box.xmax * WIDE), round(box.ymin * HIGH), round(box.ymax * HIGH)
    assert changed[y0:y1, x0:x1].mean() > 0.7
    around = PAD + 3  # its shadow
    changed[max(0, y0 - around) : y1 + around, max(0, x0 - around) : x1 + around] = False
    assert not changed.any()


def test_a_defocused_or_dark_camera_keeps_the_boxes(drawn):
    for camera in (Camera(**{**vars(CAMERA), "defocus_px": 9.0}), Camera(**{**vars(CAMERA), "exposure": 0.07})):
        seen = render_shelf(SHELVES, seed=4, camera=camera)
        assert seen.boxes == drawn.boxes
        assert np.diff(seen.rgb.astype(int), axis=1).std() < 0.5 * np.diff(drawn.rgb.astype(int), axis=1).std()
