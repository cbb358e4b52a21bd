"""`facings run` as an operator uses it: real processes, a failure in the middle, signals, a lock, notifications."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from facings.cli import app
from lake import Lake
from tests.batch.build import photo, rows
from tests.run.means import is_running, number_in, wait_for
from tests.run.post import mailbox, webhook

ROOT = Path(__file__).parents[2]
NOW = "2026-03-01T12:00:00Z"  # one clock for all, so that equal lakes are equal


def environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FACINGS_")}
    return {**kept, "COLUMNS": "200", **more}


def facings(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "facings", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment(**more), timeout=120, check=False
    )


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that a test starts; what is left of them at its end is killed."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def start(started: list[subprocess.Popen[str]], *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "facings", *map(str, arguments)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env=environment()
    )
    started.append(process)
    return process


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of boxes on three photos, one of them missing."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in (1, 2):
        (folder / f"{seed}.jpg").write_bytes(photo(seed))
    lines = ["1.jpg,cola,0,0.5,0,0.5", "1.jpg,milk,0.5,1,0.5,1", "2.jpg,cola,0.2,0.7,0.2,0.7", "3.jpg,cola,0,1,0,1"]
    (folder / "boxes.csv").write_text("\n".join(["image,label,xmin,xmax,ymin,ymax", *lines]) + "\n")
    return folder


@pytest.fixture(scope="module")
def taken(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with the photos in master and no views."""
    lake = tmp_path_factory.mktemp("taken") / "lake"
    assert facings("ingest", photos / "boxes.csv", "--lake", lake, FACINGS_NOW=NOW).returncode == 0
    return lake


def pipeline(path: Path, photos: Path, flag: Path) -> Path:
    """Ingest, crops, a command that fails until `flag` is there, every view, an export."""
    path.write_text(
        f"""
        [run]
        retry_wait_s = 0.05
        [[step]]
        kind = "ingest"
        sources = ["{photos}/boxes.csv"]
        [[step]]
        name = "crops"
        kind = "rebuild"
        views = ["crops"]
        [[step]]
        name = "approve"
        command = ["sh", "-c", "test -e {flag} || {{ echo not approved >&2; exit 1; }}"]
        retry = 1
        [[step]]
        kind = "rebuild"
        [[step]]
        kind = "export"
        view = "inventory"
        to = "{path.parent}/inventory.csv"
        """
    )
    return path


def test_a_failure_in_the_middle_is_retried_told_and_resumed_with_equal_results(photos: Path, tmp_path: Path) -> None:
    flag, broken, whole = tmp_path / "flag", tmp_path / "broken", tmp_path / "whole"
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    steps = pipeline(one / "p.toml", photos, flag)
    with webhook() as (url, bodies), mailbox() as (smtp, mails):
        told = {"FACINGS_NOTIFY": f"{url} mailto:ops@example.com", "FACINGS_SMTP": smtp, "FACINGS_NOW": NOW}
        failed = facings("run", "--pipeline", steps, "--lake", broken, "--json", **told)
        assert failed.returncode == 1, failed.stderr
        report = json.loads(failed.stdout)
        assert [step["status"] for step in report["steps"]] == ["ok", "ok", "failed", "not run", "not run"]
        assert report["steps"][2]["why"] == "exit code 1: not approved (2 attempts)"
        assert "approve: exit code 1: not approved; trying again" in failed.stderr
        assert not (one / "inventory.csv").exists()
        assert [mail["Subject"] for mail in mails] == [f"facings run failed at approve: {broken}"]
        assert f"facings run --resume {report['run_id']}" in bodies[0]["text"]

        flag.touch()
        resumed = facings("run", "--pipeline", steps, "--resume", "last", "--lake", broken, "--json", **told)
        assert resumed.returncode == 0, resumed.stderr
        again = json.loads(resumed.stdout)
        assert [step["status"] for step in again["steps"]] == ["skipped", "skipped", "ok", "ok", "ok"]
        assert len(bodies) == len(mails) == 2
        assert f"works again: {broken}" in bodies[1]["text"]

    undisturbed = facings("run", "--pipeline", pipeline(other / "p.toml", photos, flag), "--lake", whole, **told)
    assert undisturbed.returncode == 0, undisturbed.stderr
    assert rows(Lake.open(broken)) == rows(Lake.open(whole))
    exported, expected = ((folder / "inventory.csv").read_bytes().splitlines() for folder in (one, other))
    assert sorted(exported) == sorted(expected)  # a table has no order
    recorded = {(row["run_id"], row["step"]): row for row in Lake.open(broken).read("runs").to_pylist()}
    first, second = report["run_id"], again["run_id"]
    assert recorded[first, "run/approve"]["status"] == recorded[first, "run"]["status"] == "failed"
    assert recorded[second, "run"]["status"] == "ok"
    assert recorded[f"{first}/crops", "crops"]["rows_ok"] == recorded[first, "run/crops"]["rows_ok"] == 3
    assert recorded[first, "run/ingest"]["rows_rejected"] == 1


