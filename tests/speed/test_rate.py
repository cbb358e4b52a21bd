"""The rate under overload, bursts and faults, in a simulated service with a clock of its own: no thread, no sleep.

Events come in at given rates; a batch takes all that waits and costs what a machine is given to cost. What must hold:
scoring goes on at what the machine can do, lag stays bounded, the full rate comes back, and estimates stay unbiased.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake.estimate import estimate
from speed.sampling import BATCH_S, FLOOR_SHARE, LONGEST_BATCH_S, Rate

MOST_EVENTS = 5_000


@dataclass(frozen=True)
class Machine:
    """Seconds that a commit, counting an event, and scoring a capture take; each batch a factor slower, at random."""

    commit_s: float
    event_s: float
    capture_s: float
    jitter: float = 0.0


@dataclass(frozen=True)
class Done:
    """A batch of the simulation: when it ended, how long its oldest event waited, and what was chosen at what rate."""

    end_s: float
    lag_s: float
    events: int
    scored: int
    rate: float


def simulate(
    machine: Machine, arrivals: Callable[[float], float], seconds: float, rate: Rate, seed: int = 0
) -> list[Done]:
    """Batches until then; `arrivals` is the integral of the events' rate. Every event is a capture."""
    rng = random.Random(seed)
    now, taken, done = 0.0, 0, []
    while now < seconds:
        waiting = int(arrivals(now)) - taken
        if not waiting:
            now += 0.05
            continue
        events = min(MOST_EVENTS, waiting)
        chosen_at = rate.choose(events, waiting - events)
        scored = sum(rng.random() < chosen_at for _ in range(events))
        slow = 1 + rng.random() * machine.jitter
        scoring_s = scored * machine.capture_s * slow
        rest_s = (machine.commit_s + events * machine.event_s) * slow
        oldest = _reaches(arrivals, taken, now)
        now, taken = now + scoring_s + rest_s, taken + events
        rate.learn(scored, scoring_s, rest_s)
        done.append(Done(now, now - oldest, events, scored, chosen_at))
    return done


def _reaches(arrivals: Callable[[float], float], count: int, before: float) -> float:
    """When the integral reached `count`."""
    low, high = 0.0, before
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if arrivals(middle) < count else (low, middle)
    return low


machines = st.builds(
    Machine,
    st.floats(0.02, 0.5),
    st.floats(0, 0.000_2),
    st.floats(0.02, 0.5),
    st.floats(0, 0.5),
)


@settings(max_examples=60, deadline=None)
@given(machines, st.floats(0.2, 1), st.integers(0, 1000))
def test_under_four_times_its_capacity_it_goes_on_scoring_and_lag_is_bounded(machine, target, seed):
    """On a slow machine and a fast one: at least 70% of what scoring alone could do, after ten seconds to find it."""
    offered = 4 / machine.capture_s / target
    event_s = min(machine.event_s, 0.1 / offered)  # what counting takes is not to be found again by scoring less
    machine = Machine(machine.commit_s, event_s, machine.capture_s, machine.jitter)
    done = [one for one in simulate(machine, lambda s: offered * s, 120, Rate(target), seed) if one.end_s > 10]
    took = done[-1].end_s - 10
    scored_per_s = sum(one.scored for one in done[1:]) / took
    assert scored_per_s >= 0.7 / (machine.capture_s * (1 + machine.jitter / 2))
    assert max(one.lag_s for one in done) <= 4 * (LONGEST_BATCH_S + machine.commit_s)
    events = sum(one.events for one in done)
    assert sum(one.events * one.rate for one in done) / events < 0.5 * target


