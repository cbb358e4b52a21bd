"""What every test may ask for. Tests make their own data; helpers of one folder stay in that folder."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["tests.kafka.brokers"]  # a broker for whoever asks: it starts with the first test that does


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--photos", type=int, default=60, help="photos of the cluster that loses a worker")
    parser.addoption("--examples", type=int, default=1, help="generated lakes an engine in tests/conformance")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's root folder."""
    return Path(__file__).resolve().parent.parent
