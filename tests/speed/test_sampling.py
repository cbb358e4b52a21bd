"""The choice of captures: stable and uniform; and what a sample says of all. How the rate is found: test_rate.py."""

from __future__ import annotations

import random

import pytest

from lake.estimate import estimate
from speed.sampling import draw


def test_the_same_name_draws_the_same_number_in_every_process():
    assert draw("c-17") == 0.9033436296152391
    assert draw("c-18") != draw("c-17")


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_as_many_are_chosen_as_the_rate_says(rate):
    n = 50_000
    chosen = sum(draw(f"capture-{number}") < rate for number in range(n))
    assert abs(chosen - n * rate) < 4 * (n * rate * (1 - rate)) ** 0.5


def test_a_lower_rate_chooses_among_those_of_a_higher_one():
    low, high = ({n for n in range(2000) if draw(str(n)) < rate} for rate in (0.1, 0.3))
    assert low < high


def _sample(rng: random.Random, truth: list[bool], rates: list[float]) -> tuple[list[bool], list[float]]:
    has, probabilities = [], []
    for index, one in enumerate(truth):
        rate = rates[index * len(rates) // len(truth)]
        if rng.random() < rate:
            has.append(one)
            probabilities.append(rate)
    return has, probabilities


@pytest.mark.parametrize("rates", [[0.1], [0.1, 0.025, 0.05, 0.1]], ids=["steady", "fell-under-lag"])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_intervals_cover_the_truth_as_often_as_promised(rates, share):
    rng = random.Random(7)
    n, rounds = 1500, 600
    truth = [rng.random() < share for _ in range(n)]
    covered = 0
    for _ in range(rounds):
        found = estimate(*_sample(rng, truth, rates), n)
        covered += found.total_low <= sum(truth) <= found.total_high
    assert covered / rounds >= 0.93  # 95%, less what so few rounds may miss by chance


def test_estimates_are_without_bias_when_the_rate_changed():
    rng = random.Random(11)
    n, rounds = 2000, 600
    truth = [index < n // 2 or rng.random() < 0.2 for index in range(n)]  # the first half, at the high rate, differs
    total = sum(estimate(*_sample(rng, truth, [0.4, 0.05]), n).total or 0.0 for _ in range(rounds))
    assert total / rounds == pytest.approx(sum(truth), rel=0.02)


def test_what_is_known_of_all_is_exact():
    found = estimate([True, False, True, True], [1.0] * 4, 4)
    assert (found.total, found.total_low, found.total_high) == (3, 3, 3)


def test_without_a_sample_nothing_is_claimed():
    found = estimate([], [], 20)
    assert (found.share, found.total, found.total_low, found.total_high) == (None, None, 0, 20)


def test_an_interval_never_contradicts_what_was_seen():
    found = estimate([True, True, False], [0.9, 0.9, 0.9], 3)
    assert found.total_low >= 2
    assert found.total_high <= 2


@pytest.mark.parametrize("probability", [0.0, -0.1, 1.1, float("nan")])
def test_a_probability_that_is_none_is_refused(probability):
    with pytest.raises(ValueError, match="probability"):
        estimate([True], [probability], 2)
