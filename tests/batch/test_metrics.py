"""Figures of a classifier, against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from batch.quality import metrics

TRUTH = np.array([False, False, True, True])


def test_area_under_curve_by_hand():
    assert metrics.area_under_curve(np.array([0.1, 0.4, 0.35, 0.8]), TRUTH) == 0.75
    assert metrics.area_under_curve(np.array([0.5, 0.5]), np.array([False, True])) == 0.5
    assert np.isnan(metrics.area_under_curve(np.array([0.5]), np.array([True])))


def test_an_interval_holds_the_area_and_is_seeded():
    rng = np.random.default_rng(1)
    truth = rng.uniform(size=300) < 0.5
    scores = truth + rng.normal(0, 1, 300)
    found = metrics.area(scores, truth, seed=4)
    assert found.low < found.value < found.high
    assert found.high - found.low < 0.15
    assert metrics.area(scores, truth, seed=4) == found
    assert metrics.area(scores, truth, seed=5) != found


def test_precision_at_recall_by_hand():
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    truth = np.array([True, False, True, False])
    assert metrics.precision_at_recall(scores, truth, 0.5) == 1.0
    assert metrics.precision_at_recall(scores, truth, 1.0) == pytest.approx(2 / 3)


def test_brier_by_hand():
    assert metrics.brier(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]])) == 0.0
    assert metrics.brier(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])) == 2.0


def test_reliability_by_hand():
    found = metrics.reliability(np.array([0.05, 0.07, 0.95, 1.0]), TRUTH)
    assert [(each.count, each.observed) for each in found] == [(2, 0.0), (2, 1.0)]
    assert found[0].predicted == pytest.approx(0.06)


def test_confusion_by_hand():
    labels, guesses = np.array(["good", "good", "blur"]), np.array(["good", "blur", "blur"])
    assert metrics.confusion(labels, guesses, ("good", "blur", "dark")) == {
        "good": {"good": 1, "blur": 1, "dark": 0},
        "blur": {"good": 0, "blur": 1, "dark": 0},
    }


def test_no_row_is_predicted_by_what_has_seen_it():
    values, labels = np.arange(20.0)[:, None], np.array(["x"] * 20)

    def fit(seen, _):
        return lambda asked: np.isin(asked, seen).astype(float)

    assert metrics.cross_fitted(fit, values, labels, seed=1).sum() == 0.0
