"""The Delta lake: open, scan at a version, append once, rebuild commits with lineage, object storage."""

from lake.errors import (
    ChangesLost,
    CommitConflict,
    FacingsError,
    LakeError,
    LakeNotFound,
    QueryError,
    StoreRefused,
    TableCorrupt,
)
from lake.lake import Lake
from lake.lineage import Commit, Lineage
from lake.write import Appended, Replaced

__all__ = [
    "Appended",
    "ChangesLost",
    "Commit",
    "CommitConflict",
    "FacingsError",
    "Lake",
    "LakeError",
    "LakeNotFound",
    "Lineage",
    "QueryError",
    "Replaced",
    "StoreRefused",
    "TableCorrupt",
]
