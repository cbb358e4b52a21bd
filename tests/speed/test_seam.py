"""Law 6: at every moment a merged answer is batch's rows, and realtime's for what batch does not cover."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lake import Lake
from lake.keep import pinned_versions
from lake.offsets import Fenced, OffsetTable
from lake.upkeep import optimise, vacuum_table
from schemas.tables import CAPTURES, REALTIME_THROUGHPUT, TABLES
from serving.merge import Merged
from speed import archive, score
from speed.expire import expire
from tests.batch.build import Clock as BatchClock
from tests.batch.build import photo, put_capture, put_image, run
from tests.speed import stream

ALL: dict[str, object] = {
    "start": datetime(2020, 1, 1, tzinfo=UTC),
    "end": datetime(2030, 1, 1, tzinfo=UTC),
    "stores": [],
    "devices": [],
}
PARTITIONS = 2
KINDS = st.sampled_from(["good", "good", "good", "undecodable", "refused", "not-json"])


class Crash(Exception):
    """A process that ends here."""


class Seam(RuleBasedStateMachine):
    """Random lives of a lake, beside a model of sets and offsets."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.lake = Lake.open(self.folder.name, create=True)
        self.loader = stream.make_loader()
        self.log = stream.Log(PARTITIONS)
        self.clock = BatchClock()
        # The model: what each event tells (capture, was it refused by the archive), by partition and offset.
        self.told: list[list[tuple[str | None, bool]]] = [[] for _ in range(PARTITIONS)]
        self.by_file: set[str] = set()
        self.rebuilt: tuple[set[str], list[int]] = (set(), [0] * PARTITIONS)
        self.judged: set[str] = set()
        self.count = 0

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.loader.__exit__()
            self.folder.cleanup()

    @rule(partition=st.integers(0, PARTITIONS - 1), kinds=st.lists(KINDS, min_size=1, max_size=4))
    def send(self, partition: int, kinds: list[str]) -> None:
        for kind in kinds:
            self.count += 1
            name = f"c{self.count}"
            device, taken = f"d{partition}", self.count * 1000.0
            event = stream.capture(name, self.count % 5, device=device, taken=taken)
            if kind == "undecodable":
                damaged = photo(self.count % 5)[:-300]
                event = stream.capture(name, device=device, taken=taken, image_bytes=stream.inline(damaged))
            elif kind == "refused":
                event = stream.capture(name, device=device, taken=taken, sha256="0" * 64)
            elif kind == "not-json":
                event = event[:40]
            self.log.send(partition, event)
            self.told[partition].append((None if kind == "not-json" else name, kind == "refused"))

    @precondition(lambda self: any(self.told))
    @rule(partition=st.integers(0, PARTITIONS - 1), data=st.data())
    def send_again(self, partition: int, data: st.DataObject) -> None:
        if self.told[partition]:
            index = data.draw(st.integers(0, len(self.told[partition]) - 1))
            self.log.send(partition, self.log.events[partition][index])
            self.told[partition].append(self.told[partition][index])

    @rule()
    def arrives_by_file_too(self) -> None:
        names = [name for part in self.told for name, refused in part if name is not None and not refused]
        if names:
            name = names[self.count % len(names)]
            if name not in self._captures():
                put_capture(self.lake, name, put_image(self.lake, photo(1)), device="d9")

    @rule(most=st.integers(1, 5), crash=st.sampled_from([None, None, "before", "redelivered"]))
    def archive(self, most: int, crash: str | None) -> None:
        self._take(stream.make_archive(self.lake, self.loader), archive.TABLE, most, crash)

    @rule(
        most=st.integers(1, 5),
        rate=st.sampled_from([1.0, 0.5, 0.0]),
        crash=st.sampled_from([None, None, "before", "between", "redelivered"]),
    )
    def score(self, most: int, rate: float, crash: str | None) -> None:
        sink = stream.make_score(self.lake, self.loader, rate)
        if crash == "between":

            def dies(*_: Any) -> None:
                raise Crash

            setattr(sink._throughput, "append", dies)  # noqa: B010  # the process ends before its last commit
        self._take(sink, score.TABLE, most, crash)
        sink.close()

    def _take(self, sink: Any, table: Any, most: int, crash: str | None) -> None:
        def confirm() -> None:
            if crash == "before":
                raise Crash

        batch = self.log.batch(self.lake, table, most)
        if not batch.messages:
            return
        try:
            stream.take(sink, batch, confirm)
        except Crash:
            return
        if crash == "redelivered":
            try:
                stream.take(sink, batch)
            except Fenced:
                return
            raise AssertionError("a batch that was committed was taken again")

    @rule(views=st.sampled_from([("quality",), ("throughput",), ("quality", "throughput")]))
    def rebuild(self, views: tuple[str, ...]) -> None:
        run(self.lake, *views, clock=self.clock)
        if "throughput" in views:
            self.rebuilt = (self._captures(), self._offsets(CAPTURES))
        if "quality" in views:
            self.judged = self._captures()

    @rule()
    def expire(self) -> None:
        expire(self.lake)

    @rule()
    def upkeep(self) -> None:
        """Compaction, and a vacuum that keeps only what lineage pins, however young."""
        optimise(self.lake)
        pinned = pinned_versions(self.lake)
        for name in TABLES:
            vacuum_table(self.lake, name, 0, pinned[name], delete=True)

    def _captures(self) -> set[str]:
        return set(self.lake.read("master/captures", columns=["capture_id"]).column(0).to_pylist())

    def _offsets(self, table: Any) -> list[int]:
        streams = [stream.TOPIC.stream(p) for p in range(PARTITIONS)]
        found = OffsetTable(self.lake.storage, table).read(streams)
        return [found[name] or 0 for name in streams]

    @invariant()
    def each_capture_counts_once(self) -> None:
        if not hasattr(self, "lake"):
            return
        merged = Merged(self.lake)
        known, offsets = self.rebuilt
        scored = self._offsets(REALTIME_THROUGHPUT)
        more = {
            name
            for p in range(PARTITIONS)
            for name, _ in self.told[p][offsets[p] : scored[p]]
            if name is not None and name not in known
        }
        counted = merged.throughput(ALL)
        assert counted["captures"].sum() == len(known | more)
        assert counted["realtime"].sum() == len(more)

        archived, captures = self._offsets(CAPTURES), self._captures()
        judged = {name for name in captures if name in self.judged or self._has_judged_photo(name)}
        waiting = {
            name
            for p in range(PARTITIONS)
            for offset, (name, _) in enumerate(self.told[p][: scored[p]])
            if name is not None and name not in judged and not (offset < archived[p] and name not in captures)
        }
        usable = merged.usable(ALL, 0.5)
        assert sum(one.batch for one in usable) == len(judged)
        assert sum(one.waiting for one in usable) == len(waiting)
        rows = merged.captures(ALL, 10_000)
        assert not [name for name, times in Counter(rows["capture_id"]).items() if times > 1]
        assert set(rows[rows["layer"] == "batch"]["capture_id"]) == judged
        assert set(rows[rows["layer"] == "realtime"]["capture_id"]) <= waiting

    def _has_judged_photo(self, name: str) -> bool:
        # Another capture's photo, judged before: the same content is the same row.
        found = self.lake.sql(
            "SELECT 1 FROM captures c WHERE c.capture_id = $name AND c.sha256 IN "
            "(SELECT sha256 FROM views_quality UNION ALL SELECT sha256 FROM views_unreadable)",
            {"name": name},
        )
        return found.num_rows > 0


TestSeam = Seam.TestCase
TestSeam.settings = settings(
    max_examples=8,
    stateful_step_count=14,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a life takes seconds: making one shorter would take minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
