"""Crops: the pixels that a box names, and no others."""

from __future__ import annotations

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from imaging.crops import CropSettings, cut, pixel_box
from tests import corpus

EDGE = st.floats(0, 1, allow_nan=False)
SIZE = st.integers(1, 5000)


@given(EDGE, EDGE, EDGE, EDGE, SIZE, SIZE)
def test_boxes_are_within_rounding_and_inside(first, second, third, fourth, width, height):
    xmin, xmax = sorted((first, second))
    ymin, ymax = sorted((third, fourth))
    x0, y0, x1, y1 = pixel_box(xmin, xmax, ymin, ymax, width, height)
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    for low, high, exact_low, exact_high in (
        (x0, x1, xmin * width, xmax * width),
        (y0, y1, ymin * height, ymax * height),
    ):
        allowed = 1.0 if high - low == 1 else 0.5
        assert abs(low - exact_low) <= allowed + 1e-9
        assert abs(high - exact_high) <= allowed + 1e-9


@pytest.mark.parametrize(
    "box,expected",
    [
        ((0.0, 1.0, 0.0, 1.0), (0, 0, 100, 50)),
        ((0.25, 0.75, 0.5, 1.0), (25, 25, 75, 50)),
        ((0.255, 0.5, 0.0, 0.5), (26, 0, 50, 25)),
        ((0.999, 1.0, 0.0, 0.001), (99, 0, 100, 1)),
        ((-0.2, 1.3, -1.0, 2.0), (0, 0, 100, 50)),
        ((1.0, 1.0, 1.0, 1.0), (99, 49, 100, 50)),
    ],
)
def test_boxes_by_hand(box, expected):
    xmin, xmax, ymin, ymax = box
    assert pixel_box(xmin, xmax, ymin, ymax, 100, 50) == expected


@pytest.mark.parametrize("edge", [float("nan"), float("inf"), -float("inf")])
def test_an_edge_that_is_no_number_is_a_fault_of_the_caller(edge):
    with pytest.raises(ValueError, match="not finite"):
        pixel_box(0.0, edge, 0.0, 1.0, 100, 50)


def test_a_crop_of_the_whole_photo_is_the_photo():
    rgb = corpus.scene()
    settings = CropSettings(quality=95, subsampling="444")
    whole = cut(rgb, pixel_box(0, 1, 0, 1, corpus.WIDTH, corpus.HEIGHT), settings)
    assert whole == simplejpeg.encode_jpeg(rgb, 95, "RGB", "444", False)
    assert np.abs(simplejpeg.decode_jpeg(whole).astype(int) - rgb).mean() < 3


def test_a_crop_is_the_slice():
    rgb = corpus.scene()
    expected = simplejpeg.encode_jpeg(np.ascontiguousarray(rgb[5:30, 7:50]), 90, "RGB", "420", False)
    assert cut(rgb, (7, 5, 50, 30)) == expected == cut(rgb, (7, 5, 50, 30))


def test_a_crop_of_one_pixel_decodes():
    assert simplejpeg.decode_jpeg(cut(corpus.scene(), (3, 4, 4, 5))).shape == (1, 1, 3)
