"""Figures of both layers lead to their captures: to as many rows as they show, those included that are not archived."""

from __future__ import annotations

import re
from datetime import timedelta
from types import ModuleType
from urllib.parse import parse_qs

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from lake import Lake
from lake.offsets import OffsetTable, Span
from lake.parquet import conform
from schemas.tables import CAPTURES


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory, shop: ModuleType) -> str:
    """The small lake with five captures of the speed layer: of c-live-0 to c-live-4 the archive has taken the first in,
    an hour late and with a photo that batch scored, refused the second, and not reached the others.
    """
    lake: Lake = shop.build(tmp_path_factory.mktemp("moving") / "lake")
    newest = shop.live(lake)
    last = lake.read("master/captures").sort_by("captured_at").slice(95).to_pylist()[0]
    where = {"store_id": "south", "device_id": "cooler-4", "captured_at": newest}
    row = {**last, **where, "capture_id": "c-live-0", "received_at": newest + timedelta(hours=1)}
    rows = conform(pa.Table.from_pylist([row], CAPTURES.schema), CAPTURES.schema)
    OffsetTable(lake.storage, CAPTURES).append(rows, [Span(f"{shop.SOURCE}/0", None, 2)])
    return lake.storage.root


COUNTS = {
    "of both layers": 96 + 1 + 3,
    "late": 48 + 1 + 1,  # c-live-2 is late too, and on the way
    "only live": 5,
    "scored live": 3,  # four, one of them refused
    "scored by both layers": 1,
}


def listed(app: AppTest) -> list[str]:
    assert not app.exception
    return list(app.dataframe[0].value["capture_id"])


def test_each_figure_counts_what_its_link_lists(open_page, uri: str):
    app = open_page(uri, "throughput")
    values = {metric.label: metric.value for metric in app.metric}
    text = "\n".join(each.value for each in app.caption).replace("\\", "")
    shown = {
        "of both layers": values["Captures, merged"],
        "only live": values["Only live"],
        "late": re.findall(r"(\d+) captures of 100", text)[0],
        "scored live": re.findall(r"scored; (\d+) captures", text)[0],
        "scored by both layers": re.findall(r"of (\d+) captures; p_good", text)[0],
    }
    assert {which: int(count) for which, count in shown.items()} == COUNTS
    assert "3 on the way, 1 archived, 1 refused" in text
    params = [parse_qs(each.proto.query_string) for each in app.main.get("page_link")]
    links = {each["which"][0]: each for each in params if "which" in each and "order" not in each}
    for which, count in COUNTS.items():
        assert len(listed(open_page(uri, "captures", **links[which]))) == count, which


def test_only_live_captures_are_listed_with_their_live_score(open_page, uri: str):
    assert sorted(listed(open_page(uri, "captures", which="only live"))) == [f"c-live-{n}" for n in range(5)]
    app = open_page(uri, "captures", which="only live", order="worst")
    assert listed(app)[0] == "c-live-3"
    assert "c-live-4" not in listed(app)  # the one that was not scored
    assert app.dataframe[0].value["p_good"].iloc[0] == 0.1
    assert len(listed(open_page(uri, "captures", which="of both layers", order="worst"))) == 96 + 4 - 1


def test_a_capture_that_is_not_archived_says_so(open_page, uri: str):
    app = open_page(uri, "captures", which="only live", capture="c-live-3")
    assert "cooler-4 at 02 Mar 2026 11:55:00 UTC" in app.subheader[0].value.replace("\\", "")
    assert any("the archive has not reached it" in each.value for each in app.info)


def test_the_overview_leads_to_what_only_live_knows(open_page, uri: str):
    links = {each.proto.label: each.proto for each in open_page(uri).main.get("page_link")}
    assert parse_qs(links["5 only live"].query_string)["which"] == ["only live"]
    assert links["2 more live"].page == "throughput"
    rows = [each.value for each in open_page(uri, "throughput").dataframe if "kafka_offset" in each.value]
    assert [list(each["kafka_offset"]) for each in rows] == [[5, 6]]


def test_a_viewer_of_one_store_sees_no_live_capture_of_another(open_page, uri: str):
    assert not open_page(uri, "captures", which="only live", store="north").dataframe
