"""Where one row lies, now or in an older version, and which commit put it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lake.errors import ChangesLost
from lake.lake import Lake
from lake.lineage import Commit, Lineage
from lake.log import commits, info_of, paths_of
from lake.parquet import conform, read_groups
from schemas.tables import TABLES

Key = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """A row's place: the newest `version` that holds it, its file, row group and row."""

    version: int
    path: str
    group: int
    row: int


def find_row(lake: Lake, name: str, key: Key) -> Place | None:
    """The row with a key in the newest version, else in the newest older one that had it; None where none had.

    Raises ChangesLost where none is found and files of older versions are gone, so that it can't be known.
    """
    newest = lake.version(name)
    live = lake.paths(name, newest)
    for path in reversed(live):
        if (found := _look(lake, name, path, key)) is not None:
            return Place(newest, path, *found)
    seen, gone = set(live), 0
    for version, actions in commits(lake.storage, name, newest):
        for path in paths_of(actions, "remove"):
            if path in seen:
                continue
            seen.add(path)
            try:
                found = _look(lake, name, path, key)
            except FileNotFoundError:
                gone += 1
                continue
            if found is not None:
                return Place(version - 1, path, *found)
    if gone:
        shown = "/".join(map(str, key.values()))
        raise ChangesLost(
            f"{name}: {shown} is in no version whose files are left; {gone} older files were vacuumed or erased"
        )
    return None


def read_row(lake: Lake, name: str, place: Place) -> dict[str, Any]:
    """Every column of a row, blobs included."""
    schema = TABLES[name].schema
    ((_, rows),) = read_groups(lake.storage.table_files(name), place.path, schema.names, [place.group])
    row: dict[str, Any] = conform(rows.slice(place.row, 1), schema).to_pylist()[0]
    return row


def written_by(lake: Lake, name: str, place: Place, key: Key) -> Commit | None:
    """The commit that brought the row in. Compactions are looked through; None where the log no longer tells."""
    path, found = place.path, None
    for version, actions in commits(lake.storage, name, place.version):
        if path not in paths_of(actions, "add"):
            continue
        found = _commit(version, actions)
        if any(action["add"].get("dataChange", True) for action in actions if "add" in action):
            return found
        before = _before(lake, name, paths_of(actions, "remove"), key)
        if before is None:
            return found
        path = before
    return found


def rebuild_of(lake: Lake, name: str, version: int) -> Commit | None:
    """The newest rebuild at or before a version: its lineage is what the rows of that version are a function of."""
    for number, actions in commits(lake.storage, name, version):
        commit = _commit(number, actions)
        if commit.lineage is not None:
            return commit
    return None


def _commit(version: int, actions: list[dict[str, Any]]) -> Commit:
    info = info_of(actions)
    at = datetime.fromtimestamp(int(info.get("timestamp", 0)) / 1000, UTC)
    return Commit(version, at, str(info.get("operation", "")), Lineage.parse(info))


def _before(lake: Lake, name: str, paths: list[str], key: Key) -> str | None:
    for path in paths:
        try:
            if _look(lake, name, path, key) is not None:
                return path
        except FileNotFoundError:
            continue
    return None


def _look(lake: Lake, name: str, path: str, key: Key) -> tuple[int, int] | None:
    """Row group and row of a key in one file."""
    schema = TABLES[name].schema
    for group, rows in read_groups(lake.storage.table_files(name), path, list(key)):
        if set(rows.column_names) != set(key):
            return None
        mask = pa.array([True] * rows.num_rows)
        for column, value in key.items():
            mask = pc.and_(mask, pc.equal(rows.column(column), pa.scalar(value, schema.field(column).type)))
        hit = pc.index(mask, pa.scalar(True)).as_py()
        if hit >= 0:
            return group, int(hit)
    return None
