"""What the map views share: one row a photo in, rows or one reject out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from imaging.errors import ImageError

Row = dict[str, Any]


def map_photos(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, rows_of: Callable[[Mapping[str, Any]], Sequence[Row]]
) -> Iterator[pa.RecordBatch]:
    """Yields, for each photo, its rows in one batch of `schema`; a photo that fails to decode gives its reason.

    Only ImageError counts as a property of the photo; any other exception is a fault of the code and goes on up.
    """
    for batch in batches:
        for photo in _photos(batch):
            try:
                rows = rows_of(photo)
            except ImageError as error:
                rows = [{"sha256": photo["sha256"], "reason": error.reason, "detail": error.detail}]
            yield _batch(rows, schema)


def _batch(rows: Sequence[Row], schema: pa.Schema) -> pa.RecordBatch:
    # By column: RecordBatch.from_pylist takes many times as long where values are large.
    columns = [_column([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_binary(kind) or None in values:
        return pa.array(values, kind)
    # Large values are copied once, into memory of their size; pa.array's grows and moves.
    ends = np.cumsum([0, *map(len, values)], dtype=np.int32)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(values))])


def _photos(batch: pa.RecordBatch) -> Iterator[Row]:
    names = [name for name in batch.schema.names if name != "bytes"]
    data = batch.column("bytes")
    for index, row in enumerate(batch.select(names).to_pylist()):
        row["bytes"] = data[index].as_py()
        yield row
