"""Cached access to the lake: what a page asks is read once for each set of the versions of the tables it names.

A page asks `ask(queries.something, …)`. Each query's rows are kept with the versions of the tables that its text names,
so a commit to one table makes only the questions to that table be asked again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd
import pyarrow.compute as pc
import streamlit as st

from lake import Lake, LakeError, seam
from lake.lineage import Lineage
from lake.parquet import read_groups
from lake.sql import Frugal
from schemas.tables import TABLES
from serving import judged, photos, show, storage
from serving.access import Policy, load_policy
from serving.answers import Answers, Question
from serving.live import Live, has_rows, live
from serving.merge import Merged
from serving.queries import Filters, Reader
from serving.reader import Given, PinnedReader, Stores, Versions, named_in

P = ParamSpec("P")
T = TypeVar("T")
_VERSIONS_TTL_S = 2
_AHEAD = ThreadPoolExecutor(2, "live")
_CODED = {"views/inventory": ("capture_id", "store_id", "device_id", "sku")}  # a capture has a row for each SKU
_AT_VERSION = re.compile(r"([a-z]+(?:/[a-z_]+)?)@(\d+)")


@st.cache_resource(show_spinner=False, max_entries=4)
def policy(path: Path) -> Policy:
    """Who may see which stores, as the access file says. Raises AccessError."""
    return load_policy(path)


@st.cache_resource(show_spinner=False, max_entries=4)
def open_lake(uri: str) -> Lake:
    """The lake at `uri`. Raises LakeNotFound and other LakeErrors, which are not cached."""
    return Lake.open(uri, options=storage.options())


@st.cache_data(show_spinner=False, ttl=_VERSIONS_TTL_S, max_entries=4)
def _newest(uri: str) -> Versions:
    return tuple(open_lake(uri).versions(TABLES).items())  # in this order: a reader pins realtime tables first


@st.cache_data(show_spinner=False, max_entries=64)
def _as_of(uri: str, at: str) -> Versions:
    lake = open_lake(uri)
    moment = moment_of(lake, at)

    def version(name: str) -> int:
        try:
            return lake.version_at(name, moment)
        except LakeError:
            return 0  # younger than that moment: as it was made, empty

    return tuple((name, version(name)) for name in TABLES)


def moment_of(lake: Lake, at: str) -> datetime:
    """The moment that `at` names: a time, in UTC where it does not say, or TABLE@VERSION. Raises LakeError."""
    if match := _AT_VERSION.fullmatch(at):
        name, version = match[1], int(match[2])
        for commit in lake.history(name):
            if commit.version == version:
                return commit.at
        raise LakeError(f"{name} has no version {version}: see Time travel for those there are")
    try:
        found = datetime.fromisoformat(at)
    except ValueError as error:
        raise LakeError(f"{at!r} is no moment: write 2026-03-01 12:00, or TABLE@VERSION") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@st.cache_resource(show_spinner=False, max_entries=96)
def _files(uri: str, name: str) -> dict[str, Any]:
    return {}


@st.cache_resource(show_spinner=False, max_entries=64)
def _dataset(uri: str, name: str, version: int) -> Frugal:
    return Frugal.of(open_lake(uri).dataset(name, version), _files(uri, name), _CODED.get(name, ()))


@st.cache_resource(show_spinner=False, max_entries=4)
def _reader(uri: str, versions: Versions, stores: Stores) -> PinnedReader:
    return PinnedReader(versions, lambda name, version: _dataset(uri, name, version), stores)


@st.cache_resource(show_spinner=False)
def answers() -> Answers:
    """The cache of answers, one for the server."""
    return Answers()


@dataclass(frozen=True)
class CachedReader:
    """A reader whose answers are kept while the tables that a question names have no new version."""

    uri: str
    versions: Versions
    stores: Stores

    def frame(self, text: str, params: dict[str, object] | None = None, given: Given | None = None) -> pd.DataFrame:
        """Rows of a query."""
        tables = dict(self.versions)
        names = named_in(text if given is None else f"{text} {given.text}", tuple(tables))
        if self.stores is not None:
            names = (*names, "master/captures")
        named = tuple((name, tables[name]) for name in names)
        what = (self.stores, text, repr(params), repr(given))
        return answers().get(Question(self.uri, named, what), lambda: self._pinned().frame(text, params, given))

    def columns(self, name: str) -> frozenset[str]:
        """Names of a table's columns; empty where this lake has no such table."""
        return self._pinned().columns(name)

    def _pinned(self) -> PinnedReader:
        return _reader(self.uri, self.versions, self.stores)


