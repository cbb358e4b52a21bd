"""The notebook example of docs/engines.md runs as it is printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import fugue.api as fa

from tests.batch.build import photo


def test_the_example_of_the_page_runs(root: Path, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (root / "docs/engines.md").read_text("utf-8"), re.DOTALL)
    for seed in range(3):
        (tmp_path / f"{seed}.jpg").write_bytes(photo(seed))
    names: dict[str, Any] = {"FOLDER": tmp_path, "ENGINE": None}
    exec(compile(code, "docs/engines.md", "exec", dont_inherit=True), names)
    found = fa.as_arrow(names["usable"]).to_pylist()
    assert [row["sha256"] for row in found] == ["0.jpg", "1.jpg", "2.jpg"]
    assert all(0 <= row["p_good"] <= 1 for row in found)
