"""Runs every benchmark: `python -m bench`."""

from __future__ import annotations

from bench import crops, incremental

if __name__ == "__main__":
    crops.main([])
    incremental.main([])
