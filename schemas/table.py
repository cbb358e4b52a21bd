"""What the declarations of tables are made of: the form of a table, types that several share.

Times are UTC with microseconds. Sizes end in `_bytes`, durations in `_s`. Columns may be added in later versions;
names and meanings stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
BOX = pa.struct(
    [
        ("label", pa.string()),
        ("xmin", pa.float64()),
        ("xmax", pa.float64()),
        ("ymin", pa.float64()),
        ("ymax", pa.float64()),
        ("confidence", pa.float64()),
    ]
)
SEEN = pa.struct(
    [
        ("offset", pa.int64()),
        ("capture_id", pa.string()),  # null where the event tells of no capture
        ("rejected", pa.bool_()),
        ("late", pa.bool_()),
        ("size_bytes", pa.int64()),
    ]
)
CLASSES = ("good", "blur", "motion", "dark", "bright", "noise", "moire")


@dataclass(frozen=True)
class Table:
    """One Delta table of a lake. `key` names one row; `blobs` are columns of bytes, read one row at a time."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    append_only: bool = False
    blobs: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column but the binary ones: what can be read in bulk."""
        return tuple(name for name in self.schema.names if name not in self.blobs)


def schema_of(*fields: tuple[str, pa.DataType]) -> pa.Schema:
    """An Arrow schema of (name, type) pairs, all nullable."""
    return pa.schema([pa.field(name, kind) for name, kind in fields])