@settings(max_examples=40, deadline=None)
@given(machines, st.floats(20, 80), st.integers(0, 1000))
def test_after_a_burst_the_full_rate_is_back_within_four_batches_of_the_longest(machine, times, seed):
    """A quarter of the capacity with commits, `times` as much for five seconds, then as before."""
    rate = 0.25 / (machine.capture_s + machine.event_s + machine.commit_s * 0.1)
    end = 25.0

    def arrivals(at: float) -> float:
        return rate * (at + (times - 1) * min(5.0, max(0.0, at - (end - 5))))

    done = simulate(machine, arrivals, 120, Rate(1.0), seed)
    calm = [one for one in done if one.end_s > end + 4 * (LONGEST_BATCH_S + machine.commit_s)]
    assert {one.rate for one in calm} == {1.0}
    assert min(one.rate for one in done) < 1


def test_a_machine_that_becomes_ten_times_slower_is_followed():
    """As when others want its processors: the rate falls to what is left, and not below it."""
    rate = Rate(1.0)
    simulate(Machine(0.05, 0.000_1, 0.01), lambda s: 40 * s, 30, rate)
    assert rate.value == 1
    busy = simulate(Machine(0.5, 0.001, 0.1, 0.5), lambda s: 40 * s, 60, rate)[3:]
    scored_per_s = sum(one.scored for one in busy) / (busy[-1].end_s - busy[0].end_s)
    assert scored_per_s > 0.6 / (0.1 * 1.25)


def test_a_stall_does_not_starve_what_comes_after_it():
    """Commits that hang for ten seconds, a rate of half the capacity: full again two batches later."""
    rate = Rate(1.0)
    calm = Machine(0.05, 0, 0.02)
    simulate(calm, lambda s: 25 * s, 10, rate)
    rate.choose(25)
    rate.learn(25, 0.5, 10.0)
    after = simulate(calm, lambda s: 250 + 25 * s, 20, rate)  # what came in meanwhile waits
    assert after[0].scored > 0.7 / 0.02  # of one second
    assert {one.rate for one in after[4:]} == {1.0}


@given(st.floats(0.001, 1), st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 10**7), st.floats(0, 9))))
def test_every_capture_always_has_a_chance_and_none_too_much(target, batches):
    rate = Rate(target)
    for captures, backlog, seconds in batches:
        assert target * FLOOR_SHARE <= rate.choose(captures, backlog) <= target
        rate.learn(captures, seconds, seconds)


def test_the_rate_is_what_fits_into_a_batch():
    rate = Rate(0.5)
    assert rate.choose(10) == 0.5
    rate.learn(10, 0.5, 0.1)
    assert rate.capture_s == 0.05
    assert rate.choose(100) == BATCH_S / (100 * 0.05)
    assert rate.choose(100, 300) == BATCH_S / (400 * 0.05)


@pytest.mark.parametrize("seed", range(3))
def test_totals_are_without_bias_though_bad_photos_take_longer(seed):
    """In a closed loop: what was slow lowers the rate of what comes after it, and no estimate of any part leans."""
    rng = random.Random(seed)
    rounds, batches, captures = 300, 12, 120
    sums, shares = 0.0, 0.0
    truth = 0
    for _ in range(rounds):
        rate = Rate(1.0)
        rate.learn(10, 0.3, 0.1)
        is_bad = [rng.random() < (0.05 if number % 4 else 0.6) for number in range(batches * captures)]
        truth += sum(is_bad)
        has, probabilities = [], []
        for batch in range(batches):
            part = is_bad[batch * captures : (batch + 1) * captures]
            chosen_at = rate.choose(captures)
            chosen = [one for one in part if rng.random() < chosen_at]
            rate.learn(len(chosen), sum(0.1 if one else 0.01 for one in chosen), 0.1)
            has += chosen
            probabilities += [chosen_at] * len(chosen)
        assert min(probabilities) < 0.6
        sums += sum(one / p for one, p in zip(has, probabilities, strict=True))
        shares += estimate(has, probabilities, len(is_bad)).total or 0.0
    assert sums == pytest.approx(truth, rel=0.01)
    assert shares == pytest.approx(truth, rel=0.01)
