"""Results into bench/README.md and other pages, between markers of each command's own, and their picture."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.timing import markdown

README = Path(__file__).with_name("README.md")
RESULTS = Path(__file__).with_name("results")
GIB = 1 << 30


def put(name: str, text: str, path: Path = README) -> None:
    """Puts `text` between a page's markers <!-- name --> and <!-- /name -->; ValueError where there are none."""
    page = path.read_text(encoding="utf-8")
    pattern = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"{path.name} has no markers <!-- {name} --> and <!-- /{name} -->")
    path.write_text(pattern.sub(lambda match: f"{match[1]}{text.strip()}\n{match[2]}", page), encoding="utf-8")


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Median (lowest to highest)."""
    low, middle, high = (format(value, form) for value in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low} to {high})"


def ratios(case: Mapping[str, Any], bare: Mapping[str, Any]) -> list[float]:
    """Speed of a case as a share of the bare kernel's in the same round."""
    return [b / c for b, c in zip(bare["warm_s"], case["warm_s"], strict=False)]


def write_engines(result: Mapping[str, Any]) -> str:
    """Writes and returns the table of bench.engines, and draws results/engines.svg."""
    cases, bare = result["cases"], result["cases"].get("bare")
    rows = []
    for case in cases.values():
        if case["failed"] is not None or not case["warm_s"]:
            rows.append([case["label"], f"not run: {case['failed']}", *[""] * 6])
            continue
        rate = [result["captures"] / wall / result["cores"] for wall in case["warm_s"]]
        rows.append(
            [
                case["label"] + (" ¹" if case["few"] else ""),
                spread(case["warm_s"]),
                f"{statistics.median(rate):.2f}",
                spread(ratios(case, bare), ".3g") if bare and bare["warm_s"] else "",
                f"{statistics.median(case['cpu_s']):.1f}",
                f"{statistics.median(case['startup_s']):.1f}",
                f"{statistics.median(case['cold_s']):.1f}",
                f"{max(case['peak_bytes']) / GIB:.2f}",
            ]
        )
    head = ["case", "warm, wall s", "captures/s per core", "of the bare kernel's speed", "CPU s", "start-up s"]
    machine = result["machine"]
    where = f"{result['cores']} cores ({machine['processor']}, {machine['memory_gib']} GiB), {machine['day']}"
    text = f"""{result["captures"]} captures of {result["megapixels"]} megapixels ({result["photos"]}),
{result["boxes"]:,} boxes, {where}; {result["rounds"]} rounds of {result["warm"]} warm runs: median (lowest to highest).

{markdown([*head, "cold start s", "peak memory, GiB"], rows)}

¹ decodes the photo for every box: run on {result["few"]} captures and scaled by boxes.

![Speed, memory and start-up of every case](results/engines.svg)
"""
    put("engines", text)
    _draw(result)
    return text


def _draw(result: Mapping[str, Any]) -> None:
    import altair as alt
    import pandas as pd

    bare = result["cases"].get("bare")
    rows = [
        {
            "case": case["label"],
            "speed": statistics.median(ratios(case, bare)) if bare else None,
            "low": min(ratios(case, bare)) if bare else None,
            "high": max(ratios(case, bare)) if bare else None,
            "memory": max(case["peak_bytes"]) / GIB,
            "start": statistics.median(case["cold_s"]),
            "ours": case["label"].startswith("Facings"),
        }
        for case in result["cases"].values()
        if case["warm_s"]
    ]
    order = [row["case"] for row in rows]
    colour = alt.condition(alt.datum.ours, alt.value("#1f6fb2"), alt.value("#9aa5b1"))

    def panel(column: str, title: str, form: str, first: bool = False) -> Any:
        axis = alt.Axis(labelLimit=220) if first else None
        base = alt.Chart(pd.DataFrame(rows), width=230, height=24 * len(rows)).encode(
            y=alt.Y("case:N", sort=order, title=None, axis=axis), x=alt.X(f"{column}:Q", title=title)
        )
        text = base.mark_text(align="left", dx=4).encode(text=alt.Text(f"{column}:Q", format=form))
        return base.mark_bar().encode(color=colour) + text

    speed = panel("speed", "speed, bare kernel = 1 (bar: median; line: all rounds)", ".2~r", first=True)
    span = alt.Chart(pd.DataFrame(rows)).mark_rule(strokeWidth=2).encode(
        y=alt.Y("case:N", sort=order), x="low:Q", x2="high:Q"
    )  # fmt: skip
    chart = alt.hconcat(
        speed + span,
        panel("memory", "peak memory of the process tree, GiB", ".2f"),
        panel("start", "cold start: seconds before steady state", ".0f"),
    ).configure_view(stroke=None)
    RESULTS.mkdir(exist_ok=True)
    chart.save(str(RESULTS / "engines.svg"))
