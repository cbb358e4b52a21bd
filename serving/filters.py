"""The filters in the sidebar: store, device, time and state of the lake, kept in the URL and shared by all pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import streamlit as st

from serving.queries import Filters

RANGES: dict[str, timedelta] = {
    "48h": timedelta(hours=48),  # the first is the default: an index would clash with a value that a link brings
    "24h": timedelta(hours=24),
    "6h": timedelta(hours=6),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
EVERYTHING = "all"
DEFAULT_RANGE = "48h"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_chosen(page: str) -> str:
    """The state of the lake that the URL names (`at`): a time or TABLE@VERSION; empty for the newest."""
    moved = st.session_state.get("page") not in (None, page)  # a link from another page: its URL wins
    if moved or "at" not in st.session_state:
        st.session_state["at"] = st.query_params.get("at", "")
    return str(st.session_state["at"] or "").strip()


def to_now() -> None:
    """Leaves the past: the next run shows the newest state."""
    st.session_state["at"] = ""


def sidebar(estate: pd.DataFrame, now: datetime, page: str) -> Filters:
    """The chosen filters. Widgets live in the router, so that they and their URL parameters outlast a page."""
    _adopt(estate, page)
    with st.sidebar:
        stores = st.multiselect(
            "Store", sorted(estate["store_id"].unique()), key="store", bind="query-params", placeholder="All stores"
        )
        offered = estate[estate["store_id"].isin(stores)] if stores else estate
        chosen = st.session_state.get("device", [])
        options = sorted({*offered["device_id"], *(d for d in chosen if d in set(estate["device_id"]))})
        devices = st.multiselect("Device", options, key="device", bind="query-params", placeholder="All devices")
        period = st.selectbox(
            "Time up to the newest data",
            [*RANGES, EVERYTHING],
            key="range",
            bind="query-params",
        )
        st.text_input(
            "State of the lake",
            key="at",
            bind="query-params",
            placeholder="newest",
            help="A time (2026-03-01 12:00) or TABLE@VERSION (views/inventory@3): every page as it was then.",
        )
    start = now - RANGES[period] if period in RANGES else _EPOCH
    start = start.replace(minute=0, second=0, microsecond=0)  # whole hours, as the hourly views have them
    return Filters(start, now, tuple(stores), tuple(devices))


def _adopt(estate: pd.DataFrame, page: str) -> None:
    """A link to another page carries filters in its URL: they win over what the widgets held before."""
    if st.session_state.get("page") in (None, page):
        st.session_state["page"] = page
        return
    st.session_state["page"] = page
    for name, column in (("store", "store_id"), ("device", "device_id")):
        known = set(estate[column])
        st.session_state[name] = [value for value in st.query_params.get_all(name) if value in known]
    period = st.query_params.get("range", DEFAULT_RANGE)
    st.session_state["range"] = period if period in (*RANGES, EVERYTHING) else DEFAULT_RANGE


def window(filters: Filters, length: timedelta) -> Filters:
    """The same filters over the last `length` of data."""
    start = (filters.end - length).replace(minute=0, second=0, microsecond=0)
    return Filters(start, filters.end, filters.stores, filters.devices)


def share(**changes: str | list[str]) -> dict[str, str | list[str]]:
    """URL parameters for a link to another page: the filters of now with `changes`; an empty value drops one."""
    kept: dict[str, str | list[str]] = {
        "store": list(st.session_state.get("store", [])),
        "device": list(st.session_state.get("device", [])),
        "range": str(st.session_state.get("range", DEFAULT_RANGE)),
        "at": str(st.session_state.get("at", "") or ""),
    }
    if kept["range"] == DEFAULT_RANGE:
        del kept["range"]
    return {name: value for name, value in {**kept, **changes}.items() if value}


def chosen() -> Filters:
    """The filters that the router fixed for this run of the page."""
    found: Filters = st.session_state["filters"]
    return found
