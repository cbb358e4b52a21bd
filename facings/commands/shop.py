"""Commands that show: the dashboard."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from facings.console import configure_logging, print_json, say
from facings.options import JsonOption, LakeOption, VerboseOption, example, open_lake
from facings.settings import from_environment, frugal, storage_options

app = typer.Typer()


@app.command(epilog=example("facings serve --lake shop", "facings serve --lake shop --port 8600"))
def serve(
    lake: LakeOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on; loopback unless told otherwise.")] = "127.0.0.1",
    access: Annotated[
        Path | None, typer.Option(help="File that configures sign-in and who sees which stores; none: no sign-in.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8501,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Serve the dashboard."""
    if (environment := frugal()) is not None:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
    from serving.launch import serve as serve_dashboard

    configure_logging(verbose)
    settings = from_environment()
    root = open_lake(lake, settings).storage.root
    if json:
        print_json({"lake": root, "url": f"http://{host}:{port}"})
    say(f"dashboard of {root} on http://{host}:{port} (stop with Ctrl-C)")
    raise typer.Exit(serve_dashboard(root, host=host, port=port, storage=storage_options(), access=access))
