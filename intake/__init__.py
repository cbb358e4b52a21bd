"""Intake: records of devices made into rows of master. Guarded fetch, header check, identity, what is known already."""
