"""Cached access to the lake: one reader for each set of table versions, one result for each question to it.

A page asks `ask(queries.something, …)`. While no table has a new version the answer comes from the cache; with the
first new commit the versions differ and everything is read anew.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd
import streamlit as st

from lake import Lake
from lake.sql import query
from schemas.tables import TABLES
from serving import photos, show
from serving.queries import Reader

P = ParamSpec("P")
T = TypeVar("T")
_VERSIONS_TTL_S = 3
Versions = tuple[tuple[str, int], ...]


def lake_uri(argv: Sequence[str] | None = None) -> str | None:
    """The lake named after `--` on Streamlit's command line, or None."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--lake")
    known, _ = parser.parse_known_args(sys.argv[1:] if argv is None else list(argv))
    found: str | None = known.lake
    return found


@dataclass
class PinnedReader:
    """Questions to one set of table versions, one at a time: a DuckDB connection serves one thread."""

    lake: Lake
    versions: Versions

    def __post_init__(self) -> None:
        self._connection = self.lake.connect(dict(self.versions))
        self._guard = threading.Lock()

    def frame(self, text: str, params: dict[str, object] | None = None) -> pd.DataFrame:
        """Rows of a query at these versions."""
        with self._guard:
            rows = query(self._connection, text, params or None)
        found: pd.DataFrame = rows.to_pandas()
        return found


@st.cache_resource(show_spinner=False, max_entries=4)
def open_lake(uri: str) -> Lake:
    """The lake at `uri`. Raises LakeNotFound and other LakeErrors, which are not cached."""
    return Lake.open(uri)


@st.cache_data(show_spinner=False, ttl=_VERSIONS_TTL_S, max_entries=4)
def _versions(uri: str) -> Versions:
    return tuple(sorted(open_lake(uri).versions(TABLES).items()))


@st.cache_resource(show_spinner=False, max_entries=2)
def _reader(uri: str, versions: Versions) -> PinnedReader:
    return PinnedReader(open_lake(uri), versions)


@st.cache_data(show_spinner=False, max_entries=256)
def _answer(
    uri: str,
    versions: Versions,
    name: str,
    args: tuple[Any, ...],
    kwargs: tuple[tuple[str, Any], ...],
    _ask: Callable[..., Any],
) -> Any:
    return _ask(_reader(uri, versions), *args, **dict(kwargs))


def current_versions() -> Versions:
    """Version of each table that this page shows: taken once a run of the page, so that its figures agree."""
    found: Versions = st.session_state["versions"]
    return found


def pin(uri: str) -> None:
    """Fixes the lake and the versions that this run of the page reads. Raises LakeError."""
    st.session_state["lake_uri"] = uri
    st.session_state["versions"] = _versions(uri)


def ask(question: Callable[Concatenate[Reader, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The answer of a function of `serving.queries`, from the cache where no table has changed since."""
    uri = st.session_state["lake_uri"]
    found: T = _answer(uri, current_versions(), question.__name__, args, tuple(sorted(kwargs.items())), question)
    return found


@st.cache_data(show_spinner=False, max_entries=512)
def thumbnail(uri: str, sha256: str, width_px: int = photos.THUMBNAIL_PX) -> bytes | None:
    """The photo, upright and scaled, as JPEG; None where it is missing or does not decode."""
    found = open_lake(uri).blob("master/images", "bytes", {"sha256": sha256})
    return photos.scaled(found, width_px) if found is not None else None


@st.cache_data(show_spinner=False, max_entries=64)
def boxed_photo(uri: str, sha256: str, boxes: tuple[photos.Box, ...], width_px: int) -> bytes | None:
    """The photo, upright and scaled, with its boxes drawn, as JPEG; None where it is missing or does not decode."""
    found = open_lake(uri).blob("master/images", "bytes", {"sha256": sha256})
    return photos.boxed(found, boxes, width_px) if found is not None else None


@st.cache_data(show_spinner=False, max_entries=512)
def crop_jpegs(uri: str, versions: Versions, sha256: str, limit: int) -> list[tuple[str, bytes]]:
    """Up to `limit` crops of a photo in the order of its boxes, as (crop_id, JPEG)."""
    reader = _reader(uri, versions)
    rows = reader.frame(
        "SELECT crop_id, jpeg FROM views_crops WHERE sha256 = $sha256 ORDER BY box_index LIMIT $n",
        {"sha256": sha256, "n": limit},
    )
    return [(str(row.crop_id), bytes(row.jpeg)) for row in show.each(rows)]


@st.cache_data(show_spinner=False, max_entries=64)
def payload(uri: str, reject_id: str) -> bytes | None:
    """What was refused, byte for byte."""
    return open_lake(uri).blob("master/rejected", "payload", {"reject_id": reject_id})
