"""Colours and what they mean, the same on every page; readable on light and on dark ground."""

from __future__ import annotations

OK = "#2f7fc1"
ATTENTION = "#e0a030"
BAD = "#cd483a"  # white text on it has a contrast of 4.6
UNKNOWN = "#9aa5b1"
DARK_INK, LIGHT_INK = "#1d2733", "#ffffff"  # of text on these colours
SECOND = "#9467bd"  # what stands beside a series in OK, and is no better or worse: usual, p99
FINE = "#a3c9e8"  # OK, paler: where most of a surface is fine, and what is not must stand out

# Facings beside the plan, from none to all: bad, through attention, to fine.
STATES = {"out of stock": BAD, "below plan": ATTENTION, "at plan": FINE, "unknown": UNKNOWN}
# One facing of a planogram beside the photo.
PLACES = {"there": FINE, "missing": ATTENTION, "out of stock": BAD, "unknown": UNKNOWN}
RUN_STATES = {"ok": OK, "failed": BAD}
CLASSES = {
    "good": OK,
    "blur": BAD,
    "motion": "#e58a7f",
    "dark": "#6b5b4d",
    "bright": ATTENTION,
    "noise": "#efcf8d",
    "moire": "#a8744f",
    "not scored": UNKNOWN,
}
# Stores are told apart by place and label; where they must share a chart, by shades of one hue.
SHADES = ("#16446b", "#2f7fc1", "#7db5e0", "#4b6a85", "#a7c4da", "#1b8a8f", "#6fc3bf", "#8795a5", "#c3d3e0", "#2b5f63")
