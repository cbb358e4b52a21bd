"""The report of an evaluation: Markdown with plots, and the figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from batch.quality.charts import FEWEST, draw
from batch.quality.evaluate import SIZES, goals
from imaging.model import CLASSES

_TIMED = {  # by their names in batch.quality.peers
    "decode": "scaled grey decode",
    "measure": "our measurements",
    "origin": "the origin's",
    "cleanvision": "CleanVision",
}


def write_report(figures: Mapping[str, Any], folder: Path) -> Path:
    """Writes `report.md`, `report.json` and the plots below `folder`; the path of the first."""
    names = draw(figures, folder)
    text = json.dumps(figures, indent=1, allow_nan=False, default=float) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8")
    path = folder / "report.md"
    path.write_text(markdown(figures, names), encoding="utf-8")
    return path


def markdown(figures: Mapping[str, Any], plots: Sequence[str]) -> str:
    """The report as Markdown."""
    parts = figures["parts"]
    mixed = {name: part for name, part in parts.items() if "usable" in part}
    training = figures.get("training", {})
    blocks = [
        "# Quality report",
        f"Model `{figures['model_id']}`, baseline `{figures['baseline_id']}`, evaluation seed {figures['seed']}.",
        "Made by:",
        f"```\n{figures['command']}\n```",
        f"Trained with seed {training.get('seed')} on {len(training.get('photos', ()))} photos and scenes made of them"
        f" (examples `{training.get('examples')}`, code `{training.get('code')}`). No photo here was among them, nor a"
        " seed. What the damages are, how strong, and what still counts as good: `imaging/degrade.py`.",
        "## Goals",
        _table(
            ("what", "goal", "figure", "met"),
            [
                (what, f"{goal:g}", f"{value:.4f}", "yes" if met else "**no**")
                for what, goal, value, met in goals(figures)
            ],
        ),
        "## Areas under the curve, with 95 % intervals",
        "Usable: good against all damage. A class: it against all others.",
        _table(
            ("part", "examples", "usable", *CLASSES[1:]),
            [
                (
                    name,
                    part["examples"],
                    _interval(part["usable"]),
                    *(_interval(part["classes"][each]) if each in part["classes"] else "" for each in CLASSES[1:]),
                )
                for name, part in mixed.items()
            ],
        ),
        f"![Areas by class]({plots[0]})",
        *[f"- {name}: {part['title']}" for name, part in parts.items()],
        f"## Verdicts at `p_good` ≥ {figures['trust_threshold']:g}",
        _table(
            ("part", "good flagged", "damaged missed", "precision of the flag at recall 0.90", "0.95", "0.99", "Brier"),
            [
                (
                    name,
                    _percent(part["false_alarms"]),
                    _percent(part["missed"]),
                    *(f"{value:.4f}" for value in part["precision_of_flagged_at_recall"].values()),
                    f"{part['brier']:.4f}",
                )
                for name, part in mixed.items()
            ],
        ),
        "Sharp photos of what fools measurements; nothing here is damaged:",
        _table(
            ("part", "examples", "good flagged"),
            [
                (name, part["examples"], _percent(part["false_alarms"]))
                for name, part in parts.items()
                if name not in mixed
            ],
        ),
        "## Beside others, on the same photos in the same run",
        _methods(figures),
        f"![Methods]({plots[1]})",
        "The origin's method is fitted on one half of these very photos and asked about the other, in turn: it knows"
        " the photos and damages, which the model does not. Single measurements get the better of two directions.",
        "## By severity and family",
        f"![Share flagged by severity]({plots[2]})",
        _families(mixed),
        "## Calibration",
        f"Probabilities assume that every second photo is good, and the kinds of damage equally frequent. A point is a"
        f" tenth of the range with {FEWEST} examples or more.",
        f"![Reliability]({plots[3]})",
        "## Confusion",
        *[_confusion(name, mixed[name]) for name in SIZES if name in mixed],
        "## Seconds a megapixel of the photo (median)",
        _seconds(figures["seconds_per_megapixel"]),
    ]
    return "\n\n".join(_joined(blocks)) + "\n"


def _joined(blocks: Sequence[str]) -> list[str]:
    """List items stay together."""
    found: list[str] = []
    for block in blocks:
        if block.startswith("- ") and found and found[-1].startswith("- "):
            found[-1] += "\n" + block
        else:
            found.append(block)
    return [block for block in found if block]


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join("---" if not i else "---:" for i in range(len(head))) + "|"]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def _interval(found: Mapping[str, float]) -> str:
    return f"{found['value']:.4f} ({found['low']:.3f}–{found['high']:.3f})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _methods(figures: Mapping[str, Any]) -> str:
    blocks = []
    for name, found in figures["methods"].items():
        rows = [
            (method, *(f"{areas[each]:.4f}" if each in areas else "" for each in ("usable", *CLASSES[1:])))
            for method, areas in found["areas"].items()
        ]
        if "CleanVision" not in found["areas"]:
            rows.append(("CleanVision", "not installed", *[""] * 6))
        blocks.append(f"{name}, {found['examples']} examples:\n\n" + _table(("method", "usable", *CLASSES[1:]), rows))
    return "\n\n".join(blocks)


def _families(mixed: Mapping[str, Any]) -> str:
    rows = [
        (name, family, _percent(found["flagged"]), f"{found['usable_auc']:.4f}")
        for name, part in mixed.items()
        for family, found in part["by_family"].items()
    ]
    return _table(("part", "damage", "flagged", "usable AUC"), rows)


def _confusion(name: str, part: Mapping[str, Any]) -> str:
    rows = [(true, *(row[guess] for guess in CLASSES)) for true, row in part["confusion"].items()]
    return f"{name}: true class by row, likeliest class by column.\n\n" + _table(("", *CLASSES), rows)


def _seconds(found: Mapping[str, Any]) -> str:
    if not found:
        return "Not taken in this run: `facings evaluate … --only-timing` does, on a machine that does nothing else."
    rows = [
        (part, *(f"{1000 * each[name]:.2f} ms" if name in each else "not installed" for name in _TIMED))
        for part, each in found.items()
    ]
    return _table(("part", *_TIMED.values()), rows)
