"""The step driver in this process, its steps as real processes."""

from __future__ import annotations

import os
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem

from batch.pipeline import Choice, Pipeline, PipelineError, RunInProgress, RunReport, foresee, plan_run
from batch.pipeline.lock import hold
from lake import Lake
from lake.storage import Storage
from tests.batch.build import lake_at, photo, put_image
from tests.run.means import Hand, is_running, number_in, sh, wait_for


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return lake_at(tmp_path_factory.mktemp("lake"))


@pytest.fixture
def hand(empty: Lake) -> Hand:
    return Hand(empty)


def statuses(report: RunReport) -> list[str]:
    return [step.status for step in report.steps]


def recorded(lake: Lake, run_id: str) -> dict[str, dict]:
    return {row["step"]: row for row in lake.read("runs").to_pylist() if row["run_id"] == run_id}


@pytest.fixture
def own(tmp_path: Path) -> Hand:
    """A hand on a lake of its own, for what reads back earlier runs."""
    return Hand(lake_at(tmp_path / "lake"))


def test_steps_run_in_order_and_are_on_record(own: Hand, tmp_path: Path) -> None:
    log = tmp_path / "log"
    answer = """echo '{"rows_in": 5, "ok": 3, "skipped": 1, "rejected": 1, "bytes_in": 70}'"""
    report = own.run(sh("first", f"echo 1 >> {log}; {answer}"), sh("second", f"echo 2 >> {log}"))
    assert (report.status, statuses(report), log.read_text()) == ("ok", ["ok", "ok"], "1\n2\n")
    rows = recorded(own.lake, report.run_id)
    assert set(rows) == {"run/first", "run/second", "run"}
    first, whole = rows["run/first"], rows["run"]
    assert [first[f"rows_{n}"] for n in ("in", "ok", "skipped", "rejected")] == [5, 3, 1, 1]
    assert (first["bytes_in"], first["status"], first["mode"]) == (70, "ok", "ran")
    assert first["cost"] == pytest.approx(first["seconds"])  # at 3600 an hour
    assert (whole["rows_in"], whole["detail"]) == (5, "2 ok")
    assert whole["cost"] == pytest.approx(first["cost"] + rows["run/second"]["cost"])


def test_rows_in_are_reckoned_where_a_step_tells_only_what_became_of_them(hand: Hand) -> None:
    answer = """echo '{"ok": 3, "skipped": 1, "rejected": 2}'"""
    (step,) = hand.run(sh("x", answer)).steps
    assert (step.rows_in, step.why) == (6, "6 rows in, 3 ok, 1 skipped, 2 rejected")
    (step,) = hand.run(sh("x", "echo '{\"ok\": true'; echo '[3]'")).steps
    assert (step.status, step.rows_in, step.ok) == ("ok", None, None)


def test_a_failed_step_ends_the_run_unless_it_says_otherwise(hand: Hand) -> None:
    bad, good = sh("bad", "echo it broke >&2; exit 7"), sh("good", "true")
    report = hand.run(bad, good)
    assert (report.status, statuses(report)) == ("failed", ["failed", "not run"])
    assert (report.steps[0].why, report.steps[0].exit_code) == ("exit code 7: it broke", 7)
    for report in (hand.run(bad, good, on_error="continue"), hand.run(sh("bad", "exit 7", on_error="continue"), good)):
        assert (report.status, statuses(report)) == ("failed", ["failed", "ok"])


def test_a_step_is_tried_again_with_growing_waits(hand: Hand, tmp_path: Path) -> None:
    count = f"echo x >> {tmp_path}/tries; test $(wc -l < {tmp_path}/tries) -ge 3"
    report = hand.run(sh("flaky", count), retry=4)
    assert (report.status, report.steps[0].attempts) == ("ok", 3)
    waits = [line.rpartition(" in ")[2] for line in hand.said if "trying again" in line]
    assert waits == ["0.0 s", "0.0 s"]
    assert hand.run(sh("flaky", "exit 1", retry=2), retry=0).steps[0].attempts == 3
    assert hand.run(sh("flaky", "exit 1", retry=0), retry=5).steps[0].attempts == 1


def test_the_wait_doubles(hand: Hand) -> None:
    hand.run(sh("flaky", "exit 1"), retry=3, retry_wait_s=0.1)
    waits = [line.rpartition(" in ")[2] for line in hand.said if "trying again" in line]
    assert waits == ["0.1 s", "0.2 s", "0.4 s"]


def test_a_program_that_is_not_there_fails_once(hand: Hand) -> None:
    step = sh("gone", "")
    report = hand.run(type(step)("gone", "command", command=("no-such-program",)), retry=5)
    assert (report.steps[0].attempts, report.steps[0].exit_code) == (1, None)
    assert "no-such-program" in report.steps[0].why


def test_a_time_limit_ends_the_step_and_all_that_it_started(hand: Hand, tmp_path: Path) -> None:
    grandchild = tmp_path / "pid"
    script = f"sleep 1000 & echo $! > {grandchild}; echo deep in it >&2; wait"
    report = hand.run(sh("slow", script, time_limit_s=1.0), sh("next", "true"), on_error="continue")
    assert statuses(report) == ["failed", "ok"]
    assert report.steps[0].why == "its time limit passed; last: deep in it"
    assert report.steps[0].seconds < 10
    wait_for(lambda: not is_running(number_in(grandchild)))


