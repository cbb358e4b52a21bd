"""Commands on the batch views: rebuild, status, export."""

from __future__ import annotations

import shlex
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
    engine: Annotated[
        str,
        typer.Option(
            help="embedded: threads and DuckDB, no JVM. spark, dask, ray: on FACINGS_CLUSTER or this machine."
        ),
    ] = "embedded",
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
            opened, views or [], settings, clock(settings), run_id(settings), progress,
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


@app.command(
    name="spark-command",
    epilog=example(
        "facings spark-command --master spark://head:7077 --lake s3://photos/shop",
        "facings spark-command crops --master yarn --executors 10 --cores 4 --lake s3://photos/shop",
    ),
)
def spark_command(
    views: Annotated[list[str] | None, typer.Argument(help="Views to rebuild; all if none.")] = None,
    lake: LakeOption = None,
    master: Annotated[str, typer.Option(help="spark://HOST:PORT, yarn, or k8s://URL.")] = "spark://HOST:7077",
    executors: Annotated[int, typer.Option(min=1, help="Executors to ask for.")] = 2,
    cores: Annotated[int, typer.Option(min=1, help="Cores of each; a core maps one photo at a time.")] = 4,
    dist: Annotated[Path, typer.Option(help="Where `make dist` wrote what travels.")] = Path("dist"),
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Print the spark-submit command of a rebuild on a cluster: versions, settings and what travels with it."""
    from facings.jobs import spark_submit

    configure_logging(verbose)
    command = spark_submit(
        views or [], lake or from_environment().lake, master=master, executors=executors, cores=cores, dist=dist
    )
    if json:
        print_json({"command": command})
        return
    typer.echo(" \\\n  ".join(shlex.join(part) for part in command))
