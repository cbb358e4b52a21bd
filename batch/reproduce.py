"""Makes one row of a view again from the versions that its lineage pins, and compares it with what is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batch.recompute import recompute, scope_of
from batch.views import VIEWS, SqlView, fingerprint
from batch.views.quality import load_model
from lake import Lake, LakeError, Lineage
from lake.errors import FacingsError, FilesGone
from lake.files import missing_files
from lake.find import find_row, read_row, rebuild_of, written_by

SAME, DIFFERS = "same", "differs"


@dataclass(frozen=True)
class Reproduced:
    """What came of it. `stored` and `recomputed` are sha256 of the row's bytes, or of its text where it has none.

    `version` is the newest of the table that holds the row; `code_now` differs from `code` where the code has changed.
    """

    table: str
    key: Mapping[str, Any]
    verdict: str
    why: str
    stored: str
    recomputed: str | None
    columns: tuple[str, ...]
    version: int
    run_id: str
    engine: str
    sources: Mapping[str, int]
    parameters: Mapping[str, Any]
    code: str
    code_now: str


def reproduce(lake: Lake, table: str, key: Mapping[str, Any]) -> Reproduced:
    """Computes the row again. Raises LakeError for a row that no version has, FilesGone where its sources are gone."""
    view = _view(table)
    place = find_row(lake, table, key)
    shown = "/".join(map(str, key.values()))
    if place is None:
        raise LakeError(f"{table}: no version holds {shown}; `facings lineage` shows what there is")
    stored = read_row(lake, table, place)
    commit = written_by(lake, table, place, key)
    if commit is None or commit.lineage is None:
        commit = rebuild_of(lake, table, place.version)
    if commit is None or commit.lineage is None:
        raise FilesGone(f"{table}: the log no longer tells which rebuild made {shown}; it was cleaned")
    lineage = commit.lineage
    require_sources(lake, lineage)
    require_model(lineage)
    made = _made(lake, view, lineage, stored, key)
    code_now = fingerprint(view)
    columns = tuple(name for name in stored if made is None or made[name] != stored[name])
    changed = code_now != lineage.code
    why = {
        (True, False): "every column is equal, to the byte",
        (True, True): "equal to the byte, although the code has changed since",
        (False, False): f"{', '.join(columns)} differ: the row is not what its sources give; run `facings check`",
        (False, True): f"{', '.join(columns)} differ; the code has changed since, from {lineage.code} to {code_now}",
    }[(not columns, changed)]
    return Reproduced(
        table,
        key,
        DIFFERS if columns else SAME,
        why if made is not None else "its sources give no such row",
        digest(view, stored),
        None if made is None else digest(view, made),
        columns,
        place.version,
        lineage.run_id,
        lineage.engine,
        lineage.sources,
        lineage.parameters,
        lineage.code,
        code_now,
    )


def require_sources(lake: Lake, lineage: Lineage) -> None:
    """Raises FilesGone that names the first pinned version whose files are not all there."""
    for name, version in lineage.sources.items():
        try:
            gone = missing_files(lake, name, version)
        except FilesGone:
            raise
        except LakeError as error:
            raise FilesGone(f"{name}@{version}, which {lineage.view} was made from, is gone: {error}") from error
        if gone:
            raise FilesGone(
                f"{len(gone)} files of {name}@{version}, which {lineage.view} was made from in run {lineage.run_id}, "
                "are gone (vacuumed or erased): the row can't be made again as it was"
            )


def require_model(lineage: Lineage) -> None:
    """Raises FilesGone where the quality model that the rows were scored with is not at its place any more."""
    wanted = lineage.parameters.get("model_id")
    if wanted is None:
        return
    path = lineage.parameters.get("model")
    try:
        found = load_model(path).model_id
    except (OSError, ValueError, FacingsError) as error:
        raise FilesGone(f"the model {wanted} can't be read from {path}: {error}; put it back") from error
    if found != wanted:
        where = path or "this release"
        raise FilesGone(f"the rows were scored by model {wanted}, and {where} holds {found}; put the older one back")


def digest(view: SqlView, row: Mapping[str, Any]) -> str:
    """sha256 of a row's blob where the view has one, else of its values as text."""
    blobs = view.table.blobs
    data = row[blobs[0]] if blobs else repr([row[name] for name in view.table.schema.names]).encode()
    return hashlib.sha256(data or b"").hexdigest()


def _view(table: str) -> SqlView:
    found = next((view for view in VIEWS if view.table.name == table), None)
    if found is None:
        raise LakeError(f"{table} is not rebuilt from anything; reproduce rows of {', '.join(v.name for v in VIEWS)}")
    return found


def _made(
    lake: Lake, view: SqlView, lineage: Lineage, stored: Mapping[str, Any], key: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    scopes = scope_of(view, stored)
    for batch in recompute(lake, view, lineage.sources, lineage.parameters, scopes):
        for row in batch.to_pylist():
            if all(row[name] == value for name, value in key.items()):
                return {name: row[name] for name in view.table.schema.names}
    return None
