"""The lineage of a lake as a graph in the DOT language. Pure: rows of `runs` in, text out; names are quoted."""

from __future__ import annotations

import json

import pandas as pd

from schemas.tables import VIEWS
from serving.theme import FINE, OK, UNKNOWN

_VIEWS = {table.name.rpartition("/")[2]: table.name for table in VIEWS}  # a run's step is the short name


def lineage_graph(rows: pd.DataFrame) -> str | None:
    """Tables with their versions, and the steps between them; None where no step tells its sources.

    `rows` are those of `runs`: step, version, sources (JSON of table to version), seconds, mode.
    """
    nodes: dict[str, str] = {}
    edges: list[str] = []
    for row in rows.to_dict("records"):
        try:
            sources = json.loads(str(row["sources"]))
        except ValueError:
            continue
        target = _VIEWS.get(str(row["step"]))
        if not isinstance(sources, dict) or not sources or target is None:
            continue
        version = "" if pd.isna(row["version"]) else f"version {int(row['version'])}"
        nodes[target] = _node(target, version, FINE)
        for source, read in sources.items():
            nodes.setdefault(str(source), _node(str(source), f"version {read}", "#ffffff"))
            edges.append(f"{_quoted(str(source))} -> {_quoted(target)};")
    if not edges:
        return None
    head = (
        'digraph lineage { rankdir=LR; bgcolor="transparent"; nodesep=0.18; ranksep=0.7;'
        ' node [shape=box, style="rounded,filled", fontname="sans-serif", fontsize=11, fontcolor="#1d2733"'
        f', color="{OK}"];'
        f' edge [color="{UNKNOWN}", arrowsize=0.6];'
    )
    return "\n".join([head, *nodes.values(), *sorted(set(edges)), "}"])


def _node(name: str, note: str, fill: str) -> str:
    return f'{_quoted(name)} [label={_quoted(name + (chr(10) + note if note else ""))}, fillcolor="{fill}"];'


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
