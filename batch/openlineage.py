"""OpenLineage events of runs: what was read at which version, what was written, by which code. They can't fail a run.

Source: OpenLineage specification 2-0-2, https://openlineage.io/docs/spec/object-model.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pyarrow.compute as pc

from batch.views import VIEWS
from lake import Lake
from schemas.tables import TABLES

PRODUCER = "urn:facings"
_SPEC = "https://openlineage.io/spec"
_RUN_EVENT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_RUN_NAMES = uuid.uuid5(uuid.NAMESPACE_URL, PRODUCER)
_VIEWS = {view.name: view for view in VIEWS}
START, COMPLETE, FAIL = "START", "COMPLETE", "FAIL"
log = logging.getLogger(__name__)


def run_event(row: Mapping[str, Any], kind: str, at: datetime, *, lake: str) -> dict[str, Any]:
    """One RunEvent from a row of `runs`, whole or as far as it is known at START. `lake` is the namespace of datasets.

    Each step of a run is an OpenLineage run of its own, of the job that bears the step's name.
    """
    step = str(row["step"])
    sources: dict[str, int] = json.loads(row.get("sources") or "{}")
    view = _VIEWS.get(step)
    written = {view.table.name: row.get("version")} if view is not None else sources
    read = sources if view is not None else {}
    return {
        "eventType": kind,
        "eventTime": at.isoformat(),
        "producer": PRODUCER,
        "schemaURL": _RUN_EVENT,
        "run": {"runId": str(uuid.uuid5(_RUN_NAMES, f"{row['run_id']}/{step}")), "facets": _run_facets(row, kind)},
        "job": {"namespace": lake, "name": step, "facets": _job_facets(row, view is not None)},
        "inputs": [_dataset(lake, name, version) for name, version in sorted(read.items())],
        "outputs": [
            {**_dataset(lake, name, version), "outputFacets": _statistics(row) if view is not None else {}}
            for name, version in sorted(written.items())
        ],
    }


class Emitter:
    """Sends events to a file (a line each) or an http(s) endpoint.

    Guarantee: never raises and never waits longer than `timeout_s`; after a failure it warns once and stays silent.
    """

    def __init__(self, target: str, *, lake: str, timeout_s: float = 2.0):
        self._target, self._lake, self._timeout_s, self._dead = target, lake, timeout_s, False

    def __call__(self, row: Mapping[str, Any], kind: str, at: datetime) -> bool:
        """Sends one event; True where it arrived."""
        if self._dead:
            return False
        try:
            self._send(json.dumps(run_event(row, kind, at, lake=self._lake), default=str))
        except Exception as error:  # whatever it is: lineage of a run must not be its end
            self._dead = True
            log.warning("no OpenLineage events to %s: %s: %s", self._target, type(error).__name__, error)
            return False
        return True

    def _send(self, text: str) -> None:
        if self._target.startswith(("http://", "https://")):
            headers = {"content-type": "application/json"}
            with httpx.Client(timeout=self._timeout_s, trust_env=False) as client:
                client.post(self._target, content=text, headers=headers).raise_for_status()
            return
        with Path(self._target).open("a", encoding="utf-8") as file:
            file.write(text + "\n")


def tell(lake: Lake, run_id: str, emit: Emitter) -> int:
    """How many steps of a run were told about, each by START and COMPLETE or FAIL, from the ledger. Never raises."""
    try:
        rows = lake.read("runs", where=pc.field("run_id") == run_id).to_pylist()
    except Exception as error:  # as with sending: not this run's end
        log.warning("no OpenLineage events of %s: %s: %s", run_id, type(error).__name__, error)
        return 0
    rows = sorted((row for row in rows if row["started_at"] and row["finished_at"]), key=lambda r: r["started_at"])
    told = 0
    for row in rows:
        ended = COMPLETE if row["status"] == "ok" else FAIL
        told += emit(row, START, row["started_at"]) and emit(row, ended, row["finished_at"])
    return told


def _facet(schema: str, **content: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{_SPEC}/facets/{schema}", **content}


def _dataset(lake: str, name: str, version: int | None) -> dict[str, Any]:
    facets = {}
    if version is not None:
        facets["version"] = _facet("1-0-1/DatasetVersionDatasetFacet.json", datasetVersion=str(version))
    if name in TABLES:
        fields = [{"name": field.name, "type": str(field.type)} for field in TABLES[name].schema]
        facets["schema"] = _facet("1-1-1/SchemaDatasetFacet.json", fields=fields)
    return {"namespace": lake, "name": name, "facets": facets}


def _statistics(row: Mapping[str, Any]) -> dict[str, Any]:
    if row.get("rows_ok") is None:
        return {}
    counts = {"rowCount": row["rows_ok"], "size": row.get("bytes_out") or 0}
    return {"outputStatistics": _facet("1-0-2/OutputStatisticsOutputDatasetFacet.json", **counts)}


def _run_facets(row: Mapping[str, Any], kind: str) -> dict[str, Any]:
    names = ("run_id", "mode", "code", "rows_in", "rows_ok", "rows_skipped", "rows_rejected", "cost")
    facets: dict[str, Any] = {
        "facings_run": {
            "_producer": PRODUCER,
            "_schemaURL": f"{PRODUCER}:run",
            **{name: row[name] for name in names if row.get(name) is not None},
            "parameters": json.loads(row.get("parameters") or "{}"),
        }
    }
    if row.get("engine"):
        engine = _facet("1-1-1/ProcessingEngineRunFacet.json", name=row["engine"], version="1")
        facets["processing_engine"] = engine
    if kind == FAIL:
        content = {"message": str(row.get("detail") or "failed"), "programmingLanguage": "python"}
        facets["errorMessage"] = _facet("1-0-1/ErrorMessageRunFacet.json", **content)
    return facets


def _job_facets(row: Mapping[str, Any], is_view: bool) -> dict[str, Any]:
    kind = _facet("2-0-3/JobTypeJobFacet.json", processingType="BATCH", integration="FACINGS", jobType="STEP")
    facets = {"jobType": kind}
    if is_view:
        facets["sql"] = _facet("1-0-1/SQLJobFacet.json", query=_VIEWS[str(row["step"])].sql)
    return facets
