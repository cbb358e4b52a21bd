"""Inventory: facings now beside the plan, and over time."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from serving import charts, queries, show
from serving.data import ask
from serving.filters import chosen, share

DEVICES_SHOWN = 40
SKUS_SHOWN = 60


def with_states(current: pd.DataFrame) -> pd.DataFrame:
    """The current inventory with `verdict` (a key of theme.STATES) and `shown` ("2/4", "?")."""

    def verdict(row: pd.Series) -> str:
        if row["state"] == "unknown" or pd.isna(row["facings"]):
            return "unknown"
        if row["facings"] == 0:
            return "out of stock"
        return "below plan" if pd.notna(row["expected"]) and row["facings"] < row["expected"] else "at plan"

    def shown(row: pd.Series) -> str:
        have = "?" if row["verdict"] == "unknown" else f"{int(row['facings'])}"
        return have if pd.isna(row["expected"]) else f"{have}/{int(row['expected'])}"

    rows = current.assign(verdict=[verdict(row) for _, row in current.iterrows()])
    return rows.assign(shown=[shown(row) for _, row in rows.iterrows()])


def render() -> None:
    """Draws the page."""
    show.header(
        "Inventory", "Facings of each device's latest trusted photo, beside the planogram. Unknown is grey, never zero."
    )
    current = ask(queries.current_inventory, chosen())
    if current.empty:
        show.nothing(
            "No inventory in this window.",
            "Widen the filters, or ingest annotations and build the view:",
            "facings rebuild inventory --lake LAKE",
        )
        return
    current = with_states(current)
    tally = current["verdict"].value_counts()
    planned = current[current["expected"].notna()]
    show.figures(
        [
            (
                "At plan",
                f"{tally.get('at plan', 0):,}",
                "SKUs at a device with all their planned facings, or with no plan.",
            ),
            ("Below plan", f"{tally.get('below plan', 0):,}", "SKUs with fewer facings than planned."),
            ("Out of stock", f"{tally.get('out of stock', 0):,}", "SKUs without a facing on the latest trusted photo."),
            ("Unknown", f"{tally.get('unknown', 0):,}", "SKUs at devices without a trusted photo in the last 12 h."),
            (
                "Facings",
                f"{int(current['facings'].sum()):,}",
                f"Of {int(planned['expected'].sum()):,} planned; unknown devices are not counted.",
            ),
        ]
    )
    heat(current)
    st.divider()
    timeline(current)
    show.section("All current facings")
    listing(current)


def heat(current: pd.DataFrame) -> None:
    """Device by SKU."""
    show.section("Now, by device and SKU", "Each cell: facings seen / facings planned.")
    devices = list(dict.fromkeys(current["device_id"]))
    bad = current[current["verdict"] != "at plan"].groupby("sku").size()
    skus = sorted(current["sku"].unique(), key=lambda sku: -int(bad.get(sku, 0)))[:SKUS_SHOWN]
    drawn = current[current["device_id"].isin(devices[:DEVICES_SHOWN]) & current["sku"].isin(skus)]
    st.altair_chart(
        charts.heat_map(
            drawn.drop(columns="state").rename(columns={"verdict": "state"})[
                ["device_id", "sku", "state", "shown", "seen_at"]
            ]
        )
    )
    if len(devices) > DEVICES_SHOWN or current["sku"].nunique() > SKUS_SHOWN:
        st.caption(
            f"Showing {min(len(devices), DEVICES_SHOWN)} of {len(devices)} devices"
            f" and {len(skus)} of {current['sku'].nunique()} SKUs, those with most gaps first."
        )


def timeline(current: pd.DataFrame) -> None:
    """Facings of one SKU in one device over time."""
    show.section("Over time", "Hollow points are photos that could not be trusted; the dashed line is the plan.")
    left, right = st.columns(2)
    order = current.sort_values(
        ["verdict", "expected"],
        key=lambda c: c.map({"out of stock": 0, "below plan": 1}).fillna(2) if c.name == "verdict" else -c.fillna(0),
    )
    devices = list(dict.fromkeys(order["device_id"]))
    device = left.selectbox("Device in the chart", devices, key="shelf", bind="query-params")
    skus = list(dict.fromkeys(order.loc[order["device_id"] == device, "sku"]))
    sku = right.selectbox("SKU", skus, key="sku", bind="query-params")
    if device is None or sku is None:
        return
    rows = ask(queries.facings_over_time, chosen(), device, sku)
    if rows["facings"].notna().sum() == 0:
        st.caption("No photo of it could be read in this window.")
        return
    st.altair_chart(charts.facings_line(rows))
    st.page_link(
        "screens/captures.py", label=show.inert(f"Photos of {device} with {sku}"), icon=":material/photo_camera:",
        query_params=share(device=[device], label=sku),
    )  # fmt: skip


def listing(current: pd.DataFrame) -> None:
    """The table behind the map."""
    rows = current.assign(seen=show.times(current["seen_at"]), out=show.times(current["out_since"]))
    ranks = {"out of stock": 0, "below plan": 1, "unknown": 2, "at plan": 3}
    rows = rows.sort_values("verdict", key=lambda column: column.map(ranks), kind="stable")
    names = {
        "verdict": "State",
        "store_id": "Store",
        "device_id": "Device",
        "sku": "SKU",
        "facings": "Facings",
        "expected": "Planned",
    }
    show.table(rows.head(1000), {**names, "out": "Out since (UTC)", "seen": "Photo (UTC)"}, matching=len(rows))


render()
