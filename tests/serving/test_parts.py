"""Formats, inert text, ranking, photos and the server's options, each against values computed by hand."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from serving import attention, launch, photos, queries, show
from serving.launch import launched

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "seconds,text",
    [(None, "–"), (0.25, "250 ms"), (4, "4.0 s"), (75, "75 s"), (600, "10 min"), (7200, "2 h"), (172_800, "2 d")],
)
def test_a_duration_takes_its_largest_fitting_unit(seconds, text):
    assert show.span(seconds) == text


@pytest.mark.parametrize("part,whole,text", [(0, 0, "–"), (1, 3, "33.3 %"), (3, 3, "100 %"), (0, 3, "0 %")])
def test_a_share_of_nothing_is_no_number(part, whole, text):
    assert show.percent(part, whole) == text


@pytest.mark.parametrize("count,text", [(None, "–"), (900, "900 B"), (1500, "1.5 kB"), (2.5e9, "2.5 GB")])
def test_sizes(count, text):
    assert show.size(count) == text


def test_inert_text_escapes_every_mark_and_breaks_links():
    text = show.inert("<img src=x> [x](javascript:alert(1)) **b** $x$ :red[y]\n# h")
    for mark in "<>[]()*$:#":
        assert text.count(mark) == text.count("\\" + mark)
    assert "\n" not in text
    assert "www.example" not in show.inert("www.example.com")
    assert "https:" not in show.inert("https://example.com").replace("\\", "")


def test_findings_rank_by_severity_then_weight():
    def finding(severity: str, weight: float) -> attention.Finding:
        return attention.Finding(severity, "kind", f"{severity} {weight}", None, weight, "screens/runs.py")

    mixed = [finding("attention", 9), finding("bad", 1), finding("bad", 5)]
    assert [f.what for f in attention.ranked(mixed)] == ["bad 5", "bad 1", "attention 9"]


def test_a_device_that_is_silent_for_longer_than_six_hours_is_found():
    last = [NOW - attention.UNSEEN_AFTER, NOW - 2 * attention.UNSEEN_AFTER]
    estate = pd.DataFrame({"store_id": ["s", "s"], "device_id": ["a", "b"], "captures": [1, 1], "last_at": last})
    assert [f.params["device"] for f in attention.unseen(estate, NOW)] == [["b"]]


def test_an_unknown_reason_still_has_a_sentence():
    assert "upgrade" in attention.remedy("from-the-future")


def photo(height: int, width: int) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width, 3), 200, np.uint8))[1].tobytes()


def shape(data: bytes | None) -> tuple[int, ...]:
    assert data is not None
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return found.shape[:2]


def test_a_photo_is_scaled_down_and_never_up():
    assert shape(photos.scaled(photo(400, 800), 320)) == (160, 320)
    assert shape(photos.scaled(photo(40, 80), 320)) == (40, 80)


def test_boxes_are_drawn_where_they_are():
    drawn = photos.boxed(photo(200, 400), ((100, 50, 300, 150, "cola"),), 400)
    assert drawn is not None
    pixels = cv2.imdecode(np.frombuffer(drawn, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert abs(int(pixels[100, 200, 0]) - 200) < 6  # inside: as it was
    assert int(pixels[100, 100, 2]) < 120  # on the left edge: the line's blue


def test_what_does_not_decode_has_no_picture():
    assert photos.scaled(b"<html>", 320) is None
    assert photos.boxed(photo(200, 400)[:300], (), 320) is None


def test_the_server_binds_loopback_and_tells_nothing():
    options = launch.options(host="127.0.0.1", port=8600)
    assert options["server.address"] == "127.0.0.1"
    assert options["browser.gatherUsageStats"] is False
    assert options["client.showErrorDetails"] == "none"
    assert options["server.enableXsrfProtection"] is True


def test_the_cookie_secret_is_made_once_and_private(tmp_path):
    first = launch.cookie_secret(tmp_path / "state")
    assert len(first) == 64
    assert launch.cookie_secret(tmp_path / "state") == first
    assert stat.S_IMODE((tmp_path / "state" / "cookie_secret").stat().st_mode) == 0o600


def test_the_lake_is_named_after_the_dashes():
    assert launched(["--lake", "shop", "--access", "access.toml"]).lake == "shop"
    assert launched(["--lake", "shop", "--access", "access.toml"]).access == Path("access.toml")
    assert launched([]) == launched(["--other", "x"])
    assert launched([]).lake is None


def test_values_go_into_queries_as_parameters_only():
    hostile = "'; DROP TABLE captures; --"
    filters = queries.Filters(NOW, NOW, (hostile,), (hostile,))
    assert hostile not in filters.where()
    assert filters.params()["stores"] == [hostile]
