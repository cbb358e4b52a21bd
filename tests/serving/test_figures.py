"""Retail and throughput figures over the small lake, each against a value computed by hand from its story."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pandas as pd
import pyarrow as pa
import pytest

from lake import Lake
from lake.parquet import conform
from schemas.tables import TABLES
from serving import flow, queries, retail
from serving.figures import bounded, percent, sampled, wilson
from serving.graph import lineage_graph
from serving.queries import Filters
from serving.reader import KEPT, Given, PinnedReader
from serving.shelves import Box, place, rows_of

END = datetime(2026, 3, 2, 11, 55, tzinfo=UTC)  # the newest capture
DAY = Filters(END - timedelta(hours=48), END)


@pytest.fixture(scope="module")
def reader(lake: Lake) -> PinnedReader:
    return PinnedReader(tuple(lake.versions(TABLES).items()), lake.dataset)


@pytest.fixture(scope="module")
def places(reader: PinnedReader) -> pd.DataFrame:
    return retail.places(reader, DAY)


def test_bounds_hold_whatever_the_unknown_hold():
    found = bounded(9, 10, 10)
    assert (found.value, found.low, found.high, found.basis) == (0.9, 0.45, 0.95, "bounds")
    assert bounded(9, 10, 0) == bounded(9, 10, 0)
    assert bounded(9, 10, 0).basis == "exact"
    nothing = bounded(0, 0, 4)
    assert (nothing.value, nothing.low, nothing.high, nothing.text) == (None, 0.0, 1.0, "unknown")
    assert bounded(0, 0, 0).text == "unknown"


def test_a_sample_has_wilsons_interval():
    found = wilson(8, 10)  # textbook: 0.490 to 0.943
    assert (round(found.low or 0, 3), round(found.high or 0, 3)) == (0.490, 0.943)
    assert sampled(8, 10, 10).basis == "exact"
    assert sampled(8, 10, 11).basis == "sample"
    assert wilson(0, 5).low == 0.0
    assert wilson(5, 5).high == 1.0
    assert wilson(0, 0).value is None


def test_a_share_is_never_rounded_to_all_or_nothing():
    assert [percent(share) for share in (0.0, 0.0004, 0.1234, 0.9999, 1.0)] == [
        "0 %",
        "0.1 %",
        "12.3 %",
        "99.9 %",
        "100 %",
    ]


def test_places_know_what_stands_there_and_since_when(places: pd.DataFrame):
    assert len(places) == 12  # four devices, three SKUs
    cola = places[(places["device_id"] == "cooler-1") & (places["sku"] == "cola")].iloc[0]
    assert (cola["facings"], cola["expected"], cola["state"]) == (0, 3, "known")
    assert cola["out_since"] == END - timedelta(hours=2)  # the last three captures show none
    assert cola["full_at"] == END - timedelta(hours=3)
    assert retail.duration_s(cola["out_since"], cola["full_at"], END) == (7200.0, 10800.0)
    assert list(retail.out_of_stock(places)["device_id"]) == ["cooler-1"]


def test_availability_compliance_and_deviations(places: pd.DataFrame):
    # cooler-2 was sharp 6 h ago: all twelve places are known, one of them is empty.
    assert retail.availability(places) == bounded(11, 12, 0)
    # planned: 4 x (3 + 2 + 2) = 28 facings
    there = sum(min(row["facings"], row["expected"]) for row in places.to_dict("records"))
    assert retail.compliance(places) == bounded(there, 28, 0)
    off = retail.deviations(places)
    assert set(zip(off["device_id"], off["sku"], off["gap"], strict=True)) == {
        ("cooler-1", "cola", -3),
        ("cooler-3", "lemonade", -1),
    }
    assert there == 28 - 4


def test_what_no_trusted_photo_shows_is_unknown_and_widens_the_bounds(reader: PinnedReader):
    later = Filters(END - timedelta(hours=5), END)  # cooler-2 is blurred all the while
    rows = retail.places(reader, later)
    hidden = rows[rows["device_id"] == "cooler-2"]
    assert set(hidden["state"]) == {"unknown"}
    assert set(hidden["why"]) == {"no trusted photo"}
    assert hidden["facings"].isna().all()
    found = retail.availability(rows)
    assert (found.part, found.whole) == (8, 9)
    assert found.low == pytest.approx(8 / 12)
    assert found.high == pytest.approx(11 / 12)
    assert retail.coverage(rows, queries.estate(reader)) == bounded(3, 4, 0)


def test_a_device_that_sends_nothing_is_unknown_by_its_plan(reader: PinnedReader):
    early = Filters(END - timedelta(days=8), END - timedelta(days=4))  # plans are valid, no capture yet
    rows = retail.places(reader, early)
    assert len(rows) == 12
    assert set(rows["why"]) == {"no photo"}
    assert retail.availability(rows).text == "unknown"
    assert retail.share_of_shelf(rows)["share"].isna().all()


def test_share_of_shelf_and_its_bounds(places: pd.DataFrame, reader: PinnedReader):
    shares = retail.share_of_shelf(places).set_index("sku")
    assert shares["facings"].sum() == places["facings"].sum()
    assert shares.loc["cola", "share"] == pytest.approx(9 / 24)
    assert shares.loc["cola", "plan"] == pytest.approx(12 / 28)
    later = retail.places(reader, Filters(END - timedelta(hours=5), END))
    hidden = retail.share_of_shelf(later).set_index("sku")  # cooler-2's 3 + 2 + 2 are unknown; 6 cola of 17 are seen
    assert hidden.loc["cola", "share"] == pytest.approx(6 / 17)
    assert hidden.loc["cola", "low"] == pytest.approx(6 / (17 + 4))
    assert hidden.loc["cola", "high"] == pytest.approx((6 + 3) / (17 + 3))


def test_the_flow_counts_each_stage_and_names_the_bottleneck(reader: PinnedReader):
    found = flow.stages(reader, DAY)
    assert [stage.count for stage in found.stages] == [99, 99, 96, 96, 96]  # three were refused
    assert (found.refused, found.unreadable, found.unseen, found.waiting) == (3, 0, 0, 0)
    assert found.stages[1].p50_s == pytest.approx((4 + 7200) / 2)  # half of the captures take 4 s, half 2 h
    assert found.stages[3].p50_s is None  # no run of this lake tells when it pinned its sources
    assert found.bottleneck is not None
    assert found.bottleneck.name == "archived"  # the one ingest ran after the end


def test_arrivals_are_compared_with_the_same_hour_of_the_past(reader: PinnedReader):
    told = flow.arrivals(reader, Filters(END.replace(hour=5, minute=0), END))
    assert told.rows["captures"].sum() == 28
    assert told.basis == ""  # the story is 24 h long: there is no past to compare with
    assert told.rows["usual"].isna().all()


def test_costs_are_per_thousand_captures_received(reader: PinnedReader):
    window = Filters(END - timedelta(hours=48), END + timedelta(hours=3))
    rows = flow.costs(reader, window).set_index("step")
    assert rows.loc["ingest", "seconds_k"] == pytest.approx(1.5 / 96 * 1000)
    assert rows["cost_k"].isna().all()  # no rate is set


def test_a_viewer_of_one_store_gets_nothing_of_another(lake: Lake):
    versions = tuple(lake.versions(TABLES).items())
    north = PinnedReader(versions, lake.dataset, ("north",))
    assert set(queries.estate(north)["store_id"]) == {"north"}
    assert int(queries.totals(north, DAY).iloc[0]["captures"]) == 48
    for table in ("views_quality", "views_crops", "images", "views_inventory", "rejected", "planograms"):
        mine = north.frame(f"SELECT count(*) AS n FROM {table}")["n"].iloc[0]
        everyone = PinnedReader(versions, lake.dataset).frame(f"SELECT count(*) AS n FROM {table}")["n"].iloc[0]
        assert 0 < mine < everyone, table
    nobody = PinnedReader(versions, lake.dataset, ())
    assert queries.estate(nobody).empty


def test_a_given_query_is_asked_once_and_the_oldest_is_dropped(reader: PinnedReader):
    givens = [Given("SELECT $n AS n", {"n": number}) for number in range(KEPT + 1)]
    for number, given in enumerate(givens):
        assert reader.frame("SELECT n FROM given", None, given)["n"].iloc[0] == number
        assert reader.frame("SELECT n + 1 AS n FROM given", None, given)["n"].iloc[0] == number + 1
    assert reader.frame("SELECT n FROM given", None, givens[0])["n"].iloc[0] == 0


def shelf_boxes(*rows: tuple[int, str]) -> list[Box]:
    """A box a letter, 100 wide and 200 high, rows by their bottom."""
    return [Box(sku, 110 * k, y1 - 200, 110 * k + 100, y1) for y1, skus in rows for k, sku in enumerate(skus)]


PLAN = {0: {"a": 2, "b": 1}, 1: {"c": 2}, 2: {"d": 1, "e": 1}}


def test_boxes_are_placed_on_the_shelf_they_stand_on():
    placed = place(shelf_boxes((300, "aab"), (600, "cc"), (900, "de")), PLAN)
    assert placed is not None
    assert [each.shelf for each in placed] == [0, 0, 0, 1, 1, 2, 2]
    assert {each.verdict for each in placed} == {"in place"}


def test_a_stranger_and_a_wanderer_are_told_apart_with_what_their_shelf_lacks():
    placed = place(shelf_boxes((300, "aax"), (600, "ca"), (900, "de")), PLAN)
    assert placed is not None
    odd = {
        (each.box.label, each.shelf): (each.verdict, each.instead_of) for each in placed if each.verdict != "in place"
    }
    assert odd == {("x", 0): ("not planned", ("b",)), ("a", 1): ("other shelf", ("c",))}


def test_an_empty_shelf_does_not_shift_the_others():
    placed = place(shelf_boxes((300, "aab"), (900, "de")), PLAN)
    assert placed is not None
    assert {(each.box.label, each.shelf) for each in placed} == {("a", 0), ("b", 0), ("d", 2), ("e", 2)}


def test_positions_that_can_not_be_matched_are_not_judged():
    assert place(shelf_boxes((300, "a"), (600, "c"), (900, "d"), (1200, "e")), PLAN) is None  # more rows than shelves
    assert place(shelf_boxes((300, "xyz")), PLAN) is None  # nothing of the plan is on it
    assert place([], PLAN) is None
    assert [len(row) for row in rows_of(shelf_boxes((300, "aa"), (330, "b"), (600, "c")))] == [
        3,
        1,
    ]  # a tilt is no shelf


def test_lineage_names_are_quoted_in_the_graph():
    rows = pd.DataFrame({"step": ["crops"], "version": [2], "sources": ['{"master/images\\"]; evil [": 3}']})
    graph = lineage_graph(rows)
    assert graph is not None
    assert '"master/images\\"]; evil [" -> "views/crops";' in graph
    assert lineage_graph(rows.assign(sources="none")) is None


def test_what_no_rebuild_covers_yet_waits_and_lacks_no_annotation(shop: ModuleType, tmp_path: Path):
    built = shop.build(tmp_path / "lake")
    at = END + timedelta(minutes=5)
    last = built.read("master/captures").sort_by("captured_at").slice(95).to_pylist()[0]
    capture = {**last, "capture_id": "c-new", "captured_at": at, "received_at": at}  # its photo is scored already
    run = {"run_id": "run-2", "engine": "embedded", "status": "ok", "started_at": at}
    ingest = {**run, "step": "ingest", "finished_at": at + timedelta(minutes=1)}
    inventory = {**run, "step": "inventory", "pinned_at": at - timedelta(minutes=1), "finished_at": at}
    for name, rows in (("master/captures", [capture]), ("runs", [ingest, inventory])):
        schema = TABLES[name].schema
        built.append_new(name, conform(pa.Table.from_pylist(rows, schema), schema))
    reader = PinnedReader(tuple(built.versions(TABLES).items()), built.dataset)
    found = flow.stages(reader, Filters(DAY.start, at))
    assert (found.stages[2].count, found.stages[3].count, found.stages[4].count) == (97, 97, 96)
    assert (found.unbuilt, found.unseen) == (1, 0)


def test_arrivals_count_what_batch_lacks(reader: PinnedReader):
    hour = pd.Timestamp(END).floor("h")
    more = pd.DataFrame({"hour": [hour], "captures": [3]})
    before, after = flow.arrivals(reader, DAY).rows, flow.arrivals(reader, DAY, more).rows
    assert (after["captures"] - before["captures"]).tolist() == [0.0] * (len(before) - 1) + [3.0]
