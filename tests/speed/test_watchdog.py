"""The watchdog: what counts as stuck, by a clock that the test sets."""

from __future__ import annotations

import pytest

from speed.watchdog import Patience, Watchdog


class Hand:
    """A clock whose hand the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def dog(clock: Hand) -> Watchdog:
    return Watchdog(Patience(poll_s=60, batch_s=300), lambda why: None, clock)


def test_a_loop_that_polls_is_well_however_long_a_batch_takes_within_its_time(dog, clock):
    dog.busy(True)
    for _ in range(290):
        clock.now += 1
        dog.polled(0)
        assert dog.check() is None


def test_a_loop_that_no_longer_polls_is_stuck(dog, clock):
    clock.now += 61
    assert "no poll" in dog.check()


def test_a_batch_that_never_ends_is_stuck_unless_it_waits_on_purpose(dog, clock):
    dog.busy(True)
    clock.now += 200
    dog.progressed()
    dog.polled(0)
    clock.now += 200
    dog.polled(0)
    assert dog.check() is None
    clock.now += 101
    dog.polled(0)
    assert "one batch" in dog.check()


def test_polls_that_come_back_at_once_and_empty_spin(dog, clock):
    for _ in range(15):
        for _ in range(5000):
            dog.polled(0)
        clock.now += 1
        dog.check()
    assert "come back at once" in dog.check()


def test_polls_that_bring_events_never_spin(dog, clock):
    for _ in range(15):
        for _ in range(5000):
            dog.polled(1)
        clock.now += 1
        assert dog.check() is None
