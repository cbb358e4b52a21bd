"""Measurements against values computed by hand, and the order that damage must put them in."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from imaging import quality, spectrum
from imaging.quality import MEASUREMENTS, measure
from schemas import tables

FLAT = np.full((120, 160), 77, dtype=np.uint8)


def rng() -> np.random.Generator:
    return np.random.default_rng(20)


def texture(height: int = 480, width: int = 640) -> np.ndarray:
    """Natural-looking detail: noise with a 1/f spectrum, uint8 (height, width)."""
    waves = np.fft.rfft2(rng().standard_normal((height, width)))
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    smooth = np.fft.irfft2(waves / np.maximum(radius, 1 / width), s=(height, width))
    return np.clip(128 + 40 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def blurred(grey: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(grey, (0, 0), sigma)


def test_the_names_are_those_of_the_table():
    assert MEASUREMENTS == tables.MEASUREMENTS
    assert tuple(measure(FLAT)) == MEASUREMENTS


def test_a_flat_photo_by_hand():
    assert measure(FLAT) == {
        "laplacian_var": 0.0,
        "sobel_var": 0.0,
        "fft_high": pytest.approx(0.0, abs=1e-3),
        "moire_peak": pytest.approx(0.0, abs=1e-3),
        "reblur": 1.0,
        "motion_ratio": 0.0,
        "noise_sigma": 0.0,
        "mean_luma": 77.0,
        "p01_luma": 77.0,
        "p99_luma": 77.0,
        "clip_dark": 0.0,
        "clip_bright": 0.0,
        "rms_contrast": pytest.approx(0.0, abs=1e-9),
    }


def step_edge(width: int = 100, height: int = 40, low: int = 50, high: int = 150) -> np.ndarray:
    grey = np.full((height, width), low, dtype=np.uint8)
    grey[:, width // 2 :] = high
    return grey


def test_the_laplacian_of_a_step_by_hand():
    # Two columns of 100 answer +100 and -100, all others 0: mean 0, variance 2 * 100² / 100.
    assert quality.calc_laplacian_var(step_edge()) == pytest.approx(200.0)


def test_the_sobel_of_a_step_by_hand():
    # Two columns of 100 have magnitude 4 * 100: mean 8, mean square 3200.
    assert quality.calc_sobel_var(*quality.calc_gradients(step_edge())) == pytest.approx(3200 - 64)


def test_gradients_of_one_direction_are_fully_coherent():
    assert quality.calc_motion_ratio(*quality.calc_gradients(step_edge())) == pytest.approx(1.0)
    both = np.add.outer(np.arange(0, 100, 2), np.arange(0, 100, 2)).astype(np.uint8)
    assert quality.calc_motion_ratio(*quality.calc_gradients(both[1:-1, 1:-1])) > 0.9


def test_a_texture_without_direction_is_hardly_coherent():
    assert quality.calc_motion_ratio(*quality.calc_gradients(texture())) < 0.1


@pytest.mark.parametrize("sigma", [3.0, 8.0, 20.0])
def test_noise_is_measured_within_a_tenth(sigma):
    noisy = 128 + sigma * rng().standard_normal((400, 500))
    assert quality.calc_noise_sigma(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)) == pytest.approx(sigma, rel=0.1)


def test_a_linear_ramp_has_no_noise():
    ramp = np.tile(np.arange(200, dtype=np.uint8), (50, 1))
    assert quality.calc_noise_sigma(ramp) == 0.0


def test_levels_by_hand():
    grey = np.repeat(np.array([0, 8, 9, 246, 247, 255, 100, 100, 100, 100], dtype=np.uint8), 10).reshape(10, 10)
    measured = measure(grey)
    assert measured["clip_dark"] == 0.2
    assert measured["clip_bright"] == 0.2
    assert measured["mean_luma"] == pytest.approx((0 + 8 + 9 + 246 + 247 + 255 + 400) / 10)
    assert (measured["p01_luma"], measured["p99_luma"]) == (0.0, 255.0)
    assert measured["rms_contrast"] == pytest.approx(grey.std() / 255)


def test_black_and_white_halves_have_the_most_contrast():
    assert measure(step_edge(low=0, high=255))["rms_contrast"] == pytest.approx(0.5)


@pytest.mark.parametrize("name,direction", [("laplacian_var", -1), ("sobel_var", -1), ("fft_high", -1), ("reblur", 1)])
def test_more_blur_is_always_seen(name, direction):
    values = [measure(blurred(texture(), sigma))[name] for sigma in (0.5, 1, 2, 4)]
    assert values == sorted(values, reverse=direction < 0)
    assert len(set(values)) == len(values)


def test_reblur_of_noise_by_hand():
    # White noise: neighbours differ by sigma * sqrt(2), after a 9-tap mean by a ninth of that.
    noise = np.clip(128 + 20 * rng().standard_normal((400, 400)), 0, 255).astype(np.uint8)
    assert quality.calc_reblur(noise) == pytest.approx(1 / 9, abs=0.05)


def test_motion_has_a_direction():
    kernel = np.full((1, 25), 1 / 25, dtype=np.float32)
    moved = np.asarray(cv2.filter2D(texture(), -1, kernel), dtype=np.uint8)
    assert measure(moved)["motion_ratio"] > measure(texture())["motion_ratio"] + 0.3


def test_a_screen_grid_is_a_peak_and_shelf_edges_are_not():
    rows, columns = np.mgrid[0:480, 0:640]
    plain = texture()
    screen = np.clip(plain + 12 * np.sin(2 * math.pi * (0.13 * rows + 0.11 * columns)), 0, 255).astype(np.uint8)
    edges = plain.copy()
    edges[::12] = 20
    edges[:, ::16] = 230
    peaks = [spectrum.calc_moire_peak(grey) for grey in (plain, edges, screen)]
    assert peaks[2] > peaks[0] + 10
    assert peaks[2] > peaks[1] + 5


def test_the_frequency_of_a_wave_decides_whether_it_is_high():
    columns = np.arange(512)
    low, high = (
        np.tile(np.rint(128 + 60 * np.sin(2 * math.pi * cycles * columns)), (512, 1)).astype(np.uint8)
        for cycles in (8 / 512, 128 / 512)
    )
    assert spectrum.calc_fft_high(low) < 3
    # |60 sin| at quarter cycles is 0, 60, 0, 60: the mean of 20 log10(1 + x) is half of 20 log10(61).
    assert spectrum.calc_fft_high(high) == pytest.approx(10 * math.log10(61), rel=0.02)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 70), st.integers(1, 70))))
def test_every_photo_has_finite_measurements_in_their_ranges_again_and_again(grey):
    measured = measure(grey)
    assert all(math.isfinite(value) and value >= 0 for value in measured.values())
    assert all(measured[name] <= 1 for name in ("reblur", "motion_ratio", "clip_dark", "clip_bright", "rms_contrast"))
    assert all(measured[name] <= 255 for name in ("mean_luma", "p01_luma", "p99_luma"))
    assert measure(grey.copy()) == measured


def test_a_view_measures_as_its_copy_does():
    grey = texture()
    assert measure(grey[::2, ::2]) == measure(np.ascontiguousarray(grey[::2, ::2]))


def placed(values: np.ndarray, offset: int) -> np.ndarray:
    """A copy that begins `offset` bytes behind a multiple of 64."""
    room = np.empty(values.nbytes + 128, dtype=np.uint8)
    start = -room.ctypes.data % 64 + offset
    copy = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


def test_coherence_is_exact_whatever_blas_does():
    dx, dy = quality.calc_gradients(texture(700, 1000))
    xx, yy, xy = ((first.astype(object) * second).sum() for first, second in ((dx, dx), (dy, dy), (dx, dy)))
    assert quality.calc_motion_ratio(dx, dy) == math.hypot(xx - yy, 2 * xy) / (xx + yy)


@pytest.mark.parametrize("offset", [4, 16, 32, 48])
def test_where_an_array_lies_in_memory_changes_no_bit(offset):
    grey = texture(97, 131)
    dx, dy = (placed(values, 0) for values in quality.calc_gradients(grey))
    there = placed(dx, offset), placed(dy, offset)
    assert quality.calc_sobel_var(*there) == quality.calc_sobel_var(dx, dy)
    assert quality.calc_motion_ratio(*there) == quality.calc_motion_ratio(dx, dy)
    assert measure(placed(grey, offset)) == measure(grey)
