"""Commands that fill master: ingest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facings.console import bars, configure_logging, print_json, print_table, say, size
from facings.options import (
    JsonOption,
    LakeOption,
    MaxRejected,
    VerboseOption,
    clock,
    end,
    example,
    open_lake,
    run_id,
)
from facings.settings import from_environment

app = typer.Typer()


@app.command(
    epilog=example(
        "facings ingest photos/ --lake shop",
        "facings ingest annotations.csv --lake shop",
        "facings ingest photos/ --annotations labels.json --format coco --lake shop",
        "facings ingest https://photos.example.com/cooler-7.jpg --device cooler-7 --lake shop",
    )
)
def ingest(
    sources: Annotated[list[str], typer.Argument(help="Photos, folders, URLs, tables of boxes, or JSONL events.")],
    lake: LakeOption = None,
    annotations: Annotated[Path | None, typer.Option(help="A table or folder of boxes for the photos.")] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="csv, coco, voc, yolo or events; found out if not given.")
    ] = None,
    store: Annotated[str | None, typer.Option(help="Store of captures that don't name one.")] = None,
    device: Annotated[
        str | None, typer.Option(help="Device of captures that don't name one; else the folder's name.")
    ] = None,
    max_rejected: MaxRejected = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Take photos, boxes and events into master. The same source again adds nothing."""
    from facings.jobs import run_ingest

    configure_logging(verbose)
    settings = from_environment()
    opened = open_lake(lake, settings, create=True)
    with bars() as progress:
        report = run_ingest(
            opened, sources, settings, clock(settings), run_id(settings), progress,
            annotations=annotations, form=form, store=store, device=device,
        )  # fmt: skip
    if json:
        print_json(report)
    else:
        say(
            f"{report.rows_in:,} rows in: {report.ok:,} ok, {report.skipped:,} skipped, {report.rejected:,} rejected, "
            f"in {report.seconds:.1f} s ({size(report.bytes_in)} read)"
        )
        added = ("images", "captures", "annotations", "door_events", "planograms")
        print_table(
            "Added to master",
            [{"table": name, "rows": getattr(report, f"{name}_added")} for name in added],
            right=["rows"],
        )
        if report.reasons:
            print_table(
                "Rejected", [{"reason": k, "rows": v} for k, v in sorted(report.reasons.items())], right=["rows"]
            )
            say("See them with: facings rejected list")
    end(report.rejected, max_rejected)
