"""The speed layer under kills: events of a real broker through real processes that are killed, stopped and cut off.

    python -m bench.soak --minutes 10 --seeds 5 --events 100000

Each seed has a broker, a topic and a lake of its own, two `facings archive` and one `facings score`. While events come
in, a seeded plan kills processes (SIGKILL), stops them past their session and lets them go on (SIGSTOP, SIGCONT), and
kills or stops the broker. In the end the lake is compared with the topic, event by event. Exit 1 where anything is
lost, twice or out of order.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.services import Service, end_in_order, run_to_end, until
from bench.soak_check import Verdict, check, read_topic, records
from bench.timing import print_table
from demo.broker import Broker
from demo.live import ensure_topic
from lake import Lake

TOPIC, PARTITIONS = "captures", 6
SESSION_S = 3.0
STOPPED_S = 5.0  # past the session, so that the group has gone on without it
SAMPLE_RATE = 0.2
KILLS, STOPS, RESTARTS = 50, 20, 10  # at least, over all seeds
_SETTINGS = {"session_timeout_s": str(SESSION_S), "stuck_after_s": "120"}


@dataclass
class Outcome:
    """One seed: what was done to the processes, and what was found."""

    seed: int
    events: int = 0
    kills: int = 0
    stops: int = 0
    broker_restarts: int = 0
    ended_themselves: int = 0  # exits that nobody asked for; they were started again
    not_in_order: int = 0  # did not end with 0 when told to stop
    seconds: float = 0.0
    caught_up_s: float = 0.0
    sent: dict[str, Any] = field(default_factory=dict)
    verdict: Verdict = field(default_factory=Verdict)
    last_words: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Did every guarantee hold?"""
        return self.verdict.held and not self.not_in_order


class Soak:
    """One seed's run in a folder of its own."""

    def __init__(self, folder: Path, seed: int, events: int, seconds: float, plan: Counter[str]):
        self.folder, self.lake = folder, folder / "lake"
        self._events, self._seconds, self._plan = events, seconds, plan
        self._rng = random.Random(seed)
        self.outcome = Outcome(seed, events)
        folder.mkdir(parents=True)
        self._broker = Broker(folder / "broker")
        self._services: list[Service] = []

    def run(self) -> Outcome:
        """The outcome. Whatever happens, nothing is left running."""
        began = time.monotonic()
        with self._broker as broker:
            try:
                ensure_topic(broker.client_options(), TOPIC, PARTITIONS)
                Lake.open(str(self.lake), create=True)
                self._services = [self._service("archive", 1), self._service("archive", 2), self._service("score", 1)]
                for service in self._services:
                    service.start()
                until(lambda: all(s.is_ready() for s in self._services), "the services are ready", 120)
                self._torment()
                self._end_services()
                self._catch_up()
            finally:
                for service in self._services:
                    if service.code() is None:
                        service.kill()
        self.outcome.seconds = round(time.monotonic() - began, 1)
        return self.outcome

    def _service(self, command: str, number: int) -> Service:
        more = ["--sample-rate", SAMPLE_RATE] if command == "score" else []
        options = ["--brokers", self._broker.address, "--topic", TOPIC, "--lake", self.lake, *more]
        return Service(f"{command}-{number}", [command, *options], self.folder, **_SETTINGS)

    def _torment(self) -> None:
        """Sends the events, and does what is planned while they come in."""
        actions = list(self._plan.elements())
        self._rng.shuffle(actions)
        step = self._seconds / (len(actions) + 1)
        devices = self._devices()
        devices.start()
        began = time.monotonic()
        for number, action in enumerate(actions, 1):
            at = began + step * (number + self._rng.uniform(-0.4, 0.4))
            while time.monotonic() < at:
                self._look_after()
                time.sleep(0.1)
            self._do(action)
        while devices.code() is None:
            self._look_after()
            time.sleep(0.1)
        if devices.code() != 0:
            raise RuntimeError(f"the devices ended with {devices.code()}: {devices.said()[-2000:]}")
        lines = [line for line in devices.said().splitlines() if line.startswith("{")]
        self.outcome.sent = json.loads(lines[-1])

    def _devices(self) -> Service:
        rate = self._events / self._seconds / 1.35  # with its bursts: the plan's time
        options = ["--rate", rate, "--burst", "8x", "--burst-every", 10, "--burst-for", 0.5, "--events", self._events]
        command = ["demo", "--live", "--tiny", "--seed", self.outcome.seed, "--brokers", self._broker.address]
        return Service("devices", [*command, "--topic", TOPIC, *options, "--json"], self.folder)

    def _do(self, action: str) -> None:
        if action == "restart":
            (self._broker.kill if self._rng.random() < 0.5 else self._broker.stop)()
            self._broker.start()
            self.outcome.broker_restarts += 1
            return
        until(self._somebody_ready, "a service is up to be hit", 120)
        victim = self._rng.choice([s for s in self._services if self._is_up(s)])
        if action == "kill":
            victim.kill()
            victim.start()
            self.outcome.kills += 1
        else:
            victim.send(signal.SIGSTOP)
            threading.Timer(STOPPED_S, self._resume, (victim, victim.pid)).start()
            self.outcome.stops += 1

    def _somebody_ready(self) -> bool:
        self._look_after()
        return any(map(self._is_up, self._services))

    def _all_up(self) -> bool:
        self._look_after()
        return all(map(self._is_up, self._services))

    def _is_up(self, service: Service) -> bool:
        return service.code() is None and not service.stopped and service.is_ready()

    def _resume(self, service: Service, pid: int) -> None:
        if service.code() is None and service.pid == pid:
            service.send(signal.SIGCONT)

    def _look_after(self) -> None:
        """Starts again what has ended by itself."""
        for service in self._services:
            if service.code() is not None:
                lines = [line for line in service.said().splitlines() if line.strip()]
                self.outcome.last_words.append(f"{service.name} ended with {service.code()}: {lines[-1:]}")
                self.outcome.ended_themselves += 1
                service.start()

    def _end_services(self) -> None:
        until(self._all_up, "all services are up at the end", 180)
        for service in self._services:
            service.send(signal.SIGTERM)
        for service in self._services:
            code = service.wait(60)
            if code != 0:
                self.outcome.not_in_order += 1
                self.outcome.last_words.append(f"{service.name} ended with {code} when told to stop")

    def _catch_up(self) -> None:
        began = time.monotonic()
        for command in ("archive", "score"):
            more = ["--sample-rate", SAMPLE_RATE] if command == "score" else []
            options = ["--brokers", self._broker.address, "--topic", TOPIC, "--lake", self.lake, "--until-caught-up"]
            run_to_end(f"{command}-end", [command, *options, *more], self.folder, **_SETTINGS)
        self.outcome.caught_up_s = round(time.monotonic() - began, 1)
        connection = self._broker.client_options()
        letters = sum(1 for _ in records(connection, f"{TOPIC}.dead-letters"))
        topic = read_topic(connection, TOPIC)
        self.outcome.verdict = check(Lake.open(str(self.lake)), topic, letters)
        told = self.outcome.sent
        if (told["failed"], told["events"]) != (0, len(topic)):
            self.outcome.verdict.examples.append(f"the topic holds {len(topic)} of {told['events']} events sent")
            self.outcome.verdict.wrong += 1


