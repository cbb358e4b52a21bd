"""`python -m facings` is the command `facings`."""

from facings.cli import main

main()
