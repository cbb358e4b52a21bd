"""Cached answers of both layers together, made in a thread of their own beside the page's other questions."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pandas as pd
import streamlit as st

from lake import seam
from lake.sql import Frugal
from serving import data, judged
from serving.data import ask
from serving.live import Live, has_rows, live
from serving.merge import Merged
from serving.queries import Filters
from serving.reader import Stores, Versions

_AHEAD = ThreadPoolExecutor(2, "live")


@st.cache_resource(show_spinner=False, max_entries=2)
def _merging(uri: str, versions: Versions) -> Future[Merged]:
    # In a thread of its own, which no cache of Streamlit's is for: what it reads is taken out of them here.
    lake, pinned = data.open_lake(uri), dict(versions)
    kept = {(name, pinned[name]): data.dataset(uri, name, pinned[name]) for name in seam.READ}
    files = {name: dict(data.files_of(uri, name)) for name in seam.READ}

    def rows(name: str, version: int) -> Frugal:
        found = kept.get((name, version))
        return found if found is not None else Frugal.of(lake.dataset(name, version), files[name])

    return _AHEAD.submit(Merged, lake, pinned, rows)


def _merged(uri: str, versions: Versions) -> Merged:
    try:
        return _merging(uri, versions).result()
    except BaseException:
        _merging.clear(uri, versions)  # the next run tries again
        raise


def live_ahead() -> None:
    """Begins with what `live_figures` will need, beside the page's other questions: two cores serve a page sooner."""
    if ask(has_rows):
        _merging(data.lake_uri(), data.current_versions())


@st.cache_data(show_spinner=False, max_entries=16)
def _live(uri: str, versions: Versions, where: dict[str, object], threshold: float, _batch: pd.DataFrame) -> Live:
    return live(_merged(uri, versions), where, threshold, _batch)


@st.cache_data(show_spinner=False, max_entries=16)
def _lacking(uri: str, versions: Versions, where: dict[str, object]) -> pd.DataFrame:
    return _merged(uri, versions).lacking(where)


def _live_where(filters: Filters) -> dict[str, object] | None:
    """The window as merged answers take it; None where the speed layer holds nothing for this viewer."""
    stores: Stores = st.session_state.get("stores")
    seen = filters.stores
    if stores is not None:
        seen = tuple(store for store in stores if not seen or store in seen)
    return replace(filters, stores=seen).params() if ask(has_rows) and (seen or stores is None) else None


def live_figures(filters: Filters, threshold: float) -> Live | None:
    """What both layers tell together of a window; None where the speed layer holds nothing."""
    where = _live_where(filters)
    if where is None:
        return None
    return _live(data.lake_uri(), data.current_versions(), where, threshold, ask(judged.answered, filters))


def lacking(filters: Filters) -> pd.DataFrame | None:
    """What the batch views don't hold yet of a window, see `Merged.lacking`; None without a speed layer's rows."""
    where = _live_where(filters)
    return None if where is None else _lacking(data.lake_uri(), data.current_versions(), where)
