"""What every command shares: one JSON object or a table on stdout, progress and logs on stderr, exit codes."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime
from enum import IntEnum
from typing import Any

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

# A pipe has no width: rows stay on one line, for grep and for logs.
out = Console(highlight=False, width=None if sys.stdout.isatty() else 240)
err = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 240)


class Exit(IntEnum):
    """Exit codes of the command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REJECTS = 3


def configure_logging(verbose: bool, *, quiet: bool = False) -> None:
    """Logs to stderr, one line an event, with the text of devices kept inert; `quiet` leaves warnings out."""
    handler = RichHandler(console=err, show_path=False, markup=False, rich_tracebacks=False)
    level = logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING
    logging.basicConfig(level=level, format="%(message)s", datefmt="%H:%M:%S", handlers=[handler], force=True)


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    sys.stdout.write(json.dumps(plain(value), sort_keys=True, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """`value` as JSON types: dataclasses as objects, times as RFC 3339 in UTC, bytes as a count."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return value


def print_table(title: str, rows: Sequence[Mapping[str, Any]], *, right: Sequence[str] = ()) -> None:
    """A table on stdout; columns in `right` are aligned to the right. Cells are text, never markup."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for name in rows[0] if rows else ():
        table.add_column(name.replace("_", " "), justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(value)) for value in row.values()))
    out.print(table)


def cell(value: Any) -> str:
    """A value as a person reads it: thousands apart, times to the second, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return printable(str(value))


def printable(text: str) -> str:
    """`text` without control characters: what a device sent can't move the cursor."""
    return "".join(char if char.isprintable() else "�" for char in text)


def size(count: float) -> str:
    """A number of bytes as a person reads it."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


class Bars:
    """Progress bars on stderr, one a step; where that is no terminal, one line as each step ends."""

    def __init__(self, progress: Progress):
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._last: tuple[str, int] | None = None

    def __call__(self, step: str, done: int, total: int) -> None:
        """Shows `done` of `total` units of a step; 0 in all means that it isn't known."""
        if step not in self._tasks:
            self.end_step()
            self._tasks[step] = self._progress.add_task(step, total=total or None)
        self._last = (step, done)
        self._progress.update(self._tasks[step], completed=done, total=total or None)

    def end_step(self) -> None:
        """Says in a line what the last step did, where no bar shows it."""
        if self._last is not None and not err.is_terminal:
            say(f"{self._last[0]}: {self._last[1]:,} done")
        self._last = None


@contextlib.contextmanager
def bars() -> Iterator[Bars]:
    """Progress bars for as long as the block runs."""
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        shown = Bars(progress)
        yield shown
        shown.end_step()


def say(text: str) -> None:
    """One line on stderr: what is being done."""
    err.print(Text(printable(text)))
