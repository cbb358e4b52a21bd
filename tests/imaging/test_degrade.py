"""Damage: seeded, of the same shape, and stronger where it says so."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.degrade import KINDS, degrade, disc
from imaging.model import CLASSES
from tests import corpus


def damaged(kind: str, severity: float, seed: int = 4) -> np.ndarray:
    return degrade(corpus.scene(320, 240), kind, severity, np.random.default_rng(seed))


def test_every_class_but_good_has_its_damage():
    assert ("good", *KINDS) == CLASSES


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_seeded_and_keeps_the_shape(kind):
    first = damaged(kind, 0.5)
    assert first.dtype == np.uint8
    assert first.shape == (240, 320, 3)
    assert np.array_equal(first, damaged(kind, 0.5))
    assert not np.array_equal(first, corpus.scene(320, 240))


@pytest.mark.parametrize("kind", KINDS)
def test_strong_damage_changes_more_than_mild(kind):
    good = corpus.scene(320, 240).astype(int)
    mild, strong = (np.abs(damaged(kind, severity).astype(int) - good).mean() for severity in (0.0, 1.0))
    assert strong > mild > 0


def test_an_unknown_kind_names_the_known_ones():
    with pytest.raises(ValueError, match="no damage called 'rust'; there are blur, motion"):
        damaged("rust", 0.5)


def test_a_disc_is_round_and_keeps_the_light():
    kernel = disc(3.5)
    assert kernel.sum() == pytest.approx(1.0)
    assert np.array_equal(kernel, kernel.T)
    assert np.array_equal(kernel, kernel[::-1])
    assert kernel[0, 0] == 0.0
