"""Ingest: files, folders, URLs, tables and events into master, each once; what fails is kept with its reason."""

from batch.ingest.ingest import ingest
from intake.settings import IngestError, IngestReport, IngestSettings

__all__ = ["IngestError", "IngestReport", "IngestSettings", "ingest"]
