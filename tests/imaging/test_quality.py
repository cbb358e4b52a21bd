"""Measurements against values computed by hand, and the order that damage must put them in."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from imaging import exposure, noise, quality, sharpness, spectrum
from imaging.quality import MEASUREMENTS, measure
from schemas import tables

FLAT = np.full((120, 160), 77, dtype=np.uint8)
FLAT_FREQUENCY = spectrum.calc_spectrum(FLAT)["moire_freq"]  # of no peak: the first place that is looked at


def rng() -> np.random.Generator:
    return np.random.default_rng(20)


def texture(height: int = 480, width: int = 640) -> np.ndarray:
    """Natural-looking detail: noise with a 1/f spectrum, uint8 (height, width)."""
    waves = np.fft.rfft2(rng().standard_normal((height, width)))
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    smooth = np.fft.irfft2(waves / np.maximum(radius, 1 / width), s=(height, width))
    return np.clip(128 + 40 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def sigma_of(grey: np.ndarray) -> float:
    return noise.calc_noise_sigma(noise.calc_noise_response(grey))


def blurred(grey: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(grey, (0, 0), sigma)


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
    assert sigma_of(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)) == pytest.approx(sigma, rel=0.1)


def test_a_linear_ramp_has_no_noise():
    ramp = np.tile(np.arange(200, dtype=np.uint8), (50, 1))
    assert sigma_of(ramp) == 0.0


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
    grain = np.clip(128 + 20 * rng().standard_normal((400, 400)), 0, 255).astype(np.uint8)
    assert sharpness.calc_reblur(grain) == pytest.approx(1 / 9, abs=0.05)


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


def placed(values: np.ndarray, offset: int) -> np.ndarray:
    """A copy that begins `offset` bytes behind a multiple of 64."""
    room = np.empty(values.nbytes + 128, dtype=np.uint8)
    start = -room.ctypes.data % 64 + offset
    copy = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


def test_coherence_is_exact_whatever_blas_does():
    dx, dy = quality.calc_gradients(texture(700, 1000))
    pairs = ((dx, dx), (dy, dy), (dx, dy))
    xx, yy, xy = (float((first.astype(np.int64) * second).sum()) for first, second in pairs)
    assert quality.calc_motion_ratio(dx, dy) == math.hypot(xx - yy, 2 * xy) / (xx + yy)


@pytest.mark.parametrize("offset", [4, 16, 32, 48])
def test_where_an_array_lies_in_memory_changes_no_bit(offset):
    grey = texture(97, 131)
    dx, dy = (placed(values, 0) for values in quality.calc_gradients(grey))
    there = placed(dx, offset), placed(dy, offset)
    assert quality.calc_sobel_var(*there) == quality.calc_sobel_var(dx, dy)
    assert quality.calc_motion_ratio(*there) == quality.calc_motion_ratio(dx, dy)
    assert measure(placed(grey, offset)) == measure(grey)


def half_blurred(grey: np.ndarray) -> np.ndarray:
    soft = grey.copy()
    soft[:, grey.shape[1] // 2 :] = blurred(grey, 5.0)[:, grey.shape[1] // 2 :]
    return soft


def packages() -> np.ndarray:
    """Sharp rectangles, uint8 (480, 640)."""
    grey = np.full((480, 640), 128, dtype=np.uint8)
    for top in range(10, 480, 60):
        for left in range(10, 640, 40):
            grey[top : top + 45, left : left + 30] = rng().integers(0, 256) if (top + left) % 3 else 30
    return grey


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


def test_glare_is_washed_out_blocks_and_not_single_highlights():
    spots, washed = packages(), packages()
    spots[::20, ::20] = 255
    washed[:240, :320] = 255
    assert measure(spots)["glare"] == 0.0
    assert measure(washed)["glare"] == pytest.approx(0.25, abs=0.02)


def test_noise_is_seen_where_the_photo_is_flattest():
    noisy = np.clip(packages() + 8 * rng().standard_normal((480, 640)), 0, 255).astype(np.uint8)
    assert measure(packages())["noise_flat"] == 0.0
    assert measure(noisy)["noise_flat"] == pytest.approx(8, rel=0.35)


def test_block_means_by_hand():
    grey = np.repeat(np.repeat(np.array([[10, 20, 30], [40, 50, 60]], np.uint8), 16, axis=0), 16, axis=1)
    assert noise.block_means(np.pad(grey, ((0, 5), (0, 7)))).tolist() == [[10, 20, 30], [40, 50, 60]]
    assert noise.block_means(np.full((4, 4), 9, np.uint8)).tolist() == [[9]]


def test_quantiles_by_hand():
    assert [sharpness.quantile(np.array([4.0, 1, 3, 2]), share) for share in (0, 0.5, 0.9, 1)] == [1, 3, 4, 4]


def test_a_sharp_grid_has_harmonics_and_a_wave_has_none():
    rows, columns = np.mgrid[0:480, 0:640]
    turned = (rows * 0.08 + columns * 0.06) % 1
    wave = np.rint(128 + 5 * np.sin(2 * math.pi * turned)).astype(np.uint8)
    grid = np.where(turned < 0.2, 123, 133).astype(np.uint8)
    assert spectrum.calc_spectrum(wave)["moire_freq"] == pytest.approx(0.1, abs=0.01)
    harmonics = [spectrum.calc_spectrum(grey)["moire_harmonic"] for grey in (wave, grid)]
    assert harmonics[1] > harmonics[0] + 6


def test_moire_is_seen_through_strong_edges():
    rows, columns = np.mgrid[0:480, 0:640]
    wave = 5 * np.sin(2 * math.pi * (0.13 * rows + 0.11 * columns))
    screen = np.clip(packages() + wave, 0, 255).astype(np.uint8)
    plain, seen = spectrum.calc_spectrum(packages()), spectrum.calc_spectrum(screen)
    assert seen["moire_peak"] > plain["moire_peak"] + 8
    assert seen["moire_cover"] > 0.9


def test_levels_of_the_histogram_by_hand():
    counts = exposure.calc_histogram(np.arange(100, dtype=np.uint8).reshape(10, 10))
    found = exposure.calc_exposure(counts)
    assert [found[f"p{share}_luma"] for share in ("01", "10", "50", "90", "99")] == [0, 9, 49, 89, 98]
