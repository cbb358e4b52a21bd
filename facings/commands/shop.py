"""Commands that show: the dashboard and the demo."""

from __future__ import annotations

from typing import Annotated

import typer

from facings.console import bars, cell, configure_logging, print_json, print_table, say
from facings.options import (
    JsonOption,
    LakeOption,
    VerboseOption,
    clock,
    example,
    instant,
    open_lake,
)
from facings.settings import from_environment

app = typer.Typer()


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
