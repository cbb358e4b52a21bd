"""What the dashboard reads of a table, version by version."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pyarrow as pa

from lake.parquet import conform
from lake.sql import Frugal, connect
from schemas.tables import CAPTURES


def test_a_new_version_keeps_the_files_that_are_known_and_has_its_own_rows(shop: ModuleType, tmp_path: Path):
    built = shop.build(tmp_path / "lake")
    known: dict = {}
    before = Frugal.of(built.dataset(CAPTURES.name), known)
    files = dict(known)
    last = built.read(CAPTURES.name).slice(0, 1).to_pylist()[0]
    row = pa.Table.from_pylist([{**last, "capture_id": "c-new"}], CAPTURES.schema)
    built.append_new(CAPTURES.name, conform(row, CAPTURES.schema))
    after = Frugal.of(built.dataset(CAPTURES.name), known)
    assert all(known[path] is each for path, each in files.items())
    assert len(known) == len(files) + 1
    connection = connect({"before": before, "after": after})
    counts = connection.sql("SELECT (SELECT count(*) FROM before), (SELECT count(*) FROM after)").fetchall()
    assert counts == [(96, 97)]
    assert connection.sql("SELECT count(*) FROM after WHERE capture_id = 'c-new'").fetchall() == [(1,)]