def current_versions() -> Versions:
    """Version of each table that this page shows: taken once a run of the page, so that its figures agree."""
    found: Versions = st.session_state["versions"]
    return found


def lake_uri() -> str:
    """The lake that this page shows."""
    return str(st.session_state["lake_uri"])


def pin(uri: str, at: str = "", stores: Stores = None) -> None:
    """Fixes the lake, the versions and the stores that this run of the page reads. Raises LakeError."""
    st.session_state["lake_uri"] = uri
    st.session_state["versions"] = _as_of(uri, at) if at else _newest(uri)
    st.session_state["stores"] = stores


def reader_at(at: str) -> Reader:
    """A reader of another state of the lake, for the same viewer. Raises LakeError."""
    return CachedReader(lake_uri(), _as_of(lake_uri(), at), st.session_state.get("stores"))


@st.cache_data(show_spinner=False, max_entries=32)
def _commits(uri: str, name: str, version: int, limit: int) -> pd.DataFrame:
    found = [
        {"version": commit.version, "at": commit.at, "operation": commit.operation}
        | ({} if commit.lineage is None else _told(commit.lineage))
        for commit in open_lake(uri).history(name, limit)
        if commit.version <= version
    ]
    return pd.DataFrame(found, columns=["version", "at", "operation", "view", "mode", "run_id", "sources", "code"])


def _told(lineage: Lineage) -> dict[str, object]:
    sources = ", ".join(f"{name} {version}" for name, version in lineage.sources.items())
    return {
        "view": lineage.view,
        "mode": lineage.mode,
        "run_id": lineage.run_id,
        "sources": sources,
        "code": lineage.code,
    }


def commits(name: str, limit: int) -> pd.DataFrame:
    """Commits of a table up to the version shown, newest first: version, at, operation, and what lineage tells."""
    return _commits(lake_uri(), name, dict(current_versions())[name], limit)


def moved(uri: str) -> bool:
    """Has any table a newer version than this page shows?"""
    return _newest(uri) != current_versions()


def reader() -> Reader:
    """The reader of this run of the page."""
    return CachedReader(lake_uri(), current_versions(), st.session_state.get("stores"))


