"""The cache of answers: bounded by bytes and by entries, and free of what a table's newer version made old."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import pandas as pd

from serving.reader import Versions

MOST_BYTES = 100_000_000
MOST_ENTRIES = 400


@dataclass(frozen=True)
class Question:
    """What an answer rests on: the lake, the versions of the tables that it reads, and what else tells it apart."""

    lake: str
    versions: Versions
    what: Hashable


class Answers:
    """Answers by their question, the latest asked kept. A caller owns the frame that it gets.

    `size_bytes` <= `most_bytes` and len() <= `most_entries` at every moment. An answer larger than half of the
    bytes is not kept. Once a question names a newer version of a table, the answers at older ones are dropped.
    """

    def __init__(self, most_bytes: int = MOST_BYTES, most_entries: int = MOST_ENTRIES) -> None:
        self.size_bytes = 0
        self._most_bytes, self._most_entries = most_bytes, most_entries
        self._kept: OrderedDict[Question, tuple[pd.DataFrame, int]] = OrderedDict()
        self._newest: dict[tuple[str, str], int] = {}
        self._guard = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def questions(self) -> list[Question]:
        """The questions whose answers are kept, the longest unasked first."""
        with self._guard:
            return list(self._kept)

    def get(self, question: Question, ask: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """The answer, asked for where it is not kept. Two that ask the same at once may both ask the lake."""
        with self._guard:
            self._drop_old(question)
            found = self._kept.get(question)
            if found is not None:
                self._kept.move_to_end(question)
                return found[0].copy()
        answer = ask()
        self._keep(question, answer.copy())
        return answer

    def _keep(self, question: Question, answer: pd.DataFrame) -> None:
        size = int(answer.memory_usage(deep=True).sum())
        with self._guard:
            if size > self._most_bytes // 2 or question in self._kept:
                return
            self._kept[question] = (answer, size)
            self.size_bytes += size
            while self.size_bytes > self._most_bytes or len(self._kept) > self._most_entries:
                self._drop(next(iter(self._kept)))

    def _drop_old(self, question: Question) -> None:
        moved = {
            name: version
            for name, version in question.versions
            if version > self._newest.get((question.lake, name), -1)
        }
        if not moved:
            return
        self._newest.update({(question.lake, name): version for name, version in moved.items()})
        for each in list(self._kept):
            if each.lake == question.lake and any(version < moved.get(name, 0) for name, version in each.versions):
                self._drop(each)

    def _drop(self, question: Question) -> None:
        self.size_bytes -= self._kept.pop(question)[1]
