"""The step driver as a command: one run, a resumed one, or one at each new version of master."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facings.console import configure_logging
from facings.options import JsonOption, LakeOption, VerboseOption, example
from facings.settings import from_environment

app = typer.Typer()


@app.command(
    epilog=example(
        "facings run photos/ --lake shop",
        "facings run --pipeline nightly.toml --param day=2026-03-01 --lake shop",
        "facings run --resume last --lake shop",
        "facings run --follow --every 5 --lake shop",
        "facings run --dry-run --lake shop",
    )
)
def run(
    sources: Annotated[list[str] | None, typer.Argument(help="What to ingest first, without a pipeline.")] = None,
    lake: LakeOption = None,
    pipeline: Annotated[
        Path | None, typer.Option(help="Steps as TOML (docs/operations.md).", envvar="FACINGS_PIPELINE")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="STEP", help="Begin with this step.")] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="STEP", help="Only this step; may be repeated.")] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN_ID", help='Go on from the step where that run failed; or "last".')
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run also what is up to date.")] = False,
    retry: Annotated[
        int | None, typer.Option(min=0, max=100, help="Attempts after the first, for steps that don't say.")
    ] = None,
    continue_on_error: Annotated[bool, typer.Option("--continue-on-error", help="Go on after a failed step.")] = False,
    time_limit: Annotated[
        float | None, typer.Option(min=0.001, metavar="SECONDS", help="Limit of a step that doesn't say.")
    ] = None,
    param: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Value of $NAME; repeated.")] = None,
    notify: Annotated[
        list[str] | None, typer.Option(metavar="TARGET", help="https://… (Slack's form), mailto:…, or a command.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be run, and change nothing.")] = False,
    follow_master: Annotated[
        bool, typer.Option("--follow", help="Run at each new version of master, until SIGTERM.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.001, metavar="MINUTES", help="At most one run in so long.")] = 5.0,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run the steps: ingest, rebuild, expire, optimise, vacuum and checks, or those of a pipeline file."""
    from batch.pipeline import Choice, PipelineError
    from facings.driver import Asked, drive

    configure_logging(verbose)
    asked = Asked(
        lake, tuple(sources or ()), pipeline, Choice(start, tuple(only or ()), resume, force), retry, continue_on_error,
        time_limit, tuple(param or ()), tuple(notify or ()), dry_run, every * 60 if follow_master else None, json,
    )  # fmt: skip
    try:
        code = drive(asked, from_environment())
    except PipelineError as error:
        raise typer.BadParameter(str(error)) from error
    if code:
        raise typer.Exit(code)
