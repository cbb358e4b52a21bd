"""Measurements of the product beside its peers, each comparison in one run: see README.md."""
