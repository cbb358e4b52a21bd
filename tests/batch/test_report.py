"""Train and evaluate as commands, on a few photos: a report whose figures can be told from its examples."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch.quality import scenes
from batch.quality.evaluate import Part, evaluate, goals
from batch.quality.examples import make_examples
from batch.quality.peers import CLEANVISION, ORIGIN, has_cleanvision, look, measure_origin, seconds_per_megapixel
from batch.quality.report import markdown, write_report
from batch.quality.scenes import GoodPhoto
from batch.quality.train import train, train_baseline
from facings.jobs_quality import NoReport, SameSeed, run_evaluate, run_timing
from facings.quality_sets import EvaluationSize, NoPhotos
from facings.settings import Settings
from imaging.model import CLASSES
from tests import corpus


def graphics(count: int, seed: int) -> list[GoodPhoto]:
    rng = np.random.default_rng(seed)
    return [
        GoodPhoto("graphic", scenes.resized(scenes.graphic(rng), 240), (f"g{seed}-{index}",)) for index in range(count)
    ]


@pytest.fixture(scope="module")
def figures():
    taught = make_examples(graphics(8, 1), seed=1, copies=2, good_copies=3)
    asked = make_examples(graphics(6, 2), seed=2, good_copies=2, also=look)
    plain = make_examples([GoodPhoto("plain", photo.rgb, (), ()) for photo in graphics(5, 3)], seed=3)
    parts = (Part("350 px", "drawn shelves", asked), Part("plain", "nothing is damaged", plain))
    made = evaluate(train(taught, 1), train_baseline(taught), parts, seed=2)
    timed = seconds_per_megapixel([photo.rgb for photo in graphics(2, 4)])
    return {**made, "seconds_per_megapixel": {"350 px": timed}, "command": "facings evaluate photos/"}


def test_figures_of_each_part(figures):
    part = figures["parts"]["350 px"]
    assert part["examples"] == 6 * 8
    assert part["photos"] == 6
    assert set(part["classes"]) == set(CLASSES)
    assert 0.5 < part["usable"]["low"] <= part["usable"]["value"] <= part["usable"]["high"] <= 1
    assert sum(sum(row.values()) for row in part["confusion"].values()) == 48
    assert sum(step["count"] for step in part["reliability"]) == 48
    assert sum(step["examples"] for step in part["by_severity"]["dark"]) == 6
    assert "usable" not in figures["parts"]["plain"]
    assert figures["parts"]["plain"]["examples"] == 5


def test_methods_are_compared_on_the_same_rows(figures):
    found = figures["methods"]["350 px"]
    assert found["examples"] == 48
    names = {"Facings", "Gaussian naive Bayes, 13 measurements", "the origin: 3 measurements, Gaussian naive Bayes"}
    assert names <= set(found["areas"])
    assert ("CleanVision" in found["areas"]) == has_cleanvision()
    assert found["areas"]["Facings"]["usable"] == figures["parts"]["350 px"]["usable"]["value"]
    assert all(seconds > 0 for seconds in figures["seconds_per_megapixel"]["350 px"].values())


def test_the_report_has_its_plots_and_its_figures(figures, tmp_path):
    path = write_report(figures, tmp_path)
    text = path.read_text(encoding="utf-8")
    assert json.loads((tmp_path / "report.json").read_text())["parts"]["350 px"] == json.loads(
        json.dumps(figures["parts"]["350 px"], default=float)
    )
    for name in ("classes.svg", "methods.svg", "severity.svg", "reliability.svg"):
        assert f"]({name})" in text
        assert (tmp_path / name).read_text(encoding="utf-8").startswith("<svg")
    assert "facings evaluate photos/" in text
    assert f"{figures['parts']['350 px']['usable']['value']:.4f}" in text


def test_the_report_can_be_written_again_from_its_json(figures, tmp_path):
    text = write_report(figures, tmp_path).read_text(encoding="utf-8")
    kept = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert markdown(kept, ["classes.svg", "methods.svg", "severity.svg", "reliability.svg"]) == text


def test_seconds_stand_below_their_own_method(figures):
    seconds = {"cleanvision": 0.004, "measure": 0.002, "decode": 0.001}
    text = markdown({**figures, "seconds_per_megapixel": {"350 px": seconds}}, ["a", "b", "c", "d"])
    assert "| 350 px | 1.00 ms | 2.00 ms | not installed | 4.00 ms |" in text


def test_goals_by_hand():
    area = {"value": 0.996, "low": 0.99, "high": 1.0}
    parts = {
        "350 px": {"usable": area, "classes": {"good": area, "blur": {**area, "value": 0.97}}},
        "plain": {"false_alarms": 0.03},
    }
    assert goals({"parts": parts}) == [
        ("350 px: usable, AUC", 0.995, 0.996, True),
        ("350 px: worst class (blur), AUC", 0.98, 0.97, False),
        ("plain: false alarms", 0.02, 0.03, False),
    ]


def test_without_peers_the_report_says_so(figures):
    bare = {**figures, "methods": {"350 px": {"examples": 48, "areas": {"Facings": {"usable": 0.9}}}}}
    assert "| CleanVision | not installed |" in markdown(bare, ["a", "b", "c", "d"])


def test_without_timings_the_report_says_so(figures):
    assert "--only-timing" in markdown({**figures, "seconds_per_megapixel": {}}, ["a", "b", "c", "d"])


def test_the_origins_measurements_fall_with_blur():
    sharp = graphics(1, 5)[0].rgb[:, :, 0]
    soft = np.asarray(Image.fromarray(sharp).resize((60, 60)).resize(sharp.shape[::-1]))
    before, after = measure_origin(sharp), measure_origin(soft)
    assert all(after[name] < before[name] for name in ORIGIN)


def test_cleanvision_scores_a_dark_photo_low():
    pytest.importorskip("cleanvision", reason="a peer, installed for development only")
    dark = look(corpus.encode((corpus.scene(200, 150) // 12).astype(np.uint8)))
    light = look(corpus.encode(corpus.scene(200, 150)))
    assert dark[CLEANVISION[1]] < 0.4 < light[CLEANVISION[1]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("photos")
    for index, photo in enumerate(graphics(8, 9)):
        (place / f"{index}.jpg").write_bytes(corpus.encode(photo.rgb, quality=92))
    (place / "held-out.txt").write_text("6.jpg\n7.jpg\n")
    return place


def run(*arguments: str) -> dict:
    done = subprocess.run([sys.executable, "-m", "facings", *arguments, "--json"], check=True, capture_output=True)
    return json.loads(done.stdout)


def test_train_then_evaluate_by_command(folder, tmp_path):
    model, baseline, out = tmp_path / "model.json", tmp_path / "baseline.json", tmp_path / "report"
    held_out = str(folder / "held-out.txt")
    trained = run(
        "train",
        str(folder),
        "--leave-out",
        held_out,
        "--out",
        str(model),
        "--baseline",
        str(baseline),
        "--renders",
        "0",
    )
    assert trained["photos"] == 6
    assert trained["model_id"].startswith("network-")
    assert baseline.exists()
    sizes = ("--small", "2", "--large", "0", "--renders", "0", "--peers-every", "0")
    asked = ("evaluate", str(folder), "--model", str(model), "--out", str(out))
    told = run(*asked, *sizes)
    assert told["model_id"] == trained["model_id"]
    assert told["parts"]["350 px"]["photos"] == 2
    assert (out / "report.md").exists()
    untimed = run(*asked, *sizes, "--no-timing")
    assert untimed["seconds_per_megapixel"] == {}
    assert untimed["parts"] == told["parts"]
    assert " --no-timing " in (out / "report.md").read_text(encoding="utf-8")
    again = run(*asked, "--only-timing")
    assert again["parts"] == told["parts"]
    assert again["seconds_per_megapixel"]["350 px"].keys() == told["seconds_per_megapixel"]["350 px"].keys()

    def silent(step: str, done: int, total: int) -> None:
        """No bars in a test."""

    options = {"model": model, "cameras": [], "size": EvaluationSize(2, 0, 0, 0)}
    with pytest.raises(NoReport, match="evaluate without --only-timing first"):
        run_timing([folder], tmp_path / "nowhere", 2, Settings(), model=model)
    with pytest.raises(SameSeed, match="give another --seed"):
        run_evaluate([folder], out, 1, Settings(), silent, **options)
    for name in ("6.jpg", "7.jpg"):
        (folder / name).unlink()
    with pytest.raises(NoPhotos, match="has seen every photo"):
        run_evaluate([folder], out, 2, Settings(), silent, **options)