def test_a_step_that_ignores_being_asked_is_killed(hand: Hand, tmp_path: Path) -> None:
    script = f"trap '' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.05; done"
    ended: list[RunReport] = []
    thread = threading.Thread(
        target=lambda: ended.append(hand.run(sh("deaf", script), sh("next", "true"))), daemon=True
    )
    thread.start()
    pid = wait_for(lambda: number_in(tmp_path / "pid"))
    hand.stop.set()
    thread.join(60)
    assert not is_running(pid)
    assert (ended[0].status, statuses(ended[0])) == ("failed", ["failed", "not run"])
    assert [step.why for step in ended[0].steps] == ["stopped", "the run was stopped"]


def test_what_is_up_to_date_is_skipped_and_says_why(own: Hand) -> None:
    step = sh("report", "true", inputs=("master/images",))
    assert statuses(own.run(step)) == ["ok"]
    again = own.run(step)
    assert (again.steps[0].status, again.steps[0].why) == ("skipped", "up to date: no new version of master/images")
    assert statuses(own.run(step, choice=Choice(force=True))) == ["ok"]
    put_image(own.lake, photo(1))
    assert statuses(own.run(step)) == ["ok"]
    assert statuses(own.run(sh("report", "true; true", inputs=("master/images",)))) == ["ok"]  # another command
    put_image(own.lake, photo(2))
    assert statuses(own.run(sh("report", "false", inputs=("master/images",)))) == ["failed"]
    assert statuses(own.run(sh("report", "false", inputs=("master/images",)))) == ["failed"]  # never cached as done


def test_a_step_is_looked_at_when_its_turn_comes(own: Hand, tmp_path: Path) -> None:
    own.current["view"] = "nothing new"
    assert own.run(sh("view", "true")).steps[0].why == "nothing new"
    fills, reads = sh("fills", "true"), sh("reads", "true", inputs=("master/images",))
    assert statuses(own.run(fills, reads)) == ["ok", "ok"]
    steps = (sh("fills", f"touch {tmp_path}/ran"), reads)
    assert statuses(own.run(*steps)) == ["ok", "skipped"]
    means, pipeline = own.means(), Pipeline(steps)
    planned = foresee(own.lake, pipeline, Choice(), means, plan_run(own.lake, pipeline, Choice(), means, {}))
    assert [why for _, _, why in planned] == [None, None]  # what the first will bring isn't known yet
    only = Choice(only=("reads",))
    planned = foresee(own.lake, pipeline, only, means, plan_run(own.lake, pipeline, only, means, {}))
    assert [why for _, _, why in planned] == ["not asked for", "up to date: no new version of master/images"]


def test_a_lake_on_an_object_store_is_held_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def lake(name: str) -> Lake:  # only its address is asked for
        return Lake(Storage(f"s3://bucket/{name}", LocalFileSystem(), ""))

    now = datetime.now(UTC)
    refused = pytest.raises(RunInProgress, match="held by run run-1")
    with hold(lake("a"), "run-1", now), hold(lake("b"), "run-2", now), refused, hold(lake("a"), "run-3", now):
        pass
    with hold(lake("a"), "run-4", now):
        pass


def test_from_only_and_their_wrong_names(own: Hand) -> None:
    steps = [sh(name, "true") for name in "abc"]
    assert statuses(own.run(*steps, choice=Choice(start="b"))) == ["skipped", "ok", "ok"]
    assert statuses(own.run(*steps, choice=Choice(only=("c", "a")))) == ["ok", "skipped", "ok"]
    for choice in (Choice(start="x"), Choice(only=("x",))):
        with pytest.raises(PipelineError, match="no step named 'x'; there are a, b, c"):
            own.run(*steps, choice=choice)


def test_a_resumed_run_begins_at_the_first_step_that_is_not_done(own: Hand, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    steps = [sh("a", "true"), sh("b", f"test -e {flag}"), sh("c", "true")]
    first = own.run(*steps)
    assert statuses(first) == ["ok", "failed", "not run"]
    second = own.run(*steps, choice=Choice(resume=first.run_id))
    assert statuses(second) == ["skipped", "failed", "not run"]
    flag.touch()
    third = own.run(*steps, choice=Choice(resume=second.run_id))
    assert statuses(third) == ["skipped", "ok", "ok"]
    assert third.steps[0].why == f"done in run {second.run_id}"
    changed = own.run(sh("a", "true; true"), *steps[1:], choice=Choice(resume=second.run_id))
    assert statuses(changed) == ["ok", "ok", "ok"]  # a changed step is not done
    with pytest.raises(PipelineError, match="none of its steps is on record"):
        own.run(*steps, choice=Choice(resume="never"))


def test_parameters_go_into_commands_as_one_argument_each(own: Hand, tmp_path: Path) -> None:
    out = tmp_path / "out"
    step = sh("a", "")
    told = type(step)("a", "command", command=("sh", "-c", f'printf "%s|" "$$@" > {out}', "sh", "$who", "$lake", "$$5"))
    own.run(told, params={"who": "a b; rm -rf $HOME"})
    assert out.read_text() == f"a b; rm -rf $HOME|{own.lake.storage.root}|$5|"
    with pytest.raises(PipelineError, match=r"step a: \$who has no value; give it by --param who=VALUE"):
        own.run(told)


def test_two_runs_at_once_and_the_second_says_who_holds_the_lake(own: Hand, tmp_path: Path) -> None:
    thread = threading.Thread(target=own.run, args=(sh("slow", f"echo 1 > {tmp_path}/pid; sleep 1000"),), daemon=True)
    thread.start()
    wait_for(lambda: number_in(tmp_path / "pid"))
    with pytest.raises(RunInProgress, match=rf"is held by run run-1 \(process {os.getpid()} on "):
        Hand(own.lake).run(sh("other", "true"))
    own.stop.set()
    thread.join(60)
    assert Hand(own.lake, runs=5).run(sh("other", "true")).status == "ok"
