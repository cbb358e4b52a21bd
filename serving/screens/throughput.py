"""Throughput: how captures flow from the camera into the views, and where they wait."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from serving import charts, queries, show
from serving.data import ask
from serving.filters import chosen

STAGES = {"capture_to_receipt": "Capture to receipt", "receipt_to_view": "Receipt to view"}


def render() -> None:
    """Draws the page."""
    show.header("Throughput", "How captures flow from the camera into the views, and where they wait.")
    flow = ask(queries.throughput, chosen())
    if flow.empty:
        show.nothing(
            "No throughput in this window.",
            "Widen the filters, or build the view:",
            "facings rebuild throughput --lake LAKE",
        )
        return
    totals = ask(queries.totals, chosen()).iloc[0]
    captures = int(totals["captures"])
    twice = int(totals["captures"] - totals["images"])
    show.figures(
        [
            ("Captures", f"{captures:,}", "Records taken in the chosen time."),
            (
                "Distinct photos",
                f"{int(totals['images']):,}",
                f"{twice:,} captures show a photo that another one has too: sent twice, or the same scene file.",
            ),
            (
                "Same photo again",
                f"{twice:,}",
                "Captures beyond the first with the same content; stored and processed once.",
            ),
            (
                "Late",
                show.percent(int(flow["late"].sum()), captures),
                f"{int(flow['late'].sum()):,} captures arrived later than allowed.",
            ),
            ("Refused", f"{int(flow['rejected'].sum()):,}", "Records and photos that could not be taken."),
            ("Volume", show.size(float(flow["bytes"].sum())), "Bytes of distinct photos."),
        ]
    )
    st.info(bottleneck(flow), icon=":material/hourglass_top:")
    show.section("Captures an hour, by store")
    st.altair_chart(
        charts.bars_by_hour(
            flow.loc[flow["captures"] > 0, ["hour", "store_id", "captures"]], "captures", "store_id", title="captures"
        )
    )
    stages(flow)
    show.section("Devices")
    devices(flow)


def weighted(rows: pd.DataFrame, column: str) -> float:
    """Median of an hourly figure, weighted by its captures; NaN where there is none."""
    known = rows[rows[column].notna() & (rows["captures"] > 0)]
    if known.empty:
        return float("nan")
    known = known.sort_values(column)
    return float(known.loc[known["captures"].cumsum() >= known["captures"].sum() / 2, column].iloc[0])


def bottleneck(flow: pd.DataFrame) -> str:
    """The stage that takes longest, and the store that is slowest to deliver, in a sentence."""
    typical = {name: weighted(flow, f"{name}_p50_s") for name in STAGES}
    known = {name: value for name, value in typical.items() if pd.notna(value)}
    if not known:
        return "No stage has been timed yet."
    slow = max(known, key=lambda name: known[name])
    text = f"The bottleneck is {STAGES[slow].lower()}: typically {show.span(known[slow])}."
    if others := [f"{STAGES[name].lower()} {show.span(value)}" for name, value in known.items() if name != slow]:
        text = f"{text[:-1]}, beside {' and '.join(others)}."
    stores = {str(store): weighted(rows, "capture_to_receipt_p50_s") for store, rows in flow.groupby("store_id")}
    stores = {store: value for store, value in stores.items() if pd.notna(value)}
    if len(stores) > 1:
        worst = max(stores, key=lambda store: stores[store])
        usual = show.span(float(pd.Series([v for s, v in stores.items() if s != worst]).median()))
        text += f" Slowest to deliver is {worst}: typically {show.span(stores[worst])}; the others take {usual}."
    return show.inert(text)


def stages(flow: pd.DataFrame) -> None:
    """Latency of each stage by hour: the median device's median, and the worst device's p99."""
    for column, (stage, title) in zip(st.columns(len(STAGES)), STAGES.items(), strict=True):
        hourly = flow.groupby("hour", as_index=False).agg(
            p50=(f"{stage}_p50_s", "median"), p99=(f"{stage}_p99_s", "max")
        )
        hourly = hourly.dropna()
        hourly[["p50", "p99"]] = hourly[["p50", "p99"]].clip(lower=0.01)
        with column:
            show.section(title, "p50: the median of the devices' medians. p99: the slowest device's. Logarithmic.")
            if hourly.empty:
                st.caption("Not timed in this window.")
            else:
                st.altair_chart(charts.latency(hourly))


def devices(flow: pd.DataFrame) -> None:
    """Totals of each device."""
    keys = ["store_id", "device_id"]
    rows = flow.groupby(keys, as_index=False)[["captures", "images", "late", "rejected", "unreadable", "bytes"]].sum()
    typical = [show.span(weighted(group, "capture_to_receipt_p50_s")) for _, group in flow.groupby(keys)]
    rows = rows.assign(typical=typical, megabytes=(rows["bytes"] / 1e6).round(1)).sort_values(
        ["late", "captures"], ascending=False
    )
    names = {"store_id": "Store", "device_id": "Device", "captures": "Captures", "images": "Photos", "late": "Late"}
    more = {"rejected": "Refused", "unreadable": "Unreadable", "megabytes": "MB", "typical": "Typical delivery"}
    show.table(rows.head(500), {**names, **more}, matching=len(rows), formats={"megabytes": "%.1f"})


render()
