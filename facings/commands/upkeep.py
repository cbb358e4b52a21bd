"""Commands that keep a lake well for years: optimise, vacuum, check, copy, erase."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from facings.console import Exit, bars, configure_logging, print_json, print_table, say, size
from facings.options import JsonOption, LakeOption, VerboseOption, clock, example, new_run_id, open_lake, span
from facings.settings import from_environment, storage_options

app = typer.Typer()


@app.command(epilog=example("facings optimise --lake shop", "facings optimise master/images runs --lake shop"))
def optimise(
    tables: Annotated[list[str] | None, typer.Argument(help="Tables; all if none.")] = None,
    lake: LakeOption = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make small files into large ones and write checkpoints. No row changes; safe beside writers."""
    from lake.upkeep import optimise as optimise_tables

    configure_logging(verbose)
    opened = open_lake(lake, from_environment())
    with bars() as progress:
        done = optimise_tables(opened, tables or [], progress=progress)
    if json:
        print_json({"tables": done})
        return
    rows = [
        {"table": t.table, "files before": t.files_before, "after": t.files_after, "rewritten": size(t.bytes_rewritten)}
        for t in done
        if t.files_before != t.files_after or t.checkpoint or t.note
    ]
    print_table("Optimised", rows, right=["files before", "after", "rewritten"])
    for table in done:
        if table.note:
            say(table.note)
    if not rows:
        say("nothing to do: no table has small files to make one of")


@app.command(
    epilog=example(
        "facings vacuum --lake shop",
        "facings vacuum --retain 30d --yes --lake shop",
        "facings vacuum --json --lake shop",
    )
)
def vacuum(
    lake: LakeOption = None,
    retain: Annotated[
        str, typer.Option(metavar="SPAN", help="Keep every version of the last 12h, 7d, …, and what lineage pins.")
    ] = "7d",
    yes: Annotated[bool, typer.Option("--yes", help="Delete them; without it they are only listed.")] = False,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """List, or delete, files that no kept version needs: replaced ones, and what killed rebuilds left."""
    from lake.upkeep import vacuum as vacuum_tables

    configure_logging(verbose)
    settings = from_environment()
    hours = int(span(retain) / timedelta(hours=1))
    with bars() as progress:
        done = vacuum_tables(
            open_lake(lake, settings), retain_h=hours, now=clock(settings)(), delete=yes, progress=progress
        )
    count, total = sum(len(t.files) for t in done), sum(t.size_bytes for t in done)
    if json:
        print_json({"deleted": yes, "files": count, "size_bytes": total, "tables": done})
        return
    rows = [{"table": t.table, "files": len(t.files), "size": size(t.size_bytes)} for t in done if t.files]
    print_table("Deleted" if yes else "Could be deleted", rows, right=["files", "size"])
    say(f"{count:,} files, {size(total)}" + ("" if yes or not count else ": delete them with --yes"))


@app.command(epilog=example("facings check --lake shop", "facings check --sample 500 --json --lake shop"))
def check(
    lake: LakeOption = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Look at so many photos, and scopes of each view; all if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which sample.")] = 0,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Verify the lake: logs, files, keys, hashes of photos, sums, and that views are what their sources give."""
    from batch.verify import check as check_lake
    from facings.jobs import threads

    configure_logging(verbose)
    settings = from_environment()
    with bars() as progress:
        report = check_lake(
            open_lake(lake, settings), sample=sample, seed=seed, threads=threads(settings), progress=progress
        )
    if json:
        print_json(report)
    else:
        rows = [{"fault": f.code, "law": f.law, "table": f.table, "detail": f.detail} for f in report.faults]
        print_table(f"{len(rows)} faults", rows, right=["law"])
        for remedy in sorted({f"{fault.table}: {fault.remedy}" for fault in report.faults}):
            say(remedy)
        for note in report.notes:
            say(note)
        what = "everything" if sample is None else f"a sample of {sample:,}"
        say(f"checked {what}: {', '.join(f'{n:,} {name}' for name, n in report.checked.items())}")
    if not report.ok:
        raise typer.Exit(Exit.FAILED)


@app.command(
    epilog=example(
        "facings copy --to /backup/shop --lake shop",
        "facings copy --to s3://backup/shop --as-of 2026-03-01T12:00:00Z --lake shop",
    )
)
def copy(
    to: Annotated[
        str, typer.Option(metavar="PATH_OR_URI", help="An empty place, or that of a copy that was broken off.")
    ],
    lake: LakeOption = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="VERSION", help="A version of master/captures, or a time in RFC 3339.")
    ] = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Copy the lake as it was at one moment, verify every byte, and go on where a copy was broken off."""
    from lake.copy import copy_lake

    configure_logging(verbose)
    settings = from_environment()
    opened = open_lake(lake, settings)
    with bars() as progress:
        at = opened.moment(as_of) if as_of is not None else None
        done = copy_lake(opened, to, at=at, options=storage_options(), progress=progress)
    if json:
        print_json(done)
    else:
        there = f" ({done.resumed:,} were there)" if done.resumed else ""
        say(f"copied {done.files:,} files, {size(done.size_bytes)}{there}, to {done.to}; verified")


@app.command(epilog=example('facings erase --store store-7 --why "contract ended, ticket 4711" --yes --lake shop'))
def erase(
    store: Annotated[str, typer.Option(help="Everything that this store sent goes.")],
    why: Annotated[str, typer.Option(help="The reason, kept on record.")],
    lake: LakeOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Erase; without it the command says what would go.")] = False,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Erase a store's photos and all that was made of them, for good: rows, old versions, files. Kept on record."""
    from facings.jobs_upkeep import run_erase

    configure_logging(verbose)
    settings = from_environment()
    opened = open_lake(lake, settings)
    with bars() as progress:
        done = run_erase(
            opened,
            settings,
            clock(settings),
            new_run_id(clock(settings)),
            progress,
            store=store,
            why=why,
            dry_run=not yes,
        )
    if json:
        print_json(done)
        return
    rows = [{"table": name, "rows": count} for name, count in done.rows.items() if count]
    print_table("Erased" if yes else "Would be erased", rows, right=["rows"])
    for line in done.breaks:
        say(line)
    if not yes:
        say("nothing was touched: add --yes to erase")
