"""Command that tells people what needs attention, once each: for a timer, or a step of a pipeline."""

from __future__ import annotations

import hashlib
import json as json_text
import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from facings.console import Exit, configure_logging, print_json, print_table, say
from facings.options import JsonOption, LakeOption, VerboseOption, clock, example, new_run_id, open_lake
from facings.settings import Settings, environment, from_environment
from lake import Lake
from serving.alerts import Alert, due, lasting, read_rules, text

app = typer.Typer()


@app.command(
    epilog=example("facings alerts --rules alerts.toml --lake shop", "facings alerts --rules alerts.toml --dry-run")
)
def alerts(
    rules: Annotated[Path, typer.Option(help="TOML file of [[alert]] tables; see docs/alerts.md.")],
    lake: LakeOption = None,
    state: Annotated[
        Path | None, typer.Option(help="What was told already.", show_default="a file in ~/.facings")
    ] = None,
    hours: Annotated[int, typer.Option(min=1, help="How far back from the newest capture to look.")] = 48,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be told, and tell nobody.")] = False,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Tell webhooks, mailboxes or commands what needs attention, each finding once while it lasts."""
    from serving.attention import findings
    from serving.queries import Filters, newest
    from serving.reader import PinnedReader

    configure_logging(verbose)
    settings = from_environment()
    opened, wanted = open_lake(lake, settings), read_rules(rules)
    path = state or _state_of(opened)
    reader = PinnedReader(tuple(opened.versions(_tables()).items()), opened.dataset)
    end = newest(reader)
    start = None if end is None else (end - timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
    found = [] if end is None or start is None else findings(reader, Filters(start, end))
    now = clock(settings)()
    before = _read(path)
    found_alerts = due(wanted, found, before, now)
    problems: list[str] = []
    told = lasting(wanted, found, before)
    for alert in found_alerts:
        failed = [] if dry_run else _tell(alert, opened, settings, text(alert, now))
        problems += failed
        if not failed:  # what could not be told is told by the next run
            told |= set(alert.keys)
    if not dry_run:
        _write(path, told)
    _report(found_alerts, problems, json)
    if problems:
        raise typer.Exit(Exit.FAILED)


def _tell(alert: Alert, lake: Lake, settings: Settings, lines: str) -> list[str]:
    from batch.pipeline.notify import FAILED, Message, check_targets, tell

    targets = alert.rule.tell or settings.notify
    if not targets:
        return [f"alert {alert.rule.name!r} has nobody to tell: give it `tell`, or set FACINGS_NOTIFY"]
    check_targets(targets, settings.smtp)
    title = f"{alert.rule.name}: {len(alert.findings)} at {Path(lake.storage.root).name}"
    message = Message(FAILED, title, lines, lake.storage.root, new_run_id(clock(settings)))
    return tell(targets, message, smtp=settings.smtp, env=environment())


def _report(found: list[Alert], problems: list[str], json: bool) -> None:
    rows = [{"rule": alert.rule.name, "finding": each.what} for alert in found for each in alert.findings]
    if json:
        print_json({"alerts": rows, "problems": problems})
    elif rows:
        print_table("Alerts", rows)
    else:
        say("nothing new to tell")
    for problem in problems:
        say(problem)


def _tables() -> tuple[str, ...]:
    from schemas.tables import TABLES

    return tuple(TABLES)


def _state_of(lake: Lake) -> Path:
    return Path.home() / ".facings" / f"alerts-{hashlib.sha256(lake.storage.root.encode()).hexdigest()[:16]}.json"


def _read(path: Path) -> set[str]:
    try:
        return set(json_text.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return set()


def _write(path: Path, told: set[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_suffix(f".{os.getpid()}")
    made.write_text(json_text.dumps(sorted(told), indent=1), "utf-8")
    made.replace(path)
