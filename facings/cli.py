"""The command `facings`: the composition root. It reads the settings and hands everything on as arguments."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from facings.console import Exit, bars, cell, configure_logging, err, print_json, print_table, printable, say, size
from facings.options import (
    JsonOption,
    LakeOption,
    MaxRejected,
    VerboseOption,
    clock,
    end,
    example,
    instant,
    new_run_id,
    open_lake,
)
from facings.settings import from_environment
from lake.errors import FacingsError

app = typer.Typer(
    name="facings",
    help="Analytics on retail shelf photos: what stands on each shelf, how captures flow, which photos to trust.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
rejected_app = typer.Typer(
    help="The ledger of what was refused: rows and unreadable photos alike.", no_args_is_help=True
)
app.add_typer(rejected_app, name="rejected")


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
            opened, sources, settings, clock(settings), new_run_id(clock(settings)), progress,
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


@app.command(
    epilog=example(
        "facings rebuild --lake shop",
        "facings rebuild crops quality --full --lake shop",
        "facings rebuild --as-of 2026-03-01T12:00:00Z --lake shop",
    )
)
def rebuild(
    views: Annotated[
        list[str] | None, typer.Argument(help="Views to rebuild, with those they read; all if none.")
    ] = None,
    lake: LakeOption = None,
    engine: Annotated[str, typer.Option(help="embedded: threads and DuckDB, no JVM.")] = "embedded",
    full: Annotated[bool, typer.Option("--full", help="Rebuild everything, not only what changed.")] = False,
    as_of: Annotated[
        str | None, typer.Option(metavar="VERSION", help="A version of master/captures, or a time in RFC 3339.")
    ] = None,
    max_rejected: MaxRejected = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Rebuild the batch views from master: only what changed, unless told otherwise."""
    from facings.jobs import run_rebuild

    configure_logging(verbose)
    settings = from_environment()
    opened = open_lake(lake, settings)
    with bars() as progress:
        report = run_rebuild(
            opened, views or [], settings, clock(settings), new_run_id(clock(settings)), progress,
            engine=engine, full=full, as_of=as_of,
        )  # fmt: skip
    if json:
        print_json(report)
    else:
        columns = ("view", "mode", "rows_in", "ok", "skipped", "rejected", "seconds", "version")
        rows = [{name: getattr(view, name) for name in columns} for view in report.views]
        print_table(f"Run {report.run_id}, {report.engine}, {report.seconds:.1f} s", rows, right=columns[2:])
        for view in report.views:
            versions = ", ".join(f"{table}@{version}" for table, version in sorted(view.sources.items()))
            say(f"{view.view}: {view.why}; from {versions}")
    end(report.rejected, max_rejected)


@app.command(epilog=example("facings status --lake shop", "facings status --json --lake shop"))
def status(lake: LakeOption = None, json: JsonOption = False, verbose: VerboseOption = False) -> None:
    """State of the lake: tables, versions, what the views cover, and what to run next."""
    from batch.status import read_status

    configure_logging(verbose)
    settings = from_environment()
    state = read_status(open_lake(lake, settings))
    if json:
        print_json(state)
        return
    rows = [
        {
            "table": t.name,
            "rows": t.rows,
            "files": t.files,
            "size": size(t.size_bytes),
            "version": t.version,
            "committed": t.committed_at,
            "state": t.state,
        }
        for t in state.tables
    ]
    print_table(f"Lake {state.lake}", rows, right=["rows", "files", "size", "version"])
    for line in state.advice:
        say(line)


