from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facings.settings import Settings, SettingsError, describe, env_name, frugal, load

ROOT = Path(__file__).resolve().parent.parent


def test_an_empty_environment_gives_the_defaults():
    assert load({}) == Settings()
    assert load({"PATH": "/bin", "FACINGS_THREADS": "", "FACINGS_LAKE": " "}) == Settings()


def test_every_setting_is_read_from_its_variable():
    settings = load(
        {
            "FACINGS_LAKE": "s3://bucket/lake",
            "FACINGS_NOW": "2026-03-01T12:00:00+02:00",
            "FACINGS_THREADS": "3",
            "FACINGS_MAX_BYTES": "1000",
            "FACINGS_MAX_PIXELS": "2000",
            "FACINGS_ALLOW_HOSTS": "Photos.internal, 10.0.0.7,",
            "FACINGS_FETCH_CONNECT_S": "0.5",
            "FACINGS_FETCH_TOTAL_S": "7",
            "FACINGS_FETCH_CONCURRENCY": "4",
            "FACINGS_COST_PER_CORE_HOUR": "0",
            "FACINGS_MODEL": "model.json",
            "FACINGS_TRUST_THRESHOLD": "1",
            "FACINGS_LATE_AFTER_S": "60",
            "FACINGS_VISIT_GAP_S": "30",
            "FACINGS_CROP_QUALITY": "100",
            "FACINGS_CROP_SUBSAMPLING": "444",
            "FACINGS_KAFKA_BROKERS": "kafka-1:9092,kafka-2:9092",
            "FACINGS_KAFKA_USERNAME": "shop",
            "FACINGS_KAFKA_PASSWORD": "s3cret",
            "FACINGS_MAX_INLINE_BYTES": "3000",
            "FACINGS_BUFFER_BYTES": "4000",
            "FACINGS_SESSION_TIMEOUT_S": "10",
            "FACINGS_DRAIN_S": "4",
            "FACINGS_STUCK_AFTER_S": "60",
        }
    )
    assert settings == Settings(
        lake="s3://bucket/lake",
        now=datetime(2026, 3, 1, 10, tzinfo=UTC),
        threads=3,
        max_bytes=1000,
        max_pixels=2000,
        allow_hosts=("photos.internal", "10.0.0.7"),
        fetch_connect_s=0.5,
        fetch_total_s=7.0,
        fetch_concurrency=4,
        cost_per_core_hour=0.0,
        model="model.json",
        trust_threshold=1.0,
        late_after_s=60.0,
        visit_gap_s=30.0,
        crop_quality=100,
        crop_subsampling="444",
        kafka_brokers="kafka-1:9092,kafka-2:9092",
        kafka_username="shop",
        kafka_password="s3cret",
        max_inline_bytes=3000,
        buffer_bytes=4000,
        session_timeout_s=10.0,
        drain_s=4.0,
        stuck_after_s=60.0,
    )
    assert settings.now is not None
    assert settings.now.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "name,value",
    [
        ("FACINGS_NOW", "yesterday"),
        ("FACINGS_NOW", "2026-03-01T12:00:00"),
        ("FACINGS_THREADS", "0"),
        ("FACINGS_THREADS", "two"),
        ("FACINGS_MAX_BYTES", "-1"),
        ("FACINGS_ALLOW_HOSTS", "http://photos.internal/"),
        ("FACINGS_FETCH_TOTAL_S", "nan"),
        ("FACINGS_FETCH_TOTAL_S", "inf"),
        ("FACINGS_COST_PER_CORE_HOUR", "-0.1"),
        ("FACINGS_TRUST_THRESHOLD", "1.01"),
        ("FACINGS_TRUST_THRESHOLD", "nan"),
        ("FACINGS_CROP_QUALITY", "101"),
        ("FACINGS_CROP_SUBSAMPLING", "421"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_remedy(name, value):
    with pytest.raises(SettingsError) as caught:
        load({name: value})
    message = str(caught.value)
    assert message.startswith(f"{name} is {value!r}: ")
    assert f"set it like {name}=" in message


def test_a_misspelt_name_is_refused_with_the_right_one():
    with pytest.raises(SettingsError, match="FACINGS_TREADS is not a setting: did you mean FACINGS_THREADS"):
        load({"FACINGS_TREADS": "2"})


def test_every_problem_is_reported_at_once():
    with pytest.raises(SettingsError) as caught:
        load({"FACINGS_THREADS": "0", "FACINGS_NOW": "noon", "FACINGS_XYZZY": "1"})
    assert len(str(caught.value).splitlines()) == 3


def test_every_example_can_be_used():
    environ = {env_name(setting): setting.metadata["example"] for setting in fields(Settings)}
    assert load(environ) != Settings()


@given(value=st.floats(min_value=0, max_value=1))
def test_a_threshold_is_read_exactly(value):
    assert load({"FACINGS_TRUST_THRESHOLD": repr(value)}).trust_threshold == value


def test_settings_are_frozen():
    with pytest.raises(FrozenInstanceError):
        Settings().threads = 4  # type: ignore[misc]  # the assignment is what must fail


def test_the_documentation_is_what_the_code_says():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert describe() in page, "docs/settings.md is stale: put facings.settings.describe() in it"


def test_a_server_begins_anew_once_and_keeps_what_is_set():
    given = {"PATH": "/bin", "MALLOC_ARENA_MAX": "7"}
    anew = frugal(given)
    assert anew == {"PATH": "/bin", "MALLOC_ARENA_MAX": "7", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    assert frugal(anew) is None