def ask(question: Callable[Concatenate[Reader, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The answer of a function that takes a reader first, such as those of `serving.queries`."""
    return question(reader(), *args, **kwargs)


@st.cache_resource(show_spinner=False, max_entries=2)
def _merging(uri: str, versions: Versions) -> Future[Merged]:
    # In a thread of its own, which no cache of Streamlit's is for: what it reads is taken out of them here.
    lake, pinned = open_lake(uri), dict(versions)
    kept = {(name, pinned[name]): _dataset(uri, name, pinned[name]) for name in seam.READ}
    files = {name: dict(_files(uri, name)) for name in seam.READ}

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
        _merging(lake_uri(), current_versions())


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
    return _live(lake_uri(), current_versions(), where, threshold, ask(judged.answered, filters))


def lacking(filters: Filters) -> pd.DataFrame | None:
    """What the batch views don't hold yet of a window, see `Merged.lacking`; None without a speed layer's rows."""
    where = _live_where(filters)
    return None if where is None else _lacking(lake_uri(), current_versions(), where)


def _visible(table: str, column: str, value: str) -> bool:
    if st.session_state.get("stores") is None:
        return True
    found = reader().frame(f"SELECT 1 FROM {table} WHERE {column} = $value LIMIT 1", {"value": value})
    return len(found) > 0


@st.cache_data(show_spinner=False, max_entries=8)
def _photo(uri: str, sha256: str) -> bytes | None:
    return open_lake(uri).blob("master/images", "bytes", {"sha256": sha256})


@st.cache_data(show_spinner=False, max_entries=1024)
def _thumbnail(uri: str, sha256: str, width_px: int) -> bytes | None:
    found = open_lake(uri).blob("master/images", "bytes", {"sha256": sha256})
    return photos.scaled(found, width_px) if found is not None else None


def thumbnail(sha256: str, width_px: int = photos.THUMBNAIL_PX) -> bytes | None:
    """The photo, upright and scaled, as JPEG; None where it is missing, not for this viewer or does not decode."""
    return _thumbnail(lake_uri(), sha256, width_px) if _visible("captures", "sha256", sha256) else None


@st.cache_data(show_spinner=False, max_entries=64)
def _boxed(uri: str, sha256: str, boxes: tuple[photos.Box, ...], width_px: int) -> bytes | None:
    found = _photo(uri, sha256)
    return photos.boxed(found, boxes, width_px) if found is not None else None


def boxed_photo(sha256: str, boxes: tuple[photos.Box, ...], width_px: int) -> bytes | None:
    """The photo, upright and scaled, with its boxes drawn, as JPEG; None as for `thumbnail`."""
    return _boxed(lake_uri(), sha256, boxes, width_px) if _visible("captures", "sha256", sha256) else None


def closeup(sha256: str, box: photos.Box, width_px: int) -> bytes | None:
    """The photo around one box at full scale, as JPEG; None as for `thumbnail`."""
    found = original(sha256)
    return photos.closeup(found, box, width_px) if found is not None else None


def original(sha256: str) -> bytes | None:
    """The photo byte for byte; None where it is missing or not for this viewer."""
    return _photo(lake_uri(), sha256) if _visible("captures", "sha256", sha256) else None


@st.cache_data(show_spinner=False, max_entries=256)
def _facts(uri: str, name: str, version: int, sha256: str) -> dict[str, object]:
    # By row group, as Lake.blob does: a query would decode every column of the table for one row of it.
    lake, blobs = open_lake(uri), set(TABLES[name].blobs)
    files, columns = lake.storage.table_files(name), [each for each in TABLES[name].schema.names if each not in blobs]
    for path in reversed(lake.paths(name, version)):
        for group, keys in read_groups(files, path, ["sha256"]):
            row = pc.index(keys.column("sha256"), sha256).as_py()
            if row >= 0:
                ((_, found),) = read_groups(files, path, columns, [group])
                facts: dict[str, object] = found.slice(row, 1).to_pylist()[0]
                return facts
    return {}


def photo_facts(sha256: str) -> dict[str, object]:
    """What is known of one photo: its measurements, model_id, format, size_bytes, width, height, orientation."""
    if not _visible("captures", "sha256", sha256):
        return {}
    versions = dict(current_versions())
    found = (_facts(lake_uri(), name, versions[name], sha256) for name in ("views/quality", "master/images"))
    return {column: value for facts in found for column, value in facts.items()}


@st.cache_data(show_spinner=False, max_entries=256)
def _crops(uri: str, versions: Versions, stores: Stores, sha256: str, limit: int) -> list[tuple[str, bytes]]:
    rows = _reader(uri, versions, stores).frame(
        "SELECT crop_id, jpeg FROM views_crops WHERE sha256 = $sha256 ORDER BY box_index LIMIT $n",
        {"sha256": sha256, "n": limit},
    )
    return [(str(row.crop_id), bytes(row.jpeg)) for row in show.each(rows)]


def crop_jpegs(sha256: str, limit: int) -> list[tuple[str, bytes]]:
    """Up to `limit` crops of a photo in the order of its boxes, as (crop_id, JPEG)."""
    return _crops(lake_uri(), current_versions(), st.session_state.get("stores"), sha256, limit)


@st.cache_data(show_spinner=False, max_entries=64)
def _payload(uri: str, reject_id: str) -> bytes | None:
    return open_lake(uri).blob("master/rejected", "payload", {"reject_id": reject_id})


def payload(reject_id: str) -> bytes | None:
    """What was refused, byte for byte; None where nothing was kept or it is not for this viewer."""
    return _payload(lake_uri(), reject_id) if _visible("rejected", "reject_id", reject_id) else None
