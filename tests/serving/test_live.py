"""Figures of both layers over the small lake with realtime rows, each against a value computed by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import ModuleType, SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from lake import Lake
from lake.parquet import conform
from schemas.tables import TABLES
from serving import flow, live
from serving.merge import Merged
from serving.queries import Filters, estate
from serving.reader import PinnedReader


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, shop: ModuleType) -> SimpleNamespace:
    """The small lake, 96 captures of which 48 are late and 3 refusals, and 7 events that only the speed layer saw.

    Of these 5 tell of captures (2 late, 4 scored, 3 of those usable), 2 could not be parsed. And one capture that was
    archived after the last rebuild of the views, with a photo that is scored.
    """
    lake: Lake = shop.build(tmp_path_factory.mktemp("both") / "lake")
    newest = shop.live(lake)
    last = lake.read("master/captures").sort_by("captured_at").slice(95).to_pylist()[0]
    capture = {**last, "capture_id": "c-new", "received_at": shop.END + timedelta(minutes=30)}
    at = shop.END + timedelta(minutes=10)
    run = {"run_id": "run-2", "engine": "embedded", "status": "ok", "started_at": at, "finished_at": at}
    built = [{**run, "step": step, "pinned_at": at} for step in ("inventory", "throughput")]
    for name, rows in (("master/captures", [capture]), ("runs", built)):
        schema = TABLES[name].schema
        lake.append_new(name, conform(pa.Table.from_pylist(rows, schema), schema))
    return SimpleNamespace(lake=lake, at=at, end=newest)


def day(end: datetime) -> Filters:
    return Filters(end - timedelta(hours=48), end)


@pytest.fixture(scope="module")
def now(both: SimpleNamespace) -> live.Live:
    return live.live(Merged(both.lake), day(both.end).params(), 0.5)


def test_each_figure_of_both_layers_is_batchs_and_what_only_live_knows(both: SimpleNamespace, now: live.Live):
    assert len(now.waiting) == 5
    hourly = now.hourly.set_index("hour")
    assert hourly["late"].sum() == 48 + 2
    assert hourly["rejected"].sum() == 0 + 2  # this lake's hourly view has no refusals
    newest = hourly.loc[pd.Timestamp(both.end).floor("h")]
    assert [int(newest[name]) for name in ("captures", "late", "rejected", "waiting")] == [4 + 5, 2 + 2, 2, 5]
    assert hourly["waiting"].drop(pd.Timestamp(both.end).floor("h")).sum() == 0
    assert (now.rate, now.latency_p50_s) == (0.8, 0.5)
    assert now.seen_at == both.end + timedelta(minutes=1)
    assert now.usable.basis == "sample"  # four of the five that wait were scored
    assert now.usable.value == pytest.approx((91 + 5 * 3 / 4) / (97 + 5))  # c-new shows a usable photo of batch


def test_arrivals_take_the_hours_that_only_live_knows(both: SimpleNamespace, now: live.Live):
    reader = PinnedReader(tuple(both.lake.versions(TABLES).items()), both.lake.dataset)
    more = now.hourly.assign(captures=now.hourly["waiting"])
    rows = flow.arrivals(reader, day(both.end), more).rows.set_index("hour")["captures"]
    assert rows.sum() == 96 + 5
    assert rows.loc[pd.Timestamp(both.end).floor("h")] == 4 + 5


def test_refusals_that_only_live_knows_are_named(now: live.Live):
    assert live.refused_note(now) == "exact; 2 more live"
    assert live.refused_note(None) == "exact"


def test_a_view_that_lags_says_its_age(both: SimpleNamespace):
    reader = PinnedReader(tuple(both.lake.versions(TABLES).items()), both.lake.dataset)
    assert flow.behind(reader, day(both.end), "inventory") == both.at
    assert flow.behind(reader, day(both.end), "quality") is None  # no run tells when it pinned its sources
    other = Filters(both.end - timedelta(hours=48), both.end, devices=("cooler-1",))
    assert flow.behind(reader, other, "inventory") is None  # nothing of that device came in since
    assert int(estate(reader)["captures"].sum()) == 97


def shown(app: AppTest) -> str:
    return "\n".join(str(each.value) for kind in (app.caption, app.markdown) for each in kind).replace("\\", "")


def test_the_pages_show_them(open_page, both: SimpleNamespace):
    app = open_page(both.lake.storage.root, "throughput")
    assert not app.exception
    values = {metric.label: metric.value for metric in app.metric}
    assert values["Only live"] == "5"
    assert values["Captures, merged"] == "102"  # 97 archived, 5 on the way
    assert values["Late"] == "50.0 %"
    text = shown(app)
    assert "51 captures of 102" in text  # the one that came in since took 35 min
    assert "view as of 02 Mar 12:10" in text
    assert "1 wait for the next rebuild" in [link.proto.label for link in app.main.get("page_link")]
    app = open_page(both.lake.storage.root, "overview")
    assert "5 live, not in the views yet" in shown(app)
    assert "view as of 02 Mar 12:10" in shown(app)
