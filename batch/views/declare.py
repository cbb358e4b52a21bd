"""How a view is declared: once, as frozen data, for every engine.

A view reads sources under short names (aliases) and has a *scope*: columns such that the view's rows of one scope
depend on the sources' rows of that scope alone. A rebuild after an append recomputes the scopes that the new rows
touch and replaces just those, which gives the rows of a full rebuild at the cost of the new ones.

SQL is the subset that DuckDB and Spark SQL share. `{name}` in it stands for a parameter.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import ModuleType
from typing import Any

import pyarrow as pa

from schemas.tables import Table

Parameters = Mapping[str, Any]
MapFunction = Callable[[Iterator[pa.RecordBatch], Parameters], Iterator[pa.RecordBatch]]

REJECT_FIELDS = (pa.field("reason", pa.string()), pa.field("detail", pa.string()))


@dataclass(frozen=True)
class Source:
    """One table that a view reads, without its blobs.

    `touches`: query giving the scopes that rows of the table `changed` touch; None where they touch none.
    `within`: predicate keeping this source's rows of the scopes in table `scopes`; None where all are needed.
    """

    table: str
    columns: tuple[str, ...]
    touches: str | None
    within: str | None = None


@dataclass(frozen=True, kw_only=True)
class SqlView:
    """A view that is one query over its sources; its result has the table's columns in the table's order."""

    table: Table
    sources: tuple[Source, ...]
    scope: tuple[str, ...]
    sql: str
    code: tuple[ModuleType, ...] = ()  # packages that the rows depend on
    parameters: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Last part of the table's name."""
        return self.table.name.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class MapView(SqlView):
    """A view whose rows are a function of one photo's pixels.

    `sql` gives one row a photo to read: sha256, what the function needs besides, and `units`, the rows it counts for.
    `function` gets those rows with the column `bytes`; it gives batches of `output` schema: the table's columns, then
    `reason` and `detail`, which are set (and only sha256 besides) for a photo that could not be read.
    """

    function: MapFunction

    @property
    def output(self) -> pa.Schema:
        """Schema of what `function` gives."""
        schema = self.table.schema
        for field in REJECT_FIELDS:
            schema = schema.append(field)
        return schema


def fingerprint(view: SqlView) -> str:
    """Hash of all that a view's rows depend on besides its sources and parameters: 16 hex digits.

    The declaration, the source text of its packages and of its function, and the versions of the libraries that turn
    pixels into numbers.
    """
    digest = hashlib.sha256()
    for part in (view.sql, *view.scope, *(repr(source) for source in view.sources), str(view.table.schema)):
        digest.update(part.encode() + b"\0")
    for package in view.code:
        sources = (file for file in files(package).iterdir() if file.name.endswith(".py"))
        for file in sorted(sources, key=lambda file: file.name):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    if isinstance(view, MapView):
        digest.update(inspect.getsource(inspect.getmodule(view.function) or view.function).encode() + b"\0")
        for library in ("numpy", "opencv-python-headless", "pillow", "simplejpeg"):
            digest.update(f"{library}=={importlib.metadata.version(library)}\0".encode())
    return digest.hexdigest()[:16]
