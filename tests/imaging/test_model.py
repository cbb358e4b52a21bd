"""The quality model: probabilities, one fingerprint, and the shipped baseline's verdicts on what is plain to see."""

from __future__ import annotations

import json

import numpy as np
import pytest

from imaging.decode import working_grey
from imaging.degrade import degrade
from imaging.model import CLASSES, Component, Model, fit
from imaging.quality import MEASUREMENTS, measure
from schemas import tables


def measured(count: int = 20) -> tuple[np.ndarray, list[str]]:
    """Well separated made-up measurements: (7 * count, 13), and their classes."""
    rng = np.random.default_rng(8)
    values = [rng.uniform(10 * index, 10 * index + 4, (count, len(MEASUREMENTS))) for index in range(len(CLASSES))]
    return np.concatenate(values), [label for label in CLASSES for _ in range(count)]


@pytest.fixture
def model() -> Model:
    values, labels = measured()
    return fit(values, labels, ["made up"] * len(labels), "test")


def test_the_classes_are_those_of_the_table():
    assert CLASSES == tables.CLASSES


def test_probabilities_add_up_and_find_separated_classes(model):
    values, labels = measured()
    chances = model.predict(values)
    assert chances.shape == (len(labels), len(CLASSES))
    assert np.allclose(chances.sum(axis=1), 1.0, atol=1e-12)
    assert [CLASSES[index] for index in chances.argmax(axis=1)] == labels


def test_a_row_alone_scores_as_it_does_among_others(model):
    values, _ = measured()
    assert np.array_equal(model.predict(values)[5:6], model.predict(values[5:6]))


def test_far_away_measurements_still_give_probabilities(model):
    chances = model.predict(np.full((1, len(MEASUREMENTS)), 1e6))
    assert np.isfinite(chances).all()
    assert chances.sum() == pytest.approx(1.0)


def test_measurements_that_are_no_numbers_are_refused(model):
    with pytest.raises(ValueError, match="finite"):
        model.predict(np.full((1, len(MEASUREMENTS)), np.nan))


def test_gaussian_by_hand():
    # One axis decides: good at 0, blur at 2, variance 1. At 1 the odds are even, at 0 they are e² to 1.
    size = len(MEASUREMENTS)
    means = {"good": 0.0, "blur": 2.0}
    made = Model(
        components=tuple(
            Component(label, 1 / 7, (means.get(label, 1e3), *[0.0] * (size - 1)), (1.0,) * size) for label in CLASSES
        ),
        transforms=("identity",) * size,
        mixing=tuple(tuple(float(row == column) for column in range(size)) for row in range(size)),
        temperature=1.0,
        training="by hand",
    )
    probe = np.zeros((2, size))
    probe[0, 0] = 1.0
    even, zero = made.predict(probe)
    assert even[:2] == pytest.approx([0.5, 0.5])
    assert zero[0] / zero[1] == pytest.approx(np.exp(2.0))


def test_a_mean_of_two_scenes_is_no_scene():
    # Good photos of two kinds lie apart; what lies between them is neither.
    values, labels = measured()
    scenes = ["made up"] * len(labels)
    far = values[:20] + 500.0
    both = fit(np.concatenate([values, far]), [*labels, *["good"] * 20], [*scenes, *["other"] * 20], "test")
    chances = both.predict(np.concatenate([values[:20], far]))
    assert (chances[:, 0] > 0.9).all()
    assert len(both.components) == len(CLASSES) + 1


def test_a_model_survives_its_file(model, tmp_path):
    path = tmp_path / "model.json"
    model.save(path)
    again = Model.load(path)
    assert again == model
    assert again.model_id == model.model_id == Model.load(str(path)).model_id
    assert model.model_id.startswith("baseline-")
    assert len(model.model_id) == len("baseline-") + 12


def test_another_model_has_another_id(model):
    values, labels = measured()
    assert fit(values + 1, labels, ["made up"] * len(labels), "test").model_id != model.model_id


def test_a_class_without_rows_is_named():
    values, labels = measured()
    with pytest.raises(ValueError, match="moire"):
        fit(values, ["noise" if label == "moire" else label for label in labels], ["x"] * len(labels), "test")


@pytest.mark.parametrize("content", [{}, [], {"kind": "forest/v9"}])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match="train it again"):
        Model.load(path)


def packages(seed: int) -> np.ndarray:
    """A sharp picture of labelled packages on shelves, uint8 (900, 1200, 3)."""
    rng = np.random.default_rng(seed)
    rgb = np.full((900, 1200, 3), 120, dtype=np.uint8)
    for top in range(20, 900, 220):
        for left in range(10, 1190, 80):
            rgb[top : top + 190, left : left + 66] = rng.integers(40, 220, 3)
            rgb[top + 60 : top + 120, left + 8 : left + 58] = 235
            for line in range(top + 66, top + 116, 9):
                rgb[line : line + 3, left + 12 : left + 12 + int(rng.integers(10, 44))] = rng.integers(0, 90, 3)
        rgb[top + 195 : top + 205] = 60
    return np.clip(rgb + rng.normal(0, 2, rgb.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_baseline_tells_usable_from_strongly_damaged(kind, seed):
    rgb = packages(seed)
    if kind != "good":
        rgb = degrade(rgb, kind, 0.8, np.random.default_rng(seed))
    p_good = Model.load().predict_one(measure(working_grey(rgb)))["good"]
    assert p_good > 0.5 if kind == "good" else p_good < 0.5