def test_a_dry_run_touches_nothing(photos: Path, taken: Path, tmp_path: Path) -> None:
    def state(folder: Path) -> dict[str, tuple[int, int]]:
        return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*")}

    steps = pipeline(tmp_path / "p.toml", photos, tmp_path / "flag")
    before = state(taken)
    shown = facings("run", "--pipeline", steps, "--dry-run", "--json", "--lake", taken)
    assert shown.returncode == 0, shown.stderr
    plan = {step["step"]: step for step in json.loads(shown.stdout)["steps"]}
    assert plan["crops"]["argv"][2:] == ["facings", "rebuild", "--lake", str(taken), "--json", "--", "crops"]
    assert state(taken) == before
    nowhere = tmp_path / "nowhere"
    assert facings("run", "--pipeline", steps, "--dry-run", "--lake", nowhere).returncode == 0
    assert not nowhere.exists()


def test_a_second_run_says_who_holds_the_lake_and_a_killed_one_holds_nothing(
    taken: Path, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    script = f"sleep 1000 & echo $$! > {tmp_path}/left; echo $$$$ > {tmp_path}/pid; wait"
    (tmp_path / "slow.toml").write_text(f'[[step]]\nname = "slow"\ncommand = ["sh", "-c", "{script}"]\n')
    (tmp_path / "quick.toml").write_text('[[step]]\nname = "quick"\ncommand = ["true"]\n')
    quick = ("run", "--pipeline", tmp_path / "quick.toml", "--lake", taken)
    first = start(started, "run", "--pipeline", tmp_path / "slow.toml", "--lake", taken)
    step = wait_for(lambda: number_in(tmp_path / "pid"))
    second = facings(*quick)
    assert second.returncode == 1
    said = " ".join(second.stderr.split())
    assert f"process {first.pid} on" in said
    assert "held by run 20" in said
    first.send_signal(signal.SIGKILL)
    first.wait(60)
    wait_for(lambda: not is_running(step))  # the kernel ends the step with its driver
    third = facings(*quick)  # but not what the step had started
    assert (third.returncode, "its driver has ended" in " ".join(third.stderr.split())) == (1, True)
    os.kill(number_in(tmp_path / "left"), signal.SIGKILL)
    wait_for(lambda: not is_running(number_in(tmp_path / "left")))
    assert facings(*quick).returncode == 0


def test_a_run_that_is_asked_to_stop_ends_its_step_and_says_so(
    taken: Path, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    (tmp_path / "p.toml").write_text(
        f'[[step]]\nname = "slow"\ncommand = ["sh", "-c", "echo $$$$ > {tmp_path}/pid; exec sleep 1000"]\n'
    )
    process = start(started, "run", "--pipeline", tmp_path / "p.toml", "--lake", taken, "--json")
    step = wait_for(lambda: number_in(tmp_path / "pid"))
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=180)
    assert process.returncode == 1
    assert json.loads(out)["steps"][0]["why"] == "stopped"
    assert not is_running(step)


def test_exit_codes_that_a_scheduler_can_use(photos: Path, tmp_path: Path) -> None:
    def run(text: str, *more: str) -> Result:
        (tmp_path / "p.toml").write_text(text)
        places = ["--pipeline", str(tmp_path / "p.toml"), "--lake", str(tmp_path / "lake")]
        return CliRunner().invoke(app, ["run", *places, *more], env={"COLUMNS": "200"})

    some = run(f'[[step]]\nkind = "ingest"\nsources = ["{photos}/boxes.csv"]\nmax_rejected = 0\n', "--json")
    assert (some.exit_code, json.loads(some.stdout)["status"]) == (3, "rejects")
    wrong = run('[[step]]\nkind = "rebuild"\nenginee = "spark"\n')
    assert (wrong.exit_code, "did you mean engine" in wrong.stderr) == (2, True)
    assert run('[[step]]\nkind = "rebuild"\n', "--from", "nowhere").exit_code == 2
    assert run('[[step]]\nname = "x"\ncommand = ["false"]\n', "--param", "a").exit_code == 2
    slow = run('[[step]]\nname = "x"\ncommand = ["sleep", "1000"]\n', "--time-limit", "0.2", "--json")
    assert (slow.exit_code, json.loads(slow.stdout)["steps"][0]["why"]) == (1, "its time limit passed")
    before = signal.getsignal(signal.SIGTERM)  # Ray's, where its tests ran in this process
    fine = run('[[step]]\nname = "x"\ncommand = ["true"]\n')
    assert (fine.exit_code, signal.getsignal(signal.SIGTERM)) == (0, before)


def test_follow_runs_at_each_new_version_of_master_and_stops_when_asked(
    photos: Path, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    lake = tmp_path / "lake"
    assert facings("ingest", photos / "1.jpg", "--lake", lake).returncode == 0
    (tmp_path / "p.toml").write_text('[[step]]\nkind = "rebuild"\nviews = ["quality"]\n')
    process = start(
        started, "run", "--pipeline", tmp_path / "p.toml", "--lake", lake, "--follow", "--every", "0.002", "--json"
    )
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert first["steps"][0]["rows_in"] == 1
    quiet = Lake.open(lake).version("runs")
    until = time.monotonic() + 1.0
    while time.monotonic() < until:  # longer than `--every`: nothing new, so nothing is run
        assert Lake.open(lake).version("runs") == quiet
    assert facings("ingest", photos / "2.jpg", "--lake", lake).returncode == 0
    for line in process.stdout:  # the ingest commits table by table: a run may fall between two of them
        last = json.loads(line)
        if last["master"]["master/captures"] > first["master"]["master/captures"]:
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=180)
    assert process.returncode == 0
    assert Lake.open(lake).count("views/quality") == 2
