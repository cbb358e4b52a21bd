"""The subcommands, one module a group; `facings.cli` puts them together."""
