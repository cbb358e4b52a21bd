"""The figures that the dashboard shows, beside the known truth of simulated stores."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from facings.settings import Settings
from facings.story import run_demo
from lake import Lake
from schemas.tables import TABLES
from serving import flow, queries, retail
from serving.queries import Filters
from serving.reader import PinnedReader
from serving.shelves import Box, place

UNTIL = datetime(2026, 3, 2, 18, tzinfo=UTC)
LATEST = timedelta(minutes=2)  # a photo is taken while the door is open, truth counts from when it closed

Told = tuple[PinnedReader, dict[str, Any], Filters]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    lake = Lake.open(tmp_path_factory.mktemp("figures"), create=True)
    run_demo(lake, Settings(), seed=7, until=UNTIL, hours=30, stores=3, steps=2, progress=lambda *_: None)
    truth = json.loads((Path(lake.storage.root) / "demo" / "truth.json").read_text())
    reader = PinnedReader(tuple(lake.versions(TABLES).items()), lake.dataset)
    now = queries.newest(reader)
    assert now is not None
    return reader, truth, Filters(now - timedelta(hours=48), now)


def latest_trusted(truth: dict[str, Any], now: datetime) -> dict[str, dict[str, Any]]:
    """The latest capture of each device that counts, as the truth has it; none where it is stale."""
    found: dict[str, dict[str, Any]] = {}
    for each in truth["captures"].values():
        at = datetime.fromisoformat(each["captured_at"])
        if each["outcome"] == "accepted" and each["trusted"] and at > now - queries.STALE_AFTER:
            best = found.get(each["device_id"])
            if best is None or at > datetime.fromisoformat(best["captured_at"]):
                found[each["device_id"]] = each
    return found


def test_facings_are_those_of_the_latest_photo_that_counts(told: Told) -> None:
    reader, truth, filters = told
    places = retail.places(reader, filters)
    known = places[places["facings"] > 0]
    seen = {device: dict(rows[["sku", "facings"]].values) for device, rows in known.groupby("device_id")}
    real = {device: {sku: n for sku, n in each["seen"].items() if n} for device, each in
            latest_trusted(truth, filters.end).items()}  # fmt: skip
    assert seen == real
    assert len(real) > 4


def test_out_of_stock_and_since_when(told: Told) -> None:
    reader, truth, filters = told
    out = retail.out_of_stock(retail.places(reader, filters))
    known = set(latest_trusted(truth, filters.end))
    real = {(o["device_id"], o["sku"]): o for o in truth["out_of_stock"] if o["device_id"] in known}
    assert set(zip(out["device_id"], out["sku"], strict=True)) == set(real)
    assert real
    for row in out.to_dict("records"):
        since = datetime.fromisoformat(real[row["device_id"], row["sku"]]["since"])
        least, most = retail.duration_s(row["out_since"], row["full_at"], filters.end)
        true_s = (filters.end - since).total_seconds()
        assert true_s <= least + LATEST.total_seconds()
        assert most is None or least - LATEST.total_seconds() <= true_s <= most + LATEST.total_seconds()


def test_availability_compliance_and_share_of_shelf(told: Told) -> None:
    reader, truth, filters = told
    places = retail.places(reader, filters)
    latest = latest_trusted(truth, filters.end)
    planned = {(device, sku): n for device, plan in truth["planograms"].items() for sku, n in plan.items()}
    known = {key: n for key, n in planned.items() if key[0] in latest}
    have = {key: latest[key[0]]["seen"].get(key[1], 0) for key in known}
    found = retail.availability(places)
    assert (found.part, found.whole) == (sum(n > 0 for n in have.values()), len(known))
    assert found.low == pytest.approx(found.part / len(planned))
    assert found.high == pytest.approx((found.part + len(planned) - len(known)) / len(planned))
    kept = retail.compliance(places)
    assert (kept.part, kept.whole) == (sum(min(have[key], n) for key, n in known.items()), sum(known.values()))
    total = Counter[str]()
    for each in latest.values():
        total.update(each["seen"])
    shares = retail.share_of_shelf(places).set_index("sku")["share"]
    assert {sku: round(share, 12) for sku, share in shares.items() if share > 0} == {
        sku: round(n / total.total(), 12) for sku, n in total.items() if n
    }


def test_coverage_and_what_is_unknown(told: Told) -> None:
    reader, truth, filters = told
    places = retail.places(reader, filters)
    latest = latest_trusted(truth, filters.end)
    devices = {each["device_id"] for each in truth["captures"].values() if each["outcome"] != "rejected"}
    found = retail.coverage(places, queries.estate(reader))
    assert (found.part, found.whole) == (len(latest), len(devices | set(truth["planograms"])))
    unknown = places[places["state"] == "unknown"]
    assert set(unknown["device_id"]) == {d for d in devices | set(truth["planograms"]) if d not in latest}
    assert unknown["facings"].isna().all()


def test_what_is_misplaced_and_where(told: Told) -> None:
    reader, truth, filters = told
    places, misplaced = retail.places(reader, filters), truth["misplaced"]
    off = retail.deviations(places)
    strangers = off[off["kind"] == "not planned"]
    assert set(zip(strangers["device_id"], strangers["sku"], strict=True)) == {
        (misplaced["device_id"], misplaced["sku"])
    }
    for device in latest_trusted(truth, filters.end):
        plan: dict[int, dict[str, int]] = {}
        for row in queries.plan_of(reader, device, filters.end).to_dict("records"):
            plan.setdefault(row["shelf"], {})[row["sku"]] = row["facings"]
        name = places.loc[(places["device_id"] == device) & places["facings"].notna(), "capture_id"].iloc[0]
        sha256 = queries.capture(reader, str(name))["sha256"].iloc[0]
        crops = queries.crops_of(reader, sha256)[["label", "x0", "y0", "x1", "y1"]].to_dict("records")
        placed = place([Box(**{str(name): value for name, value in row.items()}) for row in crops], plan)
        if not plan:
            continue
        assert placed is not None, device
        odd = [each for each in placed if each.verdict != "in place"]
        if device != misplaced["device_id"]:
            assert not odd, device
        else:
            assert {(each.box.label, each.verdict) for each in odd} == {(misplaced["sku"], "not planned")}
            assert all(misplaced["instead_of"] in each.instead_of for each in odd)


def test_the_flow_loses_nothing(told: Told) -> None:
    reader, truth, filters = told
    found = flow.stages(reader, Filters(filters.start, UNTIL + timedelta(days=400)))
    outcomes = Counter(each["outcome"] for each in truth["captures"].values())
    assert found.stages[2].count == outcomes["accepted"] + outcomes["unreadable"]
    assert found.unreadable == outcomes["unreadable"]
    assert found.stages[3].count == outcomes["accepted"]
    assert found.stages[4].count == outcomes["accepted"]
    assert found.refused == sum(truth["rejects"].values())
