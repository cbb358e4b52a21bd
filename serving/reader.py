"""Questions to the lake at fixed versions, limited to the stores that a viewer may see."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from lake.sql import alias, connect, query

Versions = tuple[tuple[str, int], ...]
Stores = tuple[str, ...] | None  # None: every store
_WORD = re.compile(r"[a-z][a-z_]*")
_ALLOWED = "allowed_stores"
_GIVEN = re.compile(r"\bgiven\b")
KEPT = 2


@dataclass(frozen=True)
class Given:
    """A query whose rows several questions share: asked once, then kept in memory. Questions name it `given`."""

    text: str
    params: dict[str, object]


def named_in(text: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """The tables whose name in SQL is a word of `text`, and what a viewer's limits on them need."""
    words = set(_WORD.findall(text))
    return tuple(name for name in names if alias(name) in words)


class PinnedReader:
    """Answers at one set of table versions, one at a time: a DuckDB connection serves one thread.

    With `stores`, each table holds only what belongs to them: rows with a store by that store, rows of a photo by the
    captures that show it. Tables are opened when a question first names them.
    """

    def __init__(self, versions: Versions, dataset: Callable[[str, int], Any], stores: Stores = None) -> None:
        self._versions, self._dataset, self._stores = dict(versions), dataset, stores
        limits = pa.table({"store_id": pa.array(stores or (), pa.string())})
        self._connection = connect({_ALLOWED: limits})
        self._open: set[str] = set()
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._made = 0
        self._guard = threading.RLock()

    def columns(self, name: str) -> frozenset[str]:
        """Names of a table's columns; empty where this lake has no such table."""
        version = self._versions.get(name)
        return frozenset() if version is None else frozenset(self._dataset(name, version).schema.names)

    def has(self, name: str, column: str) -> bool:
        """Does the table have the column? Tables of an older release may not."""
        return column in self.columns(name)

    def frame(self, text: str, params: dict[str, object] | None = None, given: Given | None = None) -> pd.DataFrame:
        """Rows of a query at these versions; `given` is a query whose rows the text may name, kept for the next one."""
        with self._guard:
            if given is not None:
                text = _GIVEN.sub(self._keep(given), text)
            self._open_named(text)
            found: pd.DataFrame = query(self._connection, text, params or None).to_pandas()
        return found

    def _open_named(self, text: str) -> None:
        for name in named_in(text, tuple(self._versions)):
            self._register(name)

    def _keep(self, given: Given) -> str:
        key = repr((given.text, sorted(given.params.items())))
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        while len(self._kept) >= KEPT:
            self._connection.execute(f"DROP TABLE {self._kept.popitem(last=False)[1]}")
        self._open_named(given.text)
        self._made += 1
        name = f"given_{self._made}"
        self._connection.execute(f"CREATE TEMP TABLE {name} AS {given.text}", given.params)
        self._kept[key] = name
        return name

    def _register(self, name: str) -> None:
        if name in self._open:
            return
        self._open.add(name)
        dataset, title = self._dataset(name, self._versions[name]), alias(name)
        columns = set(dataset.schema.names)
        if self._stores is None or not columns & {"store_id", "sha256"}:
            self._connection.register(title, dataset)
            return
        self._connection.register(f"every_{title}", dataset)
        if "store_id" in columns:
            limit = f"store_id IN (SELECT store_id FROM {_ALLOWED})"
        else:
            self._register("master/captures")
            limit = "sha256 IN (SELECT sha256 FROM captures)"
        self._connection.execute(f'CREATE TEMP VIEW "{title}" AS SELECT * FROM "every_{title}" WHERE {limit}')
