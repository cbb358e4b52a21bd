"""Store sheet: one store on a page that prints: what to refill, what to move, which cameras to look after."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from serving import attention, judged, queries, retail, shelf, show
from serving.data import ask
from serving.filters import chosen
from serving.show import Figure

# On paper: no menu, no filters, no buttons, and no shelf broken over two pages. A constant, never text from a device.
_PAPER = """<style>@media print {
[data-testid=stSidebar], [data-testid=stHeader], [data-testid=stPopover], [data-testid=stPageLink] { display: none; }
[data-testid=stMainBlockContainer] { padding: 0; max-width: none; }
[data-testid=stHorizontalBlock] { break-inside: avoid; }
}</style>"""


def render() -> None:
    """Draws the page."""
    st.html(_PAPER)
    show.header("Store sheet", "One store on a page: what to refill, what to move, which cameras to look after.")
    estate = ask(queries.estate)
    short = retail.deviations(ask(retail.places, chosen()))
    lacks = short[short["gap"] < 0].groupby("store_id")["gap"].sum()
    stores = [store for store in sorted(estate["store_id"].unique()) if not chosen().stores or store in chosen().stores]
    stores.sort(key=lambda store: int(lacks.get(store, 0)))  # the one that lacks most comes first
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    store = left.selectbox("Sheet of store", stores, key="sheet", bind="query-params")
    right.caption("Print it with the browser (Ctrl+P): the menu and the filters stay off the paper.")
    if store is None:
        show.nothing("No store matches.", "Drop a filter.")
        return
    filters = queries.Filters(chosen().start, chosen().end, (str(store),), chosen().devices)
    places = ask(retail.places, filters)
    show.section(f"{show.inert(store)}, {show.moment(filters.end, '%d %b %Y %H:%M')} UTC")
    headline(places, estate[estate["store_id"] == store])
    refill(places, filters)
    move(places)
    cameras(places, filters)
    for device in sorted(set(places["device_id"])):
        show.section(show.inert(device))
        shelf.beside(places, device)


def headline(places: pd.DataFrame, estate: pd.DataFrame) -> None:
    """The row of figures."""
    available, kept, seen = retail.availability(places), retail.compliance(places), retail.coverage(places, estate)
    out = retail.out_of_stock(places)
    show.figures(
        [
            Figure("Availability", available.text, "Planned SKUs with a facing.", show.sure(available)),
            Figure("Planogram kept", kept.text, "Planned facings that stand there.", show.sure(kept)),
            Figure("Out of stock", f"{len(out):,}" if available.whole else "unknown", "Planned SKUs without a facing."),
            Figure("Shelves seen", f"{int(seen.part)} of {int(seen.whole)}", "By a trusted photo in the last 12 h."),
        ]
    )


def refill(places: pd.DataFrame, filters: queries.Filters) -> None:
    """What is short, most urgent first."""
    rows = retail.deviations(places)
    rows = rows[rows["gap"] < 0].sort_values(["facings", "gap", "sku"])
    show.section("Refill")
    if rows.empty:
        st.caption("Nothing that can be seen is short.")
        return
    long = [
        show.span((filters.end - row.out_since).total_seconds()) if pd.notna(row.out_since) else ""
        for row in show.each(rows)
    ]
    rows = rows.assign(bring=-rows["gap"], long=long, done="☐")
    names = {"done": "Done", "sku": "SKU", "bring": "To fill", "device_id": "Shelf"}  # what a phone has room for, first
    names |= {"facings": "There", "expected": "Planned", "long": "Empty for"}
    show.table(rows, names, height=38 + 35 * len(rows), name="refill")


def move(places: pd.DataFrame) -> None:
    """What stands where it should not."""
    rows = retail.deviations(places)
    rows = rows[rows["kind"].isin(["not planned", "extra"])].assign(done="☐")
    if rows.empty:
        return
    show.section("Move")
    names = {"done": "Done", "sku": "SKU", "gap": "Too many", "device_id": "Shelf", "kind": "Why"}
    show.table(rows, names, height=38 + 35 * len(rows), name="move")


def cameras(places: pd.DataFrame, filters: queries.Filters) -> None:
    """Cameras whose photos can't be used."""
    found = attention.ranked(
        [
            *attention.cameras(ask(judged.unusable_since, filters), places),
            *attention.drifting(ask(judged.cameras, filters)),
        ]
    )
    if found:
        show.section("Cameras to look after")
        for finding in found:
            st.markdown(f":orange-badge[:material/photo_camera:] {show.inert(finding.what)}")


render()
