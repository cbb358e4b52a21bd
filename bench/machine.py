"""What a measurement was taken on: processor, cores, memory, day, and the versions that decide."""

from __future__ import annotations

import importlib.metadata
import os
from datetime import UTC, datetime
from pathlib import Path

import psutil

_LIBRARIES = ("pyarrow", "deltalake", "duckdb", "simplejpeg", "pyspark", "dask", "ray", "daft", "fugue", "pillow")


def describe() -> dict[str, object]:
    """Facts for the head of a report; `load` is the machine's load average of a minute at the time of asking."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    return {
        "processor": ", ".join(sorted(models)) or "unknown",
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "day": datetime.now(UTC).date().isoformat(),
        "load": round(os.getloadavg()[0], 2),
        "versions": {name: _version(name) for name in _LIBRARIES},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