def plan_of(seeds: int, share: float) -> Counter[str]:
    """How often one seed is hit, so that all of them together are hit as often as promised, times `share`."""
    hits = {"kill": KILLS, "stop": STOPS, "restart": RESTARTS}
    return Counter({name: max(1, -(-round(count * share) // seeds)) for name, count in hits.items()})


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the soak and prints a table, or with --json an object; 1 where a guarantee did not hold."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.soak", description=__doc__.split("\n", 1)[0] if __doc__ else ""
    )
    parser.add_argument("--minutes", type=float, default=10, help="in all")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=100_000, help="in all")
    parser.add_argument("--keep", type=Path, help="folder to keep brokers, lakes and logs in")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    end_in_order()
    # Of a seed's time about a fifth goes into starting, catching up and comparing.
    seconds = options.minutes * 60 / options.seeds * 0.8
    share = min(1.0, options.minutes / 10)
    root = options.keep or Path(tempfile.mkdtemp(prefix="facings-soak-"))
    outcomes = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        soak = Soak(
            root / f"seed-{seed}", seed, options.events // options.seeds, seconds, plan_of(options.seeds, share)
        )
        outcomes.append(soak.run())
        print(f"seed {seed}: {_told(outcomes[-1])}", file=sys.stderr, flush=True)
        if outcomes[-1].held and options.keep is None:
            shutil.rmtree(soak.folder)
    held = all(outcome.held for outcome in outcomes)
    if held and options.keep is None:
        root.rmdir()
    if options.json:
        print(json.dumps({"held": held, "outcomes": [asdict(outcome) for outcome in outcomes]}, sort_keys=True))
    else:
        _show(outcomes)
        print("held" if held else f"BROKEN, see {root}")
    return 0 if held else 1


def _told(outcome: Outcome) -> str:
    verdict = outcome.verdict
    return (
        f"{outcome.events} events, {outcome.kills} kills, {outcome.stops} stops, "
        f"{outcome.broker_restarts} broker restarts: "
        f"{verdict.lost} lost, {verdict.twice} twice, {verdict.wrong} wrong, {verdict.out_of_order} out of order "
        f"({outcome.seconds} s, {outcome.ended_themselves} ended by themselves); {verdict.seen} {verdict.examples[:3]}"
    )


def _show(outcomes: Sequence[Outcome]) -> None:
    head = ("seed", "events", "kills", "stops", "broker restarts", "lost", "twice", "wrong", "out of order", "seconds")
    rows = [
        (
            *(one.seed, one.events, one.kills, one.stops, one.broker_restarts),
            *(one.verdict.lost, one.verdict.twice, one.verdict.wrong, one.verdict.out_of_order, one.seconds),
        )
        for one in outcomes
    ]
    print_table(head, [*rows, ("all", *(round(sum(row[k] for row in rows), 1) for k in range(1, len(head))))])


if __name__ == "__main__":
    sys.exit(main())
