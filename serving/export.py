"""A page's rows as a file: CSV, Parquet or XLSX. Bytes out; text from devices can't become a formula."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(rows: pd.DataFrame) -> bytes:
    """UTF-8 with a header. Text that a spreadsheet would run as a formula gets a leading apostrophe."""

    def quoted(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

    texts = [name for name in rows.columns if rows[name].dtype == object]
    return rows.assign(**{name: rows[name].map(quoted) for name in texts}).to_csv(index=False).encode("utf-8")


def as_parquet(rows: pd.DataFrame) -> bytes:
    """One row group, compressed; types as they are."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), sink, compression="zstd")
    return sink.getvalue()


def as_xlsx(rows: pd.DataFrame) -> bytes:
    """One sheet. Text stays text: no formulas, no links. Times are UTC without a zone, which the format lacks."""
    zoned = [name for name in rows.columns if isinstance(rows[name].dtype, pd.DatetimeTZDtype)]
    plain = rows.assign(**{name: rows[name].dt.tz_localize(None) for name in zoned})
    sink = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with pd.ExcelWriter(sink, engine="xlsxwriter", engine_kwargs={"options": options}) as writer:
        plain.to_excel(writer, index=False, sheet_name="Facings", freeze_panes=(1, 0))
    return sink.getvalue()


@dataclass(frozen=True)
class Form:
    """A file's form: its name to people, ending, media type and writer."""

    title: str
    ending: str
    mime: str
    write: Callable[[pd.DataFrame], bytes]


FORMS = (
    Form("CSV", "csv", "text/csv", as_csv),
    Form("Parquet", "parquet", "application/vnd.apache.parquet", as_parquet),
    Form("XLSX", "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", as_xlsx),
)
