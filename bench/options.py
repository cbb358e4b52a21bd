"""Options that several benches share, as a parent of their parsers."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from bench.captures import DEFAULT_SHELVES


def shelves_and_cores() -> argparse.ArgumentParser:
    """`--shelves`, `--cores` and `--scratch`: what is measured on, with what, and where."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--shelves", type=Path, default=DEFAULT_SHELVES, help="folder of annotations.csv and photos")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="cores to use (default: all)")
    parser.add_argument("--scratch", type=Path, help="where to write meanwhile (default: the system's)")
    return parser
