"""Runs the benchmarks of the batch layer: `python -m bench`."""

from __future__ import annotations

from bench import engines, incremental, memory

if __name__ == "__main__":
    engines.main([])
    memory.main([])
    incremental.main([])
