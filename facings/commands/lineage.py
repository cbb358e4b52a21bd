"""Commands of the auditor: where a figure came from, what a photo changed, and making a row again."""

from __future__ import annotations

import json as json_text
from typing import Annotated, Any

import typer

from facings.console import Exit, cell, configure_logging, print_json, print_table, say
from facings.options import JsonOption, LakeOption, VerboseOption, example, open_lake
from facings.settings import from_environment

app = typer.Typer()


@app.command(
    epilog=example(
        "facings lineage c-0192f3a4 --lake shop",
        "facings lineage cooler-7/cola-330/c-0192f3a4 --lake shop",
        "facings lineage 4b1f…64-hex-digits --forward --lake shop",
    )
)
def lineage(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="A capture, a photo's sha256, a crop, DEVICE/SKU/CAPTURE, or a table's key joined by /."
        ),
    ],
    lake: LakeOption = None,
    forward: Annotated[bool, typer.Option("--forward", help="Also: which rows of which views did it lead to?")] = False,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Where a row came from: photo, event, file or Kafka offset, versions, code, model and run."""
    from batch.lineage import trace

    configure_logging(verbose)
    found = trace(open_lake(lake, from_environment()), name, forward=forward)
    if json:
        print_json(found)
        return
    for node in found.nodes:
        rows: list[dict[str, Any]] = [
            {"what": column, "is": _shown(value)} for column, value in node.facts.items() if value is not None
        ]
        how = "made" if "code" in node.made else "appended"
        rows += [
            {"what": f"{how}: {column}", "is": _shown(value)}
            for column, value in node.made.items()
            if value is not None
        ]
        for inputs in node.inputs:
            keys = ", ".join(inputs.keys) + (", …" if inputs.rows > len(inputs.keys) else "")
            what = f"from {inputs.table}@{inputs.version}"
            rows.append({"what": what, "is": inputs.note or f"{inputs.rows} rows: {keys}"})
        print_table(f"{node.table} {node.id}, in version {node.version}", rows)
    if forward:
        effects = [
            {
                "view": effect.view,
                "rows": effect.rows,
                "covered": effect.covered,
                "last run": effect.run_id,
                "keys": ", ".join(effect.keys),
            }
            for effect in found.effects
        ]
        print_table("It led to", effects, right=["rows"])


@app.command(epilog=example("facings reproduce 3f9c2d41aa07be55c1d2 --lake shop"))
def reproduce(
    name: Annotated[str, typer.Argument(metavar="CROP_ID", help="A crop, or any other row of a view.")],
    lake: LakeOption = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make a crop again from the versions that it was made from, and compare. Exit 1 where it differs."""
    from batch.lineage import resolve_view
    from batch.reproduce import SAME
    from batch.reproduce import reproduce as make_again

    configure_logging(verbose)
    opened = open_lake(lake, from_environment())
    found = make_again(opened, *resolve_view(opened, name))
    if json:
        print_json(found)
    else:
        sources = ", ".join(f"{table}@{version}" for table, version in sorted(found.sources.items()))
        rows: list[dict[str, Any]] = [
            {"what": "row", "is": f"{found.table}@{found.version} {name}"},
            {"what": "made by run", "is": f"{found.run_id}, {found.engine}, code {found.code}"},
            {"what": "from", "is": sources},
            {"what": "stored", "is": found.stored},
            {"what": "made again", "is": found.recomputed or "no such row"},
        ]
        print_table(found.verdict, rows)
        say(found.why)
    if found.verdict != SAME:
        raise typer.Exit(Exit.FAILED)


def _shown(value: Any) -> str:
    return json_text.dumps(value, sort_keys=True, default=str) if isinstance(value, dict) else cell(value)
