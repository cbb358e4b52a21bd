"""Simulated stores: planograms, rendered shelves with known truth, door events, late, repeated and broken uploads.

`demo.generate.generate` writes photos, `events.jsonl` and `truth.json`; `demo.render.render_shelf` draws one shelf.
Everything is a function of its arguments: no clock, no network, no files besides the ones that it writes.
"""
