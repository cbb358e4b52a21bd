"""Every contract of Facings: JSON Schemas of events, Arrow schemas of tables, reason codes, upcasting."""
