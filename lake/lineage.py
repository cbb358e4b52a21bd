"""Lineage of a rebuild: what a commit's rows were made from, kept in that commit's own metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

KEY = "facings"


@dataclass(frozen=True)
class Lineage:
    """Sources, code and parameters that a view's rows are a function of, and the run that made them.

    Same `sources`, `code` and `parameters`: same rows, on every engine.
    """

    run_id: str
    view: str
    engine: str
    mode: str
    sources: Mapping[str, int]
    code: str
    parameters: Mapping[str, Any]
    run: Mapping[str, Any] = field(
        default_factory=dict
    )  # the run's row in `runs`, for the case that it was not written

    def metadata(self) -> dict[str, str]:
        """Custom metadata of a commit; one key with canonical JSON."""
        return {KEY: json.dumps(asdict(self), sort_keys=True, default=str)}

    @classmethod
    def parse(cls, metadata: Mapping[str, Any]) -> Lineage | None:
        """Lineage in a commit's metadata, or None where the commit is not a rebuild's."""
        text = metadata.get(KEY)
        return cls(**json.loads(text)) if text else None


@dataclass(frozen=True)
class Commit:
    """One version of a table."""

    version: int
    at: datetime
    operation: str
    lineage: Lineage | None
