"""The `facings` command and its settings: the one place that knows every layer."""
