"""Every figure leads to what it counts: the number shown is the number of rows that its link lists."""

from __future__ import annotations

import re
from datetime import timedelta
from types import ModuleType
from urllib.parse import parse_qs

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from lake import Lake
from lake.parquet import conform
from schemas.tables import TABLES
from serving import found
from serving.queries import EVERYTHING
from serving.reader import PinnedReader

LISTS = {"captures": 0, "rejected": 0, "runs": -1}  # which of the page's tables is the list


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory, shop: ModuleType) -> str:
    """The small lake, with a capture of each fate: repeated, unreadable, not scored, not built yet, not annotated."""
    lake: Lake = shop.build(tmp_path_factory.mktemp("links") / "lake")
    at = shop.END
    last = lake.read("master/captures").sort_by("captured_at").slice(95).to_pylist()[0]
    scored = lake.read("views/quality").slice(0, 1).to_pylist()[0]

    def capture(name: str, minutes: int, sha256: str) -> dict:
        taken = at + timedelta(minutes=minutes)
        return {**last, "capture_id": name, "captured_at": taken, "received_at": taken, "sha256": sha256}

    run = {"run_id": "run-2", "engine": "embedded", "status": "ok", "started_at": at}
    add = {
        "master/captures": [
            capture("c-repeated", 1, last["sha256"]),
            capture("c-unreadable", 2, "b" * 64),
            capture("c-not-scored", 3, "c" * 64),
            capture("c-unannotated", 4, "d" * 64),
            capture("c-unbuilt", 30, "e" * 64),
        ],
        "runs": [
            {**run, "step": "ingest", "finished_at": at + timedelta(minutes=10)},
            {**run, "step": "inventory", "finished_at": at + timedelta(minutes=20),
             "pinned_at": at + timedelta(minutes=15)},
            {**run, "run_id": "run-3", "step": "ingest", "finished_at": at + timedelta(minutes=40)},
            {**run, "run_id": "run-3", "step": "crops", "status": "failed", "finished_at": at},
            {**run, "run_id": "run-4", "step": "crops", "finished_at": at, "rows_in": 9, "rows_ok": 8,
             "rows_skipped": 0, "rows_rejected": 0},
        ],
        "checks": [
            {"run_id": "run-4", "checked_at": at, "rule": rule, "level": "fail", "status": status}
            for rule, status in (("fresh", "broken"), ("whole", "ok"))
        ],
        "master/replays": [{"reject_id": "r-1", "replayed_at": at, "outcome": "ok"}],
    }  # fmt: skip
    for name, rows in add.items():
        schema = TABLES[name].schema
        told = [{"ingest_date": at.date(), **row} for row in rows] if "ingest_date" in schema.names else rows
        lake.append_new(name, conform(pa.Table.from_pylist(told, schema), schema))
    quality = lake.read("views/quality").to_pylist()
    views = {
        "views/unreadable": [{"sha256": "b" * 64, "reason": "truncated"}],
        "views/quality": [*quality, {**scored, "sha256": "d" * 64}, {**scored, "sha256": "e" * 64}],
    }
    for name, told in views.items():
        schema = TABLES[name].schema
        lake.replace(name, conform(pa.Table.from_pylist(told, schema), schema).to_batches(), scopes=None)
    return lake.storage.root


def words(app: AppTest) -> str:
    texts = [str(each.value) for kind in (app.caption, app.markdown) for each in kind]
    return "\n".join(texts).replace("\\", "")


def links(app: AppTest) -> list[tuple[str, str, dict[str, list[str]]]]:
    """Links in the page itself: page, label, parameters."""
    return [
        (each.proto.page, each.proto.label, parse_qs(each.proto.query_string)) for each in app.main.get("page_link")
    ]


def listed(app: AppTest, page: str) -> int:
    return len(app.dataframe[LISTS[page]].value) if len(app.dataframe) else 0


def value(app: AppTest, label: str) -> str:
    return next(metric.value for metric in app.metric if metric.label == label)


