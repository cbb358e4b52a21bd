"""Options that commands share, and what turns them into arguments: the lake, the clock, the run's name, the exit."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from facings.console import Exit, say
from facings.settings import Settings, storage_options
from lake import Lake

LakeOption = Annotated[
    str | None,
    typer.Option("--lake", metavar="PATH_OR_URI", help="Where the lake is.", envvar="FACINGS_LAKE", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Log every step to stderr.")]
MaxRejected = Annotated[
    int | None, typer.Option(min=0, help="Exit 3 when more rows than this are rejected.", show_default="no limit")
]


def example(*lines: str) -> str:
    """Epilog of a command's help."""
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(f"  [cyan]$ {line}[/cyan]" for line in lines)


def clock(settings: Settings) -> Callable[[], datetime]:
    """The clock of this process: the real one in UTC, or FACINGS_NOW."""
    fixed = settings.now
    return (lambda: fixed) if fixed is not None else (lambda: datetime.now(UTC))


def new_run_id(now: Callable[[], datetime]) -> str:
    """Name of a run: its time, and six random digits so that two at once differ."""
    return f"{now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def run_id(settings: Settings) -> str:
    """Name of this run: the step that `facings run` started it as, else a new one."""
    return settings.run_id or new_run_id(clock(settings))


def open_lake(uri: str | None, settings: Settings, *, create: bool = False) -> Lake:
    """The lake of `--lake`, else of FACINGS_LAKE. Wrong usage where neither says."""
    where = uri or settings.lake
    if where is None:
        raise typer.BadParameter("say where the lake is: --lake PATH_OR_URI, or set FACINGS_LAKE", param_hint="--lake")
    return Lake.open(where, create=create, options=storage_options())


def instant(text: str) -> datetime:
    """A time in RFC 3339, UTC where it names no zone. Wrong usage where it is none."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a time like 2026-03-01T12:00:00Z", param_hint="--until") from error
    return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


def span(text: str) -> timedelta:
    """A length of time such as 12h or 7d. Wrong usage where it is none."""
    units = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    number, unit = text[:-1].strip(), text[-1:]
    if unit not in units or not number.isdigit():
        raise typer.BadParameter(f"{text!r} is not a length of time like 12h or 7d", param_hint="--retain")
    return timedelta(**{units[unit]: int(number)})


def end(rejected: int, limit: int | None) -> None:
    """Exit 3 where more rows were rejected than allowed."""
    if limit is not None and rejected > limit:
        say(f"{rejected:,} rejected, more than the {limit:,} allowed")
        raise typer.Exit(Exit.REJECTS)
