"""The batch layer: ingest into the append-only master, and views rebuilt from it."""