@pytest.mark.parametrize(
    "page,which,figure,count",
    [
        ("throughput", "repeated photo", r"^1$", 1),
        ("throughput", "late", r"(\d+) captures", 48),
        ("throughput", "distinct photo", r"(\d+) photos", 100),
        ("quality", "scored", r"^(\d+)$", 99),
        ("quality", "unreadable", r"^(\d+)$", 1),
    ],
)
def test_a_figure_counts_what_its_link_lists(open_page, uri: str, page: str, which: str, figure: str, count: int):
    labels = {"repeated photo": "Same photo again", "scored": "Photos scored", "unreadable": "Unreadable"}
    app = open_page(uri, page)
    shown = value(app, labels[which]) if which in labels else words(app)
    told = re.search(figure, shown)
    assert told is not None
    assert int(told[told.lastindex or 0]) == count
    assert [params["which"] for to, _, params in links(app) if to == "captures" and params.get("which") == [which]]
    assert listed(open_page(uri, "captures", which=which), "captures") == count


def test_each_stage_counts_what_its_links_list(open_page, uri: str):
    shown = {
        label: (to, params) for to, label, params in links(open_page(uri, "throughput")) if re.match(r"[\d,]+ ", label)
    }
    assert set(shown) == {
        "3 refused", "101 captures", "99 captures", "96 captures", "1 unreadable", "1 waiting",
        "2 without annotation", "1 wait for the next rebuild",
    }  # fmt: skip
    for label, (page, params) in shown.items():
        assert listed(open_page(uri, page, **params), page) == int(label.split()[0]), label


@pytest.mark.parametrize("which", found.WHICH)
def test_a_word_counts_what_it_lists_and_worst_first_leaves_out_what_has_no_score(uri: str, which: str):
    lake = Lake.open(uri)
    reader = PinnedReader(tuple(lake.versions(TABLES).items()), lake.dataset)
    newest = found.captures(reader, EVERYTHING, which=which)
    assert found.count(reader, EVERYTHING, which) == len(newest)
    assert set(newest["matching"]) <= {len(newest)}
    worst = found.captures(reader, EVERYTHING, which=which, order="worst")
    assert set(worst["capture_id"]) == set(newest.loc[newest["p_good"].notna(), "capture_id"])
    assert worst["p_good"].is_monotonic_increasing


def test_captures_of_a_day_list_a_day(open_page, uri: str):
    app = open_page(uri, "overview")
    (params,) = [params for to, label, params in links(app) if to == "captures" and label == "Newest"]
    assert params["range"] == ["24h"]
    assert listed(open_page(uri, "captures", **params), "captures") == int(value(app, "Captures, 24 h"))


@pytest.mark.parametrize(
    "page,figure,button,count",
    [
        ("rejected", "Reasons", "Its 1", 1),
        ("rejected", "Devices", "Its 1", 1),
        ("rejected", "Still open", "Which", 2),
        ("rejected", "Origin unknown", "Which", 1),
        ("runs", "Runs", "Last steps", 4),
        ("runs", "Steps", "Every one", 10),
        ("runs", "Failed steps", "Which", 1),
        ("runs", "Unaccounted", "Which", 1),
    ],
)
def test_a_figure_narrows_the_list_of_its_own_page(
    open_page, uri: str, page: str, figure: str, button: str, count: int
):
    app = open_page(uri, page)
    chosen = app.button(key=f"choose-{figure}")
    assert chosen.label == button
    shown = int(value(app, figure)) if "Its" not in button else int(button.split()[1])
    chosen.click().run()
    assert not app.exception
    assert listed_below(app, page) == shown == count


@pytest.mark.parametrize(
    "figure,count,params",
    [("Out of stock", 1, {}), ("Missing facings", 2, {}), ("Unknown", 3, {"device": "cooler-2", "range": "6h"})],
)
def test_a_figure_of_the_inventory_narrows_its_places(
    open_page, uri: str, figure: str, count: int, params: dict[str, str]
):
    app = open_page(uri, "inventory", **params)
    shown = value(app, figure)
    app.button(key=f"choose-{figure}").click().run()
    assert not app.exception
    (places,) = [table.value for table in app.dataframe if "verdict" in table.value]
    assert len(places) == count
    missing = figure == "Missing facings"  # it counts facings, and says at how many places
    assert int(shown) == (int((places["expected"] - places["facings"]).sum()) if missing else count)


def listed_below(app: AppTest, page: str) -> int:
    name = {"rejected": "reason", "runs": "run_id"}[page]
    tables = [table.value for table in app.dataframe if name in table.value and len(table.value.columns) > 6]
    return len(tables[-1])


def test_broken_checks_are_listed(open_page, uri: str):
    app = open_page(uri, "runs")
    assert value(app, "Checks broken") == "1 of 2"
    app.button(key="choose-Checks broken").click().run()
    (rules,) = [table.value for table in app.dataframe if "rule" in table.value]
    assert list(rules["rule"]) == ["fresh"]
