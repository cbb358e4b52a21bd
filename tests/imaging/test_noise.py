"""Noise of known strength, and blocks by hand."""

from __future__ import annotations

import numpy as np
import pytest

from imaging import noise
from imaging.quality import measure
from imaging.room import Room
from tests.imaging.pictures import packages, rng


def sigma_of(grey: np.ndarray) -> float:
    return noise.calc_noise_sigma(noise.calc_noise_response(grey, Room()))


@pytest.mark.parametrize("sigma", [3.0, 8.0, 20.0])
def test_noise_is_measured_within_a_tenth(sigma):
    noisy = 128 + sigma * rng().standard_normal((400, 500))
    assert sigma_of(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)) == pytest.approx(sigma, rel=0.1)


def test_a_linear_ramp_has_no_noise():
    ramp = np.tile(np.arange(200, dtype=np.uint8), (50, 1))
    assert sigma_of(ramp) == 0.0


def test_noise_is_seen_where_the_photo_is_flattest():
    noisy = np.clip(packages() + 8 * rng().standard_normal((480, 640)), 0, 255).astype(np.uint8)
    assert measure(packages())["noise_flat"] == 0.0
    assert measure(noisy)["noise_flat"] == pytest.approx(8, rel=0.35)


def test_block_means_by_hand():
    grey = np.repeat(np.repeat(np.array([[10, 20, 30], [40, 50, 60]], np.uint8), 16, axis=0), 16, axis=1)
    assert noise.block_means(np.pad(grey, ((0, 5), (0, 7))), Room()).tolist() == [[10, 20, 30], [40, 50, 60]]
    assert noise.block_means(np.full((4, 4), 9, np.uint8), Room()).tolist() == [[9]]
