"""The cache of answers holds no more than it may, and nothing of a version that was left behind."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pandas as pd
import pyarrow as pa
import pytest

from lake.parquet import conform
from schemas.tables import CAPTURES
from serving import data
from serving.answers import Answers, Question


def frame(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"value": range(rows)})


def size(rows: int) -> int:
    return int(frame(rows).memory_usage(deep=True).sum())


def question(what: str, **versions: int) -> Question:
    return Question("lake", tuple(versions.items()), what)


def test_bytes_and_entries_are_bounded_and_the_longest_unasked_goes_first():
    few = Answers(most_bytes=size(10) * 5, most_entries=3)
    for number in range(50):
        few.get(question("first", runs=1), lambda: frame(10))
        few.get(question(f"other {number}", runs=1), lambda: frame(10))
        assert len(few) <= 3
    assert few.get(question("first", runs=1), lambda: pytest.fail("was kept")).equals(frame(10))
    small = Answers(most_bytes=size(10) * 5, most_entries=1000)
    for number in range(50):
        small.get(question(f"other {number}", runs=1), lambda: frame(10))
        assert small.size_bytes <= size(10) * 5
    assert len(small) == 5
    assert small.get(question("huge", runs=1), lambda: frame(10_000)).equals(frame(10_000))
    assert len(small) == 5  # too large to keep: it drives nothing out


def test_a_table_that_moves_on_takes_its_old_answers_along():
    answers = Answers()
    for what, versions in (("a", {"runs": 1}), ("b", {"runs": 1, "views": 4}), ("c", {"views": 4})):
        answers.get(question(what, **versions), lambda: frame(10))
    answers.get(question("a", runs=2), lambda: frame(20))
    assert len(answers) == 2  # "c" and the new one
    assert answers.size_bytes == size(10) + size(20)
    assert answers.get(question("c", views=4), lambda: pytest.fail("was kept")).equals(frame(10))
    assert answers.get(question("a", runs=1), lambda: frame(1)).equals(frame(1))  # the past can still be asked


def test_a_caller_may_change_what_it_got():
    answers = Answers()
    for _ in range(2):
        got = answers.get(question("a", runs=1), lambda: frame(3))
        assert got.equals(frame(3))
        got["value"] = 0


def test_pages_leave_no_answer_of_an_older_version(open_page, shop: ModuleType, tmp_path: Path):
    built = shop.build(tmp_path / "lake")
    app = open_page(str(tmp_path / "lake"), "overview")
    kept, before = data.answers(), built.versions([CAPTURES.name])[CAPTURES.name]
    first = len(kept)
    last = built.read(CAPTURES.name).slice(0, 1).to_pylist()[0]
    for number in range(3):
        row = pa.Table.from_pylist([{**last, "capture_id": f"c-new-{number}"}], CAPTURES.schema)
        built.append_new(CAPTURES.name, conform(row, CAPTURES.schema))
        data._newest.clear()
        app.run()
        assert not app.exception
        assert {dict(each.versions).get(CAPTURES.name, before + number + 1) for each in kept.questions()} == {
            before + number + 1
        }
        assert len(kept) <= first
