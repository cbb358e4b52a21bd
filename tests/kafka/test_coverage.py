"""A 10% sample of a real topic, beside batch's truth of all of it: intervals hold as often as promised."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.coverage import RATE, coverage
from demo.broker import Broker


def test_a_tenth_says_what_batch_finds_of_all(broker: Broker, topic: str, tmp_path: Path) -> None:
    found = coverage(broker, topic, tmp_path, events=4_000, devices=40, per_s=500)
    assert found.devices == 40
    assert 0 < found.lowest_rate <= RATE
    assert found.sampled <= found.captures * RATE * 1.3
    assert found.covered >= 0.85  # of 40 intervals at 95%; fewer than 34 would be a chance of one in a thousand
    assert found.estimated == pytest.approx(found.usable, rel=0.2)
