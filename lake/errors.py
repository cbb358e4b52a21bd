"""Errors of the lake, named by what the caller can do about them."""

from __future__ import annotations


class FacingsError(Exception):
    """Base of every error that Facings raises on purpose; its message names value, place and remedy."""


class LakeError(FacingsError):
    """Base of the lake's errors."""


class LakeNotFound(LakeError):
    """There is no lake at the address: create one, or correct the address."""


class StoreRefused(LakeError):
    """The object store can't be reached, or refuses: set right what the message names and run again."""


class TableCorrupt(LakeError):
    """A table's log or files are damaged: repair what the message names before reading on."""


class CommitConflict(LakeError):
    """Another writer committed first: read again and repeat."""


class ChangesLost(LakeError):
    """The log or files that tell what changed since a version are gone: rebuild in full."""


class FilesGone(LakeError):
    """Files of a pinned version were vacuumed or erased: what was made from them can't be made again."""


class LakeTooNew(LakeError):
    """The lake was written by a later release: upgrade before reading it."""


class QueryError(LakeError):
    """A query names a table or column that is not there, or is not allowed."""
