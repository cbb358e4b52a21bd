"""What a 10% sample says of each device, beside what batch finds of all its captures: interval coverage and bias.

    python -m bench.coverage --events 40000 --devices 100

Events go through a real broker to `facings score --sample-rate 0.1`; its estimates and 95% intervals are read. Then
`facings archive` and `facings rebuild` find the truth. Small photos, so that many captures can be scored; one counts as
usable from the p_good on that parts those photos in two.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.services import Service, end_in_order, run_to_end, until
from bench.timing import print_table
from demo.broker import Broker
from demo.live import Pace, ensure_topic, send
from demo.script import messages, tiny_album
from lake import Lake
from serving.merge import Merged

RATE = 0.1
_ALL: dict[str, object] = {
    "start": datetime(2000, 1, 1, tzinfo=UTC),
    "end": datetime(2100, 1, 1, tzinfo=UTC),
    "stores": [],
    "devices": [],
}


@dataclass(frozen=True)
class Coverage:
    """Of so many intervals, one a device, the share that holds the truth; totals over the devices with a sample.

    `lowest_rate` is that of the row with the smallest probability: the rate gives way while many events wait.
    """

    devices: int
    captures: int
    sampled: int
    lowest_rate: float
    covered: float
    median_width: float  # of an interval, as a share of the device's captures
    usable: int
    estimated: float


def coverage(
    broker: Broker, topic: str, folder: Path, *, events: int, devices: int, per_s: float, seed: int = 1
) -> Coverage:
    """Sends the events at a rate that the service keeps up with, lets the sample speak, then batch."""
    lake, connection = folder / "lake", broker.client_options()
    Lake.open(str(lake), create=True)
    ensure_topic(connection, topic, 4)
    source = messages(tiny_album(seed, devices=devices), seed=seed, name=f"cover-{seed}", resent=0.02, bad=0.005)
    options = ["--brokers", broker.address, "--topic", topic, "--lake", lake]
    score = Service("score", ["score", *options, "--sample-rate", RATE], folder)
    score.start()
    try:
        until(lambda: "partitions assigned" in score.said(), "score reads", 120)
        send(source, connection, topic, Pace(per_s), events=events)
        until(lambda: _counted(lake) >= events, "all counted", 300, 0.5)
    finally:
        score.send(signal.SIGTERM)
        score.wait(60)
    before = Merged(Lake.open(str(lake)))
    run_to_end("archive", ["archive", *options, "--until-caught-up"], folder)
    run_to_end("rebuild", ["rebuild", "quality", "throughput", "--lake", lake], folder)

    opened = Lake.open(str(lake))
    known = sorted(p for p in opened.read("views/quality", columns=["p_good"]).column(0).to_pylist() if p is not None)
    threshold = float(known[len(known) // 2])
    truth = {one.device_id: one for one in Merged(opened).usable(_ALL, threshold) if one.batch}
    found = [one for one in before.usable(_ALL, threshold) if one.device_id in truth]
    rates = opened.read("realtime/quality", columns=["sampling_probability"]).column(0).to_pylist()
    inside, widths = [], []
    for one in found:
        _, low, high = one.total
        inside.append(low <= truth[one.device_id].batch_usable <= high)
        widths.append((high - low) / one.captures)
    return Coverage(
        len(found),
        sum(one.captures for one in found),
        len(rates),
        min(rates),
        sum(inside) / len(inside),
        statistics.median(widths),
        sum(truth[one.device_id].batch_usable for one in found if one.estimate.sampled),
        sum(one.estimate.total or 0.0 for one in found if one.estimate.sampled),
    )


def _counted(lake: Path) -> int:
    return sum(Lake.open(str(lake)).read("realtime/throughput", columns=["events"]).column(0).to_pylist())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints a table, or with --json a list of objects."""
    parser = argparse.ArgumentParser(prog="python -m bench.coverage")
    parser.add_argument("--events", type=int, default=40_000, help="of each round; half of them are captures")
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--rate", type=float, default=1_000, help="events a second")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    end_in_order()
    found = []
    with tempfile.TemporaryDirectory(prefix="facings-coverage-") as name, Broker(Path(name) / "broker") as broker:
        for seed in range(1, options.rounds + 1):
            folder = Path(name) / str(seed)
            folder.mkdir()
            size = {"events": options.events, "devices": options.devices}
            found.append(coverage(broker, f"cover-{seed}", folder, **size, per_s=options.rate, seed=seed))
    if options.json:
        print(json.dumps([asdict(one) for one in found]))
        return 0
    head = ("devices", "captures", "scored", "lowest rate", "intervals that hold", "width", "usable", "estimated")
    rows = [
        (
            *(one.devices, f"{one.captures:,}", f"{one.sampled:,}", f"{one.lowest_rate:.3f}"),
            *(f"{one.covered:.1%}", f"{one.median_width:.2f}", f"{one.usable:,}", f"{one.estimated:,.0f}"),
        )
        for one in found
    ]
    print_table(head, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
