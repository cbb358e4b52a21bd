"""Checks a live lake against the laws: what is stored is what its sources, code and parameters give, and adds up.

Structure and content come first (lake.verify); a table that is damaged is left out of what is asked of it after.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from batch.compare import compare
from batch.reproduce import require_model, require_sources
from batch.views import VIEWS, SqlView, fingerprint
from lake import Lake
from lake.erase import unfinished
from lake.errors import FilesGone
from lake.seam import open_seam, pin
from lake.sql import alias
from lake.verify import LISTED, Fault, check_files, check_images, check_keys, check_log
from schemas.tables import REALTIME, TABLES

Progress = Callable[[str, int, int], None]
_REBUILD = "facings rebuild {view} --full"

# Rows of one table that name a row of another: column, table, column there.
_REFERENCES = (
    ("master/captures", "sha256", "master/images", "sha256"),
    ("master/replays", "reject_id", "master/rejected", "reject_id"),
    ("views/crops", "annotation_id", "master/annotations", "annotation_id"),
)
_RUNS = """
    SELECT run_id || '/' || step AS name, rows_in, coalesce(rows_ok, 0) + coalesce(rows_skipped, 0)
           + coalesce(rows_rejected, 0) AS told
    FROM runs WHERE status = 'ok' AND rows_in IS NOT NULL AND rows_in <> told ORDER BY 1
"""
_OFFSETS = """
    SELECT source || '/' || kafka_partition || '/' || kafka_offset AS name, count(*) AS n FROM captures
    WHERE kafka_offset IS NOT NULL GROUP BY ALL HAVING count(*) > 1 ORDER BY 1
"""
_SCORED = """
    SELECT i.sha256 AS name, q.sha256 IS NOT NULL AS scored FROM images i
    LEFT JOIN views_quality q ON q.sha256 = i.sha256 LEFT JOIN views_unreadable u ON u.sha256 = i.sha256
    WHERE (q.sha256 IS NULL) = (u.sha256 IS NULL) ORDER BY 1
