"""Peak memory of one full rebuild of the crops, in bytes: `python -m bench.peak LAKE THREADS`, a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def peak_of_crops(lake: Path, threads: int) -> int:
    """Bytes of resident memory at the highest, interpreter and libraries included."""
    command = [sys.executable, "-m", "bench.peak", str(lake), str(threads)]
    done = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


def _high_water_bytes() -> int:
    # Not getrusage: on Linux its maximum survives exec and so includes the parent's.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM: peak memory is measured on Linux only")


def main(arguments: list[str]) -> None:
    """Rebuilds and prints the peak."""
    from bench.captures import run_rebuild
    from lake import Lake

    folder, threads = arguments
    run_rebuild(Lake.open(folder), "peak", threads=int(threads), names=["crops"], full=True)
    print(_high_water_bytes())


if __name__ == "__main__":
    main(sys.argv[1:])
