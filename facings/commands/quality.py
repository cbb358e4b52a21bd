"""Commands of the quality model: training it, and reporting how good it is."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from facings.console import bars, configure_logging, print_json, print_table, say
from facings.options import JsonOption, LakeOption, VerboseOption, example, open_lake
from facings.settings import from_environment
from lake import FacingsError

app = typer.Typer()


class MissingExtra(FacingsError):
    """Training and reports need libraries that the run time does without."""


def _check_extra() -> None:
    missing = [name for name in ("sklearn", "vl_convert") if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"no {' and no '.join(missing)}: install them with pip install 'facings[train]'")


@app.command(
    epilog=example(
        "facings train photos/ --out model.json",
        "facings train photos/ --leave-out held-out.txt --out model.json --baseline baseline.json",
        "facings train photos/ --lake shop --labels labels.csv --out model.json",
    )
)
def train(
    photos: Annotated[list[Path], typer.Argument(help="Folders of sharp, well exposed photos.")],
    out: Annotated[Path, typer.Option(help="File to write the model to.")],
    seed: Annotated[int, typer.Option(min=0, help="Of damages, scenes and network.")] = 1,
    leave_out: Annotated[
        Path | None, typer.Option(help="File of photos' names, a line each, to keep for the evaluation.")
    ] = None,
    renders: Annotated[int, typer.Option(min=0, help="Renders of the demo to learn from, too.")] = 40,
    baseline: Annotated[Path | None, typer.Option(help="Also write Gaussian naive Bayes of the same examples.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="CSV of `class` and `sha256` or `capture_id`: photos of the lake to learn from.")
    ] = None,
    lake: LakeOption = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Train the quality model on good photos, damaged in known ways, and on labelled photos of a lake."""
    _check_extra()
    from facings.jobs_quality import run_train

    configure_logging(verbose)
    settings = from_environment()
    opened = open_lake(lake, settings) if labels is not None else None
    with bars() as progress:
        report = run_train(
            photos, out, seed, settings, progress,
            leave_out=leave_out, renders=renders, baseline=baseline, lake=opened, labels=labels,
        )  # fmt: skip
    if json:
        print_json(report)
    else:
        say(f"wrote {report.model_id} to {report.out}, from {report.examples:,} examples of {report.photos:,} photos")
        say(f"see how good it is: facings evaluate {photos[0]} --model {report.out} --out report/")


@app.command(
    epilog=example(
        "facings evaluate photos/ --out report/",
        "facings evaluate photos/ --camera other-camera/ --model model.json --out report/",
        "facings evaluate photos/ --out report/ --only-timing",
    )
)
def evaluate(
    photos: Annotated[
        list[Path], typer.Argument(help="Folders of sharp photos; those the model has seen are left out.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for report.md, report.json and the plots.")],
    model: Annotated[Path | None, typer.Option(help="Model to report on; the shipped one if not given.")] = None,
    camera: Annotated[list[Path] | None, typer.Option(help="Folder of another camera's sharp photos.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of damages and scenes; not that of the training.")] = 2,
    small: Annotated[int, typer.Option(min=1, help="At most so many photos as they are.")] = 150,
    large: Annotated[int, typer.Option(min=0, help="Shelves of 12 megapixels to put together.")] = 12,
    renders: Annotated[int, typer.Option(min=0, help="Renders of the demo.")] = 16,
    peers_every: Annotated[int, typer.Option(min=0, help="Peers look at one small photo in so many; 0 for none.")] = 6,
    timing: Annotated[
        bool,
        typer.Option("--timing/--no-timing", help="Take seconds a megapixel; not on a busy machine."),
    ] = True,
    only_timing: Annotated[
        bool, typer.Option("--only-timing", help="Take the seconds of the report in --out again, on an idle machine.")
    ] = False,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Report how well the quality model does, beside its peers, on photos and damages that it was not trained on."""
    _check_extra()
    from facings.jobs_quality import run_evaluate, run_timing
    from facings.quality_sets import EvaluationSize

    configure_logging(verbose)
    settings = from_environment()
    size = EvaluationSize(small, large, renders, peers_every)
    with bars() as progress:
        if only_timing:
            report = run_timing(photos, out, seed, settings, model=model)
        else:
            report = run_evaluate(
                photos, out, seed, settings, progress, model=model, cameras=camera or [], size=size, timing=timing
            )
    if json:
        print_json(report.figures)
        return
    rows = [{"what": g[0], "goal": f"{g[1]:g}", "figure": f"{g[2]:.4f}", "met": g[3]} for g in report.goals]
    print_table(f"{report.figures['model_id']}", rows, right=["goal", "figure"])
    say(f"wrote {report.path}")
