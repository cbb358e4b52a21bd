"""Waves of known frequency, and moiré among edges that are periodic too."""

from __future__ import annotations

import math

import numpy as np
import pytest

from imaging import spectrum
from imaging.room import Room
from tests.imaging.pictures import packages, texture


def test_a_screen_grid_is_a_peak_and_shelf_edges_are_not():
    rows, columns = np.mgrid[0:480, 0:640]
    plain = texture()
    screen = np.clip(plain + 12 * np.sin(2 * math.pi * (0.13 * rows + 0.11 * columns)), 0, 255).astype(np.uint8)
    edges = plain.copy()
    edges[::12] = 20
    edges[:, ::16] = 230
    peaks = [spectrum.calc_moire_peak(grey, Room()) for grey in (plain, edges, screen)]
    assert peaks[2] > peaks[0] + 10
    assert peaks[2] > peaks[1] + 5


def test_the_frequency_of_a_wave_decides_whether_it_is_high():
    columns = np.arange(512)
    low, high = (
        np.tile(np.rint(128 + 60 * np.sin(2 * math.pi * cycles * columns)), (512, 1)).astype(np.uint8)
        for cycles in (8 / 512, 128 / 512)
    )
    assert spectrum.calc_fft_high(low, Room()) < 3
    # |60 sin| at quarter cycles is 0, 60, 0, 60: the mean of 20 log10(1 + x) is half of 20 log10(61).
    assert spectrum.calc_fft_high(high, Room()) == pytest.approx(10 * math.log10(61), rel=0.02)


def test_a_sharp_grid_has_harmonics_and_a_wave_has_none():
    rows, columns = np.mgrid[0:480, 0:640]
    turned = (rows * 0.08 + columns * 0.06) % 1
    wave = np.rint(128 + 5 * np.sin(2 * math.pi * turned)).astype(np.uint8)
    grid = np.where(turned < 0.2, 123, 133).astype(np.uint8)
    assert spectrum.calc_spectrum(wave, Room())["moire_freq"] == pytest.approx(0.1, abs=0.01)
    harmonics = [spectrum.calc_spectrum(grey, Room())["moire_harmonic"] for grey in (wave, grid)]
    assert harmonics[1] > harmonics[0] + 6


def test_moire_is_seen_through_strong_edges():
    rows, columns = np.mgrid[0:480, 0:640]
    wave = 5 * np.sin(2 * math.pi * (0.13 * rows + 0.11 * columns))
    screen = np.clip(packages() + wave, 0, 255).astype(np.uint8)
    plain, seen = spectrum.calc_spectrum(packages(), Room()), spectrum.calc_spectrum(screen, Room())
    assert seen["moire_peak"] > plain["moire_peak"] + 8
    assert seen["moire_cover"] > 0.9
