"""All measurements together: of a flat photo, of any photo, and wherever it lies in memory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from imaging import quality, spectrum
from imaging.quality import MEASUREMENTS, measure
from imaging.room import Room
from schemas import tables
from tests.imaging.pictures import placed, step_edge, texture

FLAT = np.full((120, 160), 77, dtype=np.uint8)
FLAT_FREQUENCY = spectrum.calc_spectrum(FLAT, Room())["moire_freq"]  # of no peak: the first place that is looked at


def test_the_names_are_those_of_the_table():
    assert MEASUREMENTS == tables.MEASUREMENTS
    assert tuple(measure(FLAT)) == MEASUREMENTS


def test_a_flat_photo_by_hand():
    assert measure(FLAT) == pytest.approx(FLAT_MEASURED, abs=1e-3)


FLAT_MEASURED = {
    "laplacian_var": 0.0,
    "sobel_var": 0.0,
    "fft_high": 0.0,
    "moire_peak": 0.0,
    "reblur": 1.0,
    "motion_ratio": 0.0,
    "noise_sigma": 0.0,
    "mean_luma": 77.0,
    "p01_luma": 77.0,
    "p99_luma": 77.0,
    "clip_dark": 0.0,
    "clip_bright": 0.0,
    "rms_contrast": 0.0,
    "p10_luma": 77.0,
    "p50_luma": 77.0,
    "p90_luma": 77.0,
    "glare": 0.0,
    "veil": 77.0,
    "local_contrast": 0.0,
    "edge_share": 0.0,
    "edge_slope": 0.5,
    "edge_slope_mid": 0.5,
    "edge_direction": 0.0,
    "tile_slope_min": 0.5,
    "tile_slope_max": 0.5,
    "tile_blurred": 0.0,
    "tile_flat": 1.0,
    "noise_flat": 0.0,
    "noise_coarse": 0.0,
    "spec_mid": 0.0,
    "spec_high": 0.0,
    "spec_top": 0.0,
    "spec_worst": 0.0,
    "spec_direction": 0.0,
    "moire_patch": 0.0,
    "moire_freq": FLAT_FREQUENCY,
    "moire_harmonic": 0.0,
    "moire_cover": 0.0,
    "line_peak": 0.0,
}


def test_the_laplacian_of_a_step_by_hand():
    # Two columns of 100 answer +100 and -100, all others 0: mean 0, variance 2 * 100² / 100.
    assert quality.calc_laplacian_var(step_edge(), Room()) == pytest.approx(200.0)


def test_the_sobel_of_a_step_by_hand():
    # Two columns of 100 have magnitude 4 * 100: mean 8, mean square 3200.
    assert quality.calc_sobel_var(*quality.calc_gradients(step_edge(), Room()), Room()) == pytest.approx(3200 - 64)


def test_gradients_of_one_direction_are_fully_coherent():
    assert quality.calc_motion_ratio(*quality.calc_gradients(step_edge(), Room()), Room()) == pytest.approx(1.0)
    both = np.add.outer(np.arange(0, 100, 2), np.arange(0, 100, 2)).astype(np.uint8)
    assert quality.calc_motion_ratio(*quality.calc_gradients(both[1:-1, 1:-1], Room()), Room()) > 0.9


def test_a_texture_without_direction_is_hardly_coherent():
    assert quality.calc_motion_ratio(*quality.calc_gradients(texture(), Room()), Room()) < 0.1


@settings(max_examples=60, deadline=None, derandomize=True)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 70), st.integers(1, 70))))
def test_every_photo_has_finite_measurements_in_their_ranges_again_and_again(grey):
    measured = measure(grey)
    assert all(math.isfinite(value) for value in measured.values())
    assert all(value >= 0 for name, value in measured.items() if not name.startswith("spec_"))
    shares = ("glare", "edge_share", "edge_slope", "edge_direction", "tile_slope_min", "tile_blurred", "tile_flat")
    assert all(measured[name] <= 1 for name in (*shares, "moire_cover"))
    assert all(measured[name] <= 1 for name in ("reblur", "motion_ratio", "clip_dark", "clip_bright", "rms_contrast"))
    assert all(measured[name] <= 255 for name in ("mean_luma", "p01_luma", "p99_luma"))
    assert measure(grey.copy()) == measured


def test_a_view_measures_as_its_copy_does():
    grey = texture()
    assert measure(grey[::2, ::2]) == measure(np.ascontiguousarray(grey[::2, ::2]))


def test_coherence_is_exact_whatever_blas_does():
    dx, dy = quality.calc_gradients(texture(700, 1000), Room())
    pairs = ((dx, dx), (dy, dy), (dx, dy))
    xx, yy, xy = (float((first.astype(np.int64) * second).sum()) for first, second in pairs)
    assert quality.calc_motion_ratio(dx, dy, Room()) == math.hypot(xx - yy, 2 * xy) / (xx + yy)


@pytest.mark.parametrize("offset", [4, 16, 32, 48])
def test_where_an_array_lies_in_memory_changes_no_bit(offset):
    grey = texture(97, 131)
    dx, dy = (placed(values, 0) for values in quality.calc_gradients(grey, Room()))
    there = placed(dx, offset), placed(dy, offset)
    assert quality.calc_sobel_var(*there, Room()) == quality.calc_sobel_var(dx, dy, Room())
    assert quality.calc_motion_ratio(*there, Room()) == quality.calc_motion_ratio(dx, dy, Room())
    assert measure(placed(grey, offset)) == measure(grey)
