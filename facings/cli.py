"""The command `facings`: the composition root. It reads the settings and hands everything on as arguments."""

from __future__ import annotations

import sys

import typer

from facings.commands import (
    alerts,
    demo,
    expect,
    lineage,
    master,
    quality,
    rejected,
    run,
    shop,
    speed,
    stream,
    upkeep,
    views,
)
from facings.console import Exit, err, printable
from lake.errors import FacingsError

app = typer.Typer(
    name="facings",
    help="Analytics on retail shelf photos: what stands on each shelf, how captures flow, which photos to trust.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# In the order that --help lists them.
for group in (master, rejected, views, run, expect, alerts, shop, lineage, upkeep, quality, demo, speed, stream):
    app.add_typer(group.app)


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
