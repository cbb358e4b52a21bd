"""Inventory: facings now beside the plan, the shelf as it was seen last, and how it came to that."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from serving import flow, retail, shelf, shelf_charts, show
from serving.data import ask
from serving.filters import chosen, share
from serving.show import Figure, Link
from serving.theme import STATES

DEVICES_SHOWN = 40
SKUS_SHOWN = 60
SHARES_SHOWN = 15
_RANKS = {"out of stock": 0, "below plan": 1, "unknown": 2, "at plan": 3}


def with_verdicts(places: pd.DataFrame) -> pd.DataFrame:
    """The places with `verdict` (a key of theme.STATES) and `shown` ("2/4", "?")."""
    have, wanted = places["facings"], places["expected"]
    verdict = pd.Series("at plan", index=places.index)
    verdict[have < wanted.fillna(0)] = "below plan"
    verdict[(have == 0) & (wanted.fillna(0) > 0)] = "out of stock"
    verdict[have.isna()] = "unknown"
    shown = have.map(lambda n: "?" if pd.isna(n) else f"{int(n)}")
    shown += wanted.map(lambda n: "" if pd.isna(n) else f"/{int(n)}")
    return places.assign(verdict=verdict, shown=shown)


def render() -> None:
    """Draws the page."""
    show.header(
        "Inventory", "Facings of each device's latest trusted photo, beside the planogram. Unknown is grey, never zero."
    )
    every = ask(retail.places, chosen())
    if every.empty:
        show.nothing(
            "No inventory in this window.",
            "Widen the filters, or ingest annotations and build the view:",
            "facings rebuild inventory --lake LAKE",
        )
        return
    places = with_verdicts(every)
    headline(places)
    states = st.segmented_control(
        "State", list(STATES), selection_mode="multi", key="state", bind="query-params", label_visibility="collapsed",
        help="Only these places",
    )  # fmt: skip
    shown = places[places["verdict"].isin(states)] if states else places
    heat(shown)
    st.divider()
    one_shelf(places)
    st.divider()
    show.section("Every place", "A place is a SKU in a device: planned there, or seen there.")
    listing(shown)
    shares(every)


def headline(places: pd.DataFrame) -> None:
    """The row of figures."""
    tally = places["verdict"].value_counts()
    available, kept = retail.availability(places), retail.compliance(places)
    off = retail.deviations(places)
    unknown = int(places.loc[places["state"] == "unknown", "device_id"].nunique())
    short = off[off["gap"] < 0]
    hidden = int((retail.planned(places)["state"] == "unknown").sum())
    beyond = off[off["kind"].isin(["extra", "not planned"])]
    show.figures(
        [
            Figure(
                "Availability",
                available.text,
                f"Planned places with a facing, of {int(available.whole):,} known.",
                show.aged(show.sure(available), ask(flow.behind, chosen(), "inventory")),
                "screens/captures.py",
                "Photos",
                share(),
            ),
            Figure(
                "Planogram kept",
                kept.text,
                f"Planned facings that stand there: {int(kept.part):,} of {int(kept.whole):,} at known places.",
                show.sure(kept),
                "screens/store.py",
                "Store sheet",
                share(),
            ),
            Figure(
                "Out of stock",
                f"{tally.get('out of stock', 0):,}",
                "Planned places without a facing.",
                f"up to {hidden:,} more are unknown" if hidden else "exact",
                to="Which",
                choose={"state": ["out of stock"]},
            ),
            Figure(
                "Missing facings",
                f"{int(-short['gap'].sum()):,}",
                "Facings below plan, those of empty places included.",
                f"at {show.plural(len(short), 'place')}",
                to="Where",
                choose={"state": ["out of stock", "below plan"]},
            ),
            Figure(
                "Not as planned",
                f"{int(beyond['gap'].sum()):,}",
                "Facings above plan, or of a SKU that the device's plan doesn't have.",
                f"{show.plural(int((off['kind'] == 'not planned').sum()), 'SKU')} in no plan",
            ),
            Figure(
                "Unknown",
                f"{tally.get('unknown', 0):,}",
                "Places at devices without a trusted photo in the last 12 h.",
                f"at {show.plural(unknown, 'device')}",
                to="Which",
                choose={"state": ["unknown"]},
                also=Link("Their cameras", "screens/quality.py", share()),
            ),
        ]
    )


def heat(places: pd.DataFrame) -> None:
    """Device by SKU; a click on a cell shows its shelf below."""
    show.section("Now, by device and SKU", "Each cell: facings seen / facings planned. Click one to see its shelf.")
    if places.empty:
        st.caption("No place is in this state.")
        return
    devices = list(dict.fromkeys(places["device_id"]))
    bad = places[places["verdict"] != "at plan"].groupby("sku").size()
    skus = sorted(places["sku"].unique(), key=lambda sku: (-int(bad.get(sku, 0)), sku))[:SKUS_SHOWN]
    drawn = places[places["device_id"].isin(devices[:DEVICES_SHOWN]) & places["sku"].isin(skus)]
    chart = shelf_charts.heat_map(
        drawn.drop(columns="state").rename(columns={"verdict": "state"})[
            ["device_id", "sku", "state", "shown", "seen_at"]
        ]
    )
    st.altair_chart(chart, on_select=_clicked, selection_mode="cell", key="heat")
    if len(devices) > DEVICES_SHOWN or places["sku"].nunique() > SKUS_SHOWN:
        st.caption(
            f"Showing {min(len(devices), DEVICES_SHOWN)} of {len(devices)} devices"
            f" and {len(skus)} of {places['sku'].nunique()} SKUs, those with most gaps first."
        )


def _clicked() -> None:
    picked = st.session_state["heat"]["selection"].get("cell")
    if picked:
        st.session_state["shelf"], st.session_state["sku"] = str(picked[0]["device_id"]), str(picked[0]["sku"])


def one_shelf(places: pd.DataFrame) -> None:
    """The latest photo of one device beside its plan, and one of its SKUs over time."""
    show.section("The shelf as seen last, beside its plan")
    left, right = st.columns(2)
    order = places.sort_values("verdict", key=lambda column: column.map(_RANKS), kind="stable")
    devices = list(dict.fromkeys(order["device_id"]))
    device = left.selectbox("Shelf of device", devices, key="shelf", bind="query-params")
    skus = list(dict.fromkeys(order.loc[order["device_id"] == device, "sku"]))
    sku = right.selectbox("SKU over time", skus, key="sku", bind="query-params")
    if device is None:
        return
    shelf.beside(places, device)
    if sku is None:
        return
    row = places[(places["device_id"] == device) & (places["sku"] == sku)].iloc[0]
    show.section(f"{show.inert(sku)} over time", "Hollow points: photos that could not be trusted; dashed: the plan.")
    if pd.notna(row["out_since"]):
        least, most = retail.duration_s(row["out_since"], row["full_at"], chosen().end)
        first, last = show.moment(row["out_since"], "%d %b %H:%M:%S"), show.moment(row["full_at"], "%d %b %H:%M:%S")
        told = (
            f"it ran out between {last} and {first} UTC" if most is not None else f"no facing was seen before {first}"
        )
        st.caption(f"Out of stock for {show.span(least)}{'' if most is not None else ' or longer'}: {told}.")
    rows = ask(retail.facings_over_time, chosen(), device, sku)
    if rows["facings"].notna().sum() == 0:
        st.caption("No photo of it could be read in this window.")
        return
    st.altair_chart(shelf_charts.facings_line(rows))
    st.page_link(
        "screens/captures.py",
        label=show.inert(f"Photos of {device} with {sku}"),
        icon=":material/photo_camera:",
        query_params=share(device=[device], label=sku),
    )


def shares(places: pd.DataFrame) -> None:
    """Share of shelf by SKU beside its share of the plan."""
    show.section(
        "Share of shelf", "Share of all facings seen; from and to hold whatever the unknown shelves hold, up to plan."
    )
    rows = retail.share_of_shelf(places)
    percents = {name: 100 * rows[name] for name in ("share", "low", "high", "plan")}
    names = {"sku": "SKU", "facings": "Facings", "share": "Share", "low": "from", "high": "to", "plan": "Planned"}
    show.table(
        rows.assign(**percents).head(500),
        names,
        matching=len(rows),
        height=38 + 35 * SHARES_SHOWN,
        formats={**dict.fromkeys(percents, "%.1f %%"), "facings": "%d"},
        name="share-of-shelf",
    )


def listing(places: pd.DataFrame) -> None:
    """The table behind the map."""
    rows = places.assign(seen=show.times(places["seen_at"]), out=show.times(places["out_since"]))
    rows = rows.sort_values("verdict", key=lambda column: column.map(_RANKS), kind="stable")
    names = {
        "verdict": "State",
        "store_id": "Store",
        "device_id": "Device",
        "sku": "SKU",
        "facings": "Facings",
        "expected": "Planned",
    }
    show.table(
        rows.head(1000),
        {**names, "out": "Out since (UTC)", "seen": "Photo (UTC)", "why": "Why unknown"},
        matching=len(rows),
        height=38 + 35 * SHARES_SHOWN,
        name="inventory",
    )


render()