@rejected_app.command(
    "list", epilog=example("facings rejected list --lake shop", "facings rejected list --reason truncated")
)
def rejected_list(
    lake: LakeOption = None,
    reason: Annotated[str | None, typer.Option(help="Only this reason code.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """What was refused, by reason: rows at ingest, and photos that later did not decode."""
    from batch.rejected import list_rejected

    configure_logging(verbose)
    settings = from_environment()
    ledger = list_rejected(open_lake(lake, settings), reason=reason, limit=limit)
    if json:
        print_json(ledger)
        return
    print_table(
        "By reason",
        [{"reason": r.reason, "rows": r.rows, "meaning": r.explain} for r in ledger.reasons],
        right=["rows"],
    )
    if ledger.rows:
        out_of = f"{len(ledger.rows)} of {ledger.total}"
        shown = ("rejected_at", "reason", "origin", "detail")
        rows = [{name: getattr(row, name) for name in shown} for row in ledger.rows]
        print_table(f"\nNewest ({out_of})", rows)


@app.command(
    epilog=example(
        "facings export inventory --to inventory.csv --lake shop",
        "facings export crops --to crops/ --format coco --lake shop",
        "facings export quality --to quality.parquet --as-of 3 --lake shop",
    )
)
def export(
    view: Annotated[
        str, typer.Argument(help="crops, quality, inventory, throughput, visits, unreadable, or any table.")
    ],
    to: Annotated[Path, typer.Option(help="File to write; a folder for coco.")],
    lake: LakeOption = None,
    form: Annotated[
        str | None, typer.Option("--format", help="parquet, csv or coco; by the file's ending if not given.")
    ] = None,
    as_of: Annotated[
        int | None, typer.Option(metavar="VERSION", help="Version of the table; the newest if not given.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over what is there.")] = False,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Write a view as Parquet or CSV, or crops as COCO with their photos."""
    from batch.export import export_table

    configure_logging(verbose)
    settings = from_environment()
    with bars() as progress:
        report = export_table(
            open_lake(lake, settings), view, to, form=form, version=as_of, force=force, progress=progress
        )
    if json:
        print_json(report)
    else:
        say(
            f"wrote {report.rows:,} rows of {report.table}@{report.version} to {report.to}"
            + (f" ({report.note})" if report.note else "")
        )


@app.command(epilog=example("facings serve --lake shop", "facings serve --lake shop --port 8600"))
def serve(
    lake: LakeOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on; loopback unless told otherwise.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8501,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Serve the dashboard."""
    from serving.launch import serve as serve_dashboard

    configure_logging(verbose)
    settings = from_environment()
    root = open_lake(lake, settings).storage.root
    if json:
        print_json({"lake": root, "url": f"http://{host}:{port}"})
    say(f"dashboard of {root} on http://{host}:{port} (stop with Ctrl-C)")
    raise typer.Exit(serve_dashboard(root, host=host, port=port))


@app.command(
    epilog=example("facings demo --lake .facings/demo", "facings demo --lake /tmp/demo --seed 3 --stores 2 --hours 24")
)
def demo(
    lake: LakeOption = None,
    seed: Annotated[int, typer.Option(help="The same seed and time make the same stores.")] = 7,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="End of the story, RFC 3339.", show_default="now")
    ] = None,
    hours: Annotated[int, typer.Option(min=1, max=24 * 14, help="Length of the story.")] = 48,
    stores: Annotated[int, typer.Option(min=1, max=50)] = 6,
    steps: Annotated[
        int, typer.Option(min=1, max=48, help="In how many rounds of ingest and rebuild to take it in.")
    ] = 4,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Simulated stores with known truth: photos, door events, sales and faults, taken in and rebuilt round by round."""
    from facings.story import run_demo

    configure_logging(verbose, quiet=True)  # the story's rejects are part of it: they are on the dashboard
    settings = from_environment()
    close = instant(until) if until else clock(settings)().replace(minute=0, second=0, microsecond=0)
    with bars() as progress:
        report = run_demo(
            open_lake(lake, settings, create=True),
            settings,
            seed=seed,
            until=close,
            hours=hours,
            stores=stores,
            steps=steps,
            progress=progress,
        )
    if json:
        print_json(report)
    else:
        print_table(
            "The demo", [{"what": k.replace("_", " "), "value": cell(v)} for k, v in report.items()], right=["value"]
        )


def main() -> None:
    """Runs the command; an expected error is one line on stderr and exit 1, wrong usage is exit 2."""
    try:
        app()
    except FacingsError as error:
        err.print(f"facings: {printable(str(error))}", style="red", markup=False)
        sys.exit(Exit.FAILED)
    except KeyboardInterrupt:
        err.print("facings: stopped; what was committed stays, run again to go on")
        sys.exit(130)


if __name__ == "__main__":
    main()
