"""Generated histories of a lake, in parts with a rebuild after each."""

from __future__ import annotations

from hypothesis import strategies as st

SHOTS = st.tuples(st.just("capture"), st.integers(0, 5), st.sampled_from(["d1", "d2"]), st.integers(0, 9000))
BOXES = st.tuples(st.just("boxes"), st.integers(0, 5), st.lists(st.sampled_from(["cola", "milk", None]), max_size=3))
OTHERS = st.one_of(
    st.tuples(st.just("broken"), st.integers(6, 8)),
    st.tuples(st.just("door"), st.integers(0, 3), st.sampled_from(["open", "close"]), st.integers(0, 9000)),
    st.tuples(st.just("plan"), st.sampled_from(["d1", "d2"]), st.integers(0, 9000)),
    st.tuples(st.just("reject"), st.integers(0, 9), st.sampled_from(["d1", None])),
)
# Holds each kind of thing at least once, whatever is generated around it.
EVERYTHING = [
    ("capture", 1, "d1", 100),
    ("capture", 2, "d2", 9_000),
    ("again", 0, "d1", 1, 70),
    ("again", 0, "d1", 2, 95),
    ("boxes", 1, ["cola", "milk"]),
    ("boxes", 2, [None, "cola"]),
    ("broken", 7),
    ("door", 1, "open", 90),
    ("door", 1, "close", 200),
    ("plan", "d1", 50),
    ("reject", 3, "d1"),
    ("reject", 4, None),
    ("compact",),
]
HISTORIES = st.tuples(
    st.lists(st.one_of(SHOTS, SHOTS, BOXES, OTHERS), min_size=10, max_size=16),
    st.lists(st.one_of(SHOTS, BOXES, OTHERS), min_size=4, max_size=10).map(lambda part: EVERYTHING + part),
).map(list)