"""


@dataclass(frozen=True)
class CheckReport:
    """`ok` where no fault was found. `notes` say what could not be asked, and why; `sample` None means everything."""

    lake: str
    ok: bool
    sample: int | None
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]
    checked: Mapping[str, int]


def check(
    lake: Lake,
    *,
    sample: int | None = None,
    seed: int = 0,
    threads: int = 1,
    progress: Progress = lambda step, done, total: None,
) -> CheckReport:
    """Looks for damage in everything, or, where it costs pixels, in `sample` photos and scopes of each view.

    Logs, files, keys, references and sums are always checked whole. Nothing is changed.
    """
    asked = _Check(lake, sample, seed, threads, progress)
    faults = list(asked.run())
    return CheckReport(lake.storage.root, not faults, sample, tuple(faults), tuple(asked.notes), asked.checked)


class _Check:
    """One check; `broken` are the tables that later questions leave out."""

    def __init__(self, lake: Lake, sample: int | None, seed: int, threads: int, progress: Progress):
        self.lake, self.sample, self.seed, self.threads, self.progress = lake, sample, seed, threads, progress
        self.broken: set[str] = set()
        self.notes: list[str] = []
        self.checked = {"tables": 0, "photos": 0, "rows": 0}

    def run(self) -> Iterator[Fault]:
        for number, name in enumerate(TABLES):
            yield from self._structure(name)
            self.checked["tables"] += 1
            self.progress("logs, files and keys", number + 1, len(TABLES))
        yield from self._content()
        yield from self._asked("runs-sum", 1, "runs", _RUNS, "{name}: {rows_in} rows in, {told} accounted for")
        yield from self._asked("offset-twice", 5, "master/captures", _OFFSETS, "{name} is {n} captures")
        for child, column, parent, there in _REFERENCES:
            yield from self._references(child, column, parent, there)
        yield from self._erasures()
        yield from self._scored()
        yield from self._seam()
        for view in VIEWS:
            yield from self._view(view)

    def _structure(self, name: str) -> Iterator[Fault]:
        found = list(check_log(self.lake.storage, name))
        if not found:
            found = list(check_files(self.lake, name, lambda done, total: None))
        if found:
            self.broken.add(name)
            yield from found[:LISTED]
            return
        yield from check_keys(self.lake, name)

    def _content(self) -> Iterator[Fault]:
        if "master/images" in self.broken:
            self._left_out("content of photos", {"master/images"})
            return

        def step(done: int, total: int) -> None:
            self.checked["photos"] = done
            self.progress("content of photos", done, total)

        yield from check_images(self.lake, self.sample, random.Random(self.seed), step)

    def _asked(
        self, code: str, law: int, table: str, query: str, words: str, pins: Mapping[str, int] | None = None
    ) -> Iterator[Fault]:
        """Yields a fault a row of a query over tables that are whole."""
        words_of = set(re.findall(r"\w+", query))
        names = {name for name in TABLES if alias(name) in words_of}
        if names & self.broken:
            self._left_out(code, names)
            return
        with self.lake.connect(pins, sorted(names)) as connection:
            rows = connection.sql(query).limit(LISTED).to_arrow_table().to_pylist()
        remedy = _remedy(table)
        yield from (Fault(code, law, table, words.format(**row), remedy) for row in rows)

    def _references(self, child: str, column: str, parent: str, there: str) -> Iterator[Fault]:
        query = (
            f"SELECT DISTINCT c.{column} AS name FROM {alias(child)} c ANTI JOIN {alias(parent)} p "
            f"ON p.{there} = c.{column} WHERE c.{column} IS NOT NULL ORDER BY 1"
        )
        if "master/images" in (child, parent) and {child, parent} & self.broken:
            self._left_out("orphaned-reference", {child, parent})
            return
        yield from self._asked("orphaned-reference", 1, child, query, f"{column} {{name}} is not in {parent}")

    def _erasures(self) -> Iterator[Fault]:
        if {"master/erased", "runs"} & self.broken:
            self._left_out("erasures", {"master/erased", "runs"})
            return
        for store in unfinished(self.lake):
            detail = f"the erasure of store {store} was broken off; bytes may be left in older files"
            yield Fault("erasure-unfinished", 4, "master/erased", detail, f"facings erase --store {store} --yes")

    def _scored(self) -> Iterator[Fault]:
        """Photos that the last rebuild of quality read have a row there or in views/unreadable, and not in both."""
        last = None if "views/quality" in self.broken else self.lake.last_rebuild("views/quality")
        if last is None or last.lineage is None:
            return
        pins = {"master/images": last.lineage.sources["master/images"]}
        try:
            require_sources(self.lake, last.lineage)
        except FilesGone as error:
            self.notes.append(str(error))
            return
        words = "{name}: scored is {scored}, and so is unreadable"
        yield from self._asked("unaccounted-photo", 1, "views/quality", _SCORED, words, pins)

    def _seam(self) -> Iterator[Fault]:
        """Law 6: what the realtime tables have passed is in them or in batch; a chance of sampling is one."""
        if self.broken:
            self._left_out("law 6", self.broken)
            return
        names = [table.name for table in REALTIME]
        versions = pin(self.lake)
        if not any(self.lake.count(name, versions[name]) for name in names):
            return
        query = (
            "SELECT capture_id AS name, sampling_probability AS p FROM realtime_quality "
            "WHERE p IS NULL OR p <= 0 OR p > 1"
        )
        yield from self._asked("no-probability", 7, "realtime/quality", query, "{name} has the chance {p}")
        handle = self.lake.handle("realtime/throughput", versions["realtime/throughput"])
        with open_seam(self.lake, versions) as connection:
            streams = connection.sql("SELECT source, kafka_partition FROM archived").fetchall()
            for source, partition in streams:
                passed = handle.transaction_version(f"{source}/{partition}") or 0
                rows = connection.execute(
                    "SELECT capture_id FROM captures WHERE source = $source AND kafka_partition = $partition "
                    "AND kafka_offset < $passed AND capture_id NOT IN (SELECT capture_id FROM captures_rebuilt) "
                    "AND capture_id NOT IN (SELECT capture_id FROM seen WHERE capture_id IS NOT NULL) "
                    "ORDER BY 1 LIMIT 20",
                    {"source": source, "partition": partition, "passed": passed},
                ).fetchall()
                for (name,) in rows:
                    detail = f"{name} of {source}/{partition} is behind the seam and in neither layer"
                    yield Fault("missing-at-the-seam", 6, "realtime/throughput", detail, "facings rebuild throughput")

    def _view(self, view: SqlView) -> Iterator[Fault]:
        name = view.table.name
        last = None if name in self.broken else self.lake.last_rebuild(name)
        if last is None or last.lineage is None:
            return
        lineage = last.lineage
        if {name, *lineage.sources} & self.broken:
            self._left_out(name, {name, *lineage.sources})
            return
        if lineage.code != fingerprint(view):
            self.notes.append(f"{name}: the code has changed since its last rebuild; not computed again")
            return
        try:
            require_sources(self.lake, lineage)
            require_model(lineage)
        except FilesGone as error:
            self.notes.append(f"{name}: not computed again: {error}")
            return
        remedy = _remedy(name)
        for difference in compare(
            self.lake, view, lineage, sample=self.sample, seed=self.seed, threads=self.threads, progress=self.progress
        ):
            if difference.code == "":
                self.checked["rows"] += difference.rows
            else:
                yield Fault(difference.code, 3, difference.table, difference.detail, remedy)

    def _left_out(self, what: str, names: set[str]) -> None:
        damaged = ", ".join(sorted(names & self.broken))
        self.notes.append(f"{what}: not checked, because of {damaged}")


def _remedy(table: str) -> str:
    if table.startswith("views/"):
        return _REBUILD.format(view=table.rpartition("/")[2])
    return "restore the table from a copy (`facings copy`), or erase and take it in again"


def summary(report: CheckReport) -> dict[str, Any]:
    """Faults by code, for a line of words."""
    counts: dict[str, int] = {}
    for fault in report.faults:
        counts[fault.code] = counts.get(fault.code, 0) + 1
    return counts
