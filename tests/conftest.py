"""What every test may ask for. Tests make their own data; helpers of one folder stay in that folder."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's root folder."""
    return Path(__file__).resolve().parent.parent
