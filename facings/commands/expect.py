"""Data checks as a command: expectations on the tables, with warn or fail."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facings.console import Exit, cell, configure_logging, print_json, print_table, say
from facings.options import JsonOption, LakeOption, VerboseOption, clock, example, open_lake, run_id
from facings.settings import from_environment

app = typer.Typer()


@app.command(epilog=example("facings expect --lake shop", "facings expect --rules rules.toml --lake shop"))
def expect(
    lake: LakeOption = None,
    rules: Annotated[
        Path | None, typer.Option(help="Rules on top of those that come with Facings.", envvar="FACINGS_RULES")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="RULE", help="Only this rule; may be repeated.")] = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Check what is in the tables against rules. Exit 1 where one of level "fail" is broken or can't be checked."""
    from batch.checks import FAIL, OK, RuleError, check_and_record, read_rules

    configure_logging(verbose)
    settings = from_environment()
    opened = open_lake(lake, settings)
    try:
        wanted = read_rules(rules)
    except RuleError as error:
        raise typer.BadParameter(str(error), param_hint="--rules") from error
    names = [rule.name for rule in wanted]
    for name in only or ():
        if name not in names:
            raise typer.BadParameter(f"no rule {name!r}; there are {', '.join(names)}", param_hint="--only")
    chosen = [rule for rule in wanted if not only or rule.name in only]
    results = check_and_record(opened, chosen, clock(settings), run_id(settings))
    unmet = [result for result in results if result.status != OK]
    if json:
        told = f"{len(results) - len(unmet)} of {len(results)} rules hold"
        print_json({"summary": "; ".join([told, *(f"{r.level} {r.rule}" for r in unmet)]), "results": results})
    else:
        shown = ("rule", "level", "status", "value", "limit", "detail")
        rows = [{name: cell(getattr(result, name)) for name in shown} for result in results]
        print_table("Expectations", rows, right=("value", "limit"))
    for result in unmet:
        say(f"{result.level}: {result.rule}: {result.about}: {result.status}, {result.detail}")
    if any(result.level == FAIL or result.status == "error" for result in unmet):
        raise typer.Exit(Exit.FAILED)
