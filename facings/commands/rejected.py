"""Commands on what was refused: list, show, replay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facings.console import bars, configure_logging, out, print_json, print_table, printable, say, size
from facings.options import (
    JsonOption,
    LakeOption,
    MaxRejected,
    VerboseOption,
    clock,
    end,
    example,
    new_run_id,
    open_lake,
)
from facings.settings import from_environment

SHOWN_BYTES = 4000
app = typer.Typer()
rejected_app = typer.Typer(
    help="The ledger of what was refused: rows and unreadable photos alike.", no_args_is_help=True
)
app.add_typer(rejected_app, name="rejected")


@rejected_app.command(
    "list", epilog=example("facings rejected list --lake shop", "facings rejected list --reason truncated")
)
def rejected_list(
    lake: LakeOption = None,
    reason: Annotated[str | None, typer.Option(help="Only this reason code.")] = None,
    state: Annotated[
        str | None, typer.Option(help="Only open, replayed-ok, replayed-again or unreadable ones.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """What was refused, by reason: rows at ingest, and photos that later did not decode."""
    from batch.rejected import list_rejected

    configure_logging(verbose)
    settings = from_environment()
    ledger = list_rejected(open_lake(lake, settings), reason=reason, state=state, limit=limit)
    if json:
        print_json(ledger)
        return
    print_table(
        "By reason",
        [{"reason": r.reason, "rows": r.rows, "open": r.open, "meaning": r.explain} for r in ledger.reasons],
        right=["rows", "open"],
    )
    if ledger.rows:
        out_of = f"{len(ledger.rows)} of {ledger.total}"
        shown = ("id", "rejected_at", "state", "reason", "origin", "detail")
        rows = [{name: getattr(row, name) for name in shown} for row in ledger.rows]
        print_table(f"\nNewest ({out_of})", rows)


@rejected_app.command("show", epilog=example("facings rejected show r-5b0c… --lake shop"))
def rejected_show(
    name: Annotated[str, typer.Argument(metavar="ID", help="As `facings rejected list` names it.")],
    lake: LakeOption = None,
    to: Annotated[Path | None, typer.Option(help="Write what was refused, byte for byte, to this file.")] = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """One refusal, whole: why, from where, what was kept, and what replays came to."""
    from batch.rejected import show_rejected

    configure_logging(verbose)
    found = show_rejected(open_lake(lake, from_environment()), name)
    if to is not None:
        to.write_bytes(found.payload or b"")
    text = _readable(found.payload)
    if json:
        print_json({"row": found.row, "explain": found.explain, "replays": found.replays, "payload": text})
        return
    facts = {name: getattr(found.row, name) for name in found.row.__dataclass_fields__}
    print_table("Refused", [{"what": k.replace("_", " "), "is": v} for k, v in facts.items() if v is not None])
    say(found.explain)
    if found.replays:
        print_table("Replays", found.replays)
    if text is not None:
        out.print(printable(text[:SHOWN_BYTES]), markup=False)
    elif found.payload is not None:
        say(f"{size(len(found.payload))} that are no text: write them to a file with --to")
    else:
        say("nothing was kept: it exceeded the limit, or never arrived")


@rejected_app.command(
    "replay",
    epilog=example(
        "facings rejected replay --dry-run --lake shop",
        "facings rejected replay --reason missing-file --lake shop",
        "facings rejected replay r-5b0c… --corrected again.jpg --lake shop",
    ),
)
def rejected_replay(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Those refusals; all open if none.")
    ] = None,
    lake: LakeOption = None,
    reason: Annotated[str | None, typer.Option(help="Only those of this reason code.")] = None,
    corrected: Annotated[
        Path | None, typer.Option(help="A photo in place of each one's own, or a file of corrected records.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come of it; write nothing.")] = False,
    store: Annotated[str | None, typer.Option(help="Store of captures that don't name one.")] = None,
    device: Annotated[str | None, typer.Option(help="Device of captures that don't name one.")] = None,
    max_rejected: MaxRejected = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Take refused rows in again, after a fix or with corrected input. The ledger keeps them, with their attempts."""
    from facings.jobs_upkeep import run_replay

    if corrected is not None and not ids and reason is None:
        raise typer.BadParameter("say which refusals it corrects: their IDs or a --reason", param_hint="--corrected")
    configure_logging(verbose)
    settings = from_environment()
    opened = open_lake(lake, settings)
    with bars() as progress:
        report = run_replay(
            opened, settings, clock(settings), new_run_id(clock(settings)), progress,
            ids=ids or [], reason=reason, corrected=corrected, dry_run=dry_run, store=store, device=device,
        )  # fmt: skip
    if json:
        print_json(report)
    else:
        shown = ("reject_id", "origin", "was", "outcome", "reason", "detail")
        print_table("Replayed", [{name: getattr(row, name) for name in shown} for row in report.rows[:50]])
        word = "would be " if dry_run else ""
        say(f"{len(report.rows):,} refusals: {report.ok:,} {word}taken, {report.again:,} {word}refused again")
    end(report.again, max_rejected)


def _readable(payload: bytes | None) -> str | None:
    try:
        return payload.decode() if payload is not None else None
    except UnicodeDecodeError:
        return None
