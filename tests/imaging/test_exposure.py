"""Levels, clipping and glare by hand."""

from __future__ import annotations

import numpy as np
import pytest

from imaging import exposure
from imaging.quality import measure
from tests.imaging.pictures import packages, step_edge


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


def test_glare_is_washed_out_blocks_and_not_single_highlights():
    spots, washed = packages(), packages()
    spots[::20, ::20] = 255
    washed[:240, :320] = 255
    assert measure(spots)["glare"] == 0.0
    assert measure(washed)["glare"] == pytest.approx(0.25, abs=0.02)


def test_levels_of_the_histogram_by_hand():
    counts = exposure.calc_histogram(np.arange(100, dtype=np.uint8).reshape(10, 10))
    found = exposure.calc_exposure(counts)
    assert [found[f"p{share}_luma"] for share in ("01", "10", "50", "90", "99")] == [0, 9, 49, 89, 98]
