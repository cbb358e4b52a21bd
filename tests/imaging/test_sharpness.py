"""Edges, tiles and blur against values computed by hand, and the order that damage must put them in."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from imaging import sharpness
from imaging.quality import measure
from imaging.room import Room
from tests.imaging.pictures import blurred, half_blurred, packages, rng, step_edge, texture


@pytest.mark.parametrize("name,direction", [("laplacian_var", -1), ("sobel_var", -1), ("fft_high", -1), ("reblur", 1)])
def test_more_blur_is_always_seen(name, direction):
    values = [measure(blurred(texture(), sigma))[name] for sigma in (0.5, 1, 2, 4)]
    assert values == sorted(values, reverse=direction < 0)
    assert len(set(values)) == len(values)


def test_reblur_of_noise_by_hand():
    # White noise: neighbours differ by sigma * sqrt(2), after a 9-tap mean by a ninth of that.
    grain = np.clip(128 + 20 * rng().standard_normal((400, 400)), 0, 255).astype(np.uint8)
    assert sharpness.calc_reblur(grain, Room()) == pytest.approx(1 / 9, abs=0.05)


def test_motion_has_a_direction():
    kernel = np.full((1, 25), 1 / 25, dtype=np.float32)
    moved = np.asarray(cv2.filter2D(texture(), -1, kernel), dtype=np.uint8)
    assert measure(moved)["motion_ratio"] > measure(texture())["motion_ratio"] + 0.3


def test_an_edge_of_one_pixel_has_slope_one():
    measured = measure(step_edge(width=128, height=128))
    assert measured["edge_slope"] == 1.0
    assert measured["edge_share"] == pytest.approx(1 / 8, abs=0.07)  # only windows on the edge can tell


@pytest.mark.parametrize("contrast", [1.0, 0.5, 0.25])
def test_slope_is_of_the_edge_and_not_of_its_contrast(contrast):
    sharp, soft = (
        measure(np.rint(128 + contrast * (grey.astype(float) - 128)).astype(np.uint8))["edge_slope"]
        for grey in (packages(), blurred(packages(), 3.0))
    )
    assert sharp > 0.95
    assert soft < 0.45


def test_a_blurred_half_is_found_by_tiles():
    whole, half = measure(packages()), measure(half_blurred(packages()))
    assert whole["tile_blurred"] == 0.0
    assert half["tile_blurred"] == pytest.approx(0.5, abs=0.13)
    assert half["tile_slope_max"] == pytest.approx(whole["tile_slope_max"])
    assert half["tile_slope_min"] < 0.4 * whole["tile_slope_min"]


def test_motion_takes_sharpness_from_one_direction():
    kernel = np.full((1, 15), 1 / 15, dtype=np.float32)
    moved = np.asarray(cv2.filter2D(texture(), -1, kernel), dtype=np.uint8)
    still = measure(texture())
    assert measure(moved)["edge_direction"] > still["edge_direction"] + 0.15
    assert measure(moved)["spec_direction"] > still["spec_direction"] + 5


def test_a_cover_leaves_flat_tiles():
    covered = packages()
    covered[:240] = 90
    assert measure(covered)["tile_flat"] == 0.5


def test_fog_lifts_the_dark_and_flattens():
    fogged = np.rint(0.3 * texture() + 0.7 * 170).astype(np.uint8)
    clear = measure(texture())
    assert measure(fogged)["veil"] > clear["veil"] + 30
    assert measure(fogged)["local_contrast"] < 0.5 * clear["local_contrast"]


def test_quantiles_by_hand():
    assert [sharpness.quantile(np.array([4.0, 1, 3, 2]), share) for share in (0, 0.5, 0.9, 1)] == [1, 3, 4, 4]
