"""What the lake keeps byte for byte (photos, crops, payloads) and what is known of one photo: cached, and given only to
who may see its store.
"""

from __future__ import annotations

import pyarrow.compute as pc
import streamlit as st

from lake.parquet import read_groups
from schemas.tables import TABLES
from serving import data, photos, show
from serving.reader import Stores, Versions


def _visible(table: str, column: str, value: str) -> bool:
    if st.session_state.get("stores") is None:
        return True
    found = data.reader().frame(f"SELECT 1 FROM {table} WHERE {column} = $value LIMIT 1", {"value": value})
    return len(found) > 0


@st.cache_data(show_spinner=False, max_entries=8)
def _photo(uri: str, sha256: str) -> bytes | None:
    return data.open_lake(uri).blob("master/images", "bytes", {"sha256": sha256})


@st.cache_data(show_spinner=False, max_entries=1024)
def _thumbnail(uri: str, sha256: str, width_px: int) -> bytes | None:
    found = data.open_lake(uri).blob("master/images", "bytes", {"sha256": sha256})
    return photos.scaled(found, width_px) if found is not None else None


def thumbnail(sha256: str, width_px: int = photos.THUMBNAIL_PX) -> bytes | None:
    """The photo, upright and scaled, as JPEG; None where it is missing, not for this viewer or does not decode."""
    return _thumbnail(data.lake_uri(), sha256, width_px) if _visible("captures", "sha256", sha256) else None


@st.cache_data(show_spinner=False, max_entries=64)
def _boxed(uri: str, sha256: str, boxes: tuple[photos.Box, ...], width_px: int) -> bytes | None:
    found = _photo(uri, sha256)
    return photos.boxed(found, boxes, width_px) if found is not None else None


def boxed_photo(sha256: str, boxes: tuple[photos.Box, ...], width_px: int) -> bytes | None:
    """The photo, upright and scaled, with its boxes drawn, as JPEG; None as for `thumbnail`."""
    return _boxed(data.lake_uri(), sha256, boxes, width_px) if _visible("captures", "sha256", sha256) else None


def closeup(sha256: str, box: photos.Box, width_px: int) -> bytes | None:
    """The photo around one box at full scale, as JPEG; None as for `thumbnail`."""
    found = original(sha256)
    return photos.closeup(found, box, width_px) if found is not None else None


def original(sha256: str) -> bytes | None:
    """The photo byte for byte; None where it is missing or not for this viewer."""
    return _photo(data.lake_uri(), sha256) if _visible("captures", "sha256", sha256) else None


@st.cache_data(show_spinner=False, max_entries=256)
def _facts(uri: str, name: str, version: int, sha256: str) -> dict[str, object]:
    # By row group, as Lake.blob does: a query would decode every column of the table for one row of it.
    lake, blobs = data.open_lake(uri), set(TABLES[name].blobs)
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
    versions = dict(data.current_versions())
    found = (_facts(data.lake_uri(), name, versions[name], sha256) for name in ("views/quality", "master/images"))
    return {column: value for facts in found for column, value in facts.items()}


@st.cache_data(show_spinner=False, max_entries=256)
def _crops(uri: str, versions: Versions, stores: Stores, sha256: str, limit: int) -> list[tuple[str, bytes]]:
    rows = data.pinned_reader(uri, versions, stores).frame(
        "SELECT crop_id, jpeg FROM views_crops WHERE sha256 = $sha256 ORDER BY box_index LIMIT $n",
        {"sha256": sha256, "n": limit},
    )
    return [(str(row.crop_id), bytes(row.jpeg)) for row in show.each(rows)]


def crop_jpegs(sha256: str, limit: int) -> list[tuple[str, bytes]]:
    """Up to `limit` crops of a photo in the order of its boxes, as (crop_id, JPEG)."""
    return _crops(data.lake_uri(), data.current_versions(), st.session_state.get("stores"), sha256, limit)


@st.cache_data(show_spinner=False, max_entries=64)
def _payload(uri: str, reject_id: str) -> bytes | None:
    return data.open_lake(uri).blob("master/rejected", "payload", {"reject_id": reject_id})


def payload(reject_id: str) -> bytes | None:
    """What was refused, byte for byte; None where nothing was kept or it is not for this viewer."""
    return _payload(data.lake_uri(), reject_id) if _visible("rejected", "reject_id", reject_id) else None
