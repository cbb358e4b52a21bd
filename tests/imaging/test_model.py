"""Quality models: probabilities, one fingerprint, files of both kinds, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from imaging import bayes, network
from imaging.bayes import Component, GaussianModel
from imaging.decode import working_grey
from imaging.degrade import degrade
from imaging.model import BASELINE, CLASSES, Model
from imaging.network import Layer, NetworkModel, Training
from imaging.quality import MEASUREMENTS, measure
from schemas import tables

WIDTH = len(MEASUREMENTS)


def measured(count: int = 20) -> tuple[np.ndarray, list[str]]:
    """Well separated made-up measurements: (7 * count, all), and their classes."""
    rng = np.random.default_rng(8)
    values = [rng.uniform(10 * index, 10 * index + 4, (count, WIDTH)) for index in range(len(CLASSES))]
    return np.concatenate(values), [label for label in CLASSES for _ in range(count)]


def gaussian() -> GaussianModel:
    values, labels = measured()
    return bayes.fit(values, labels, ["made up"] * len(labels), "test")


def by_hand() -> NetworkModel:
    """One hidden unit, of the first measurement alone: max(0, x - 1). It speaks for blur, by 2 a unit."""
    names = MEASUREMENTS[:2]
    hidden = Layer(((1.0,), (0.0,)), (-1.0,))
    output = Layer(((0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0),), (0.0,) * 7)
    training = Training("examples", "code", 3, ("0123456789abcdef",))
    return NetworkModel(names, ("identity",) * 2, (0.0, 0.0), (1.0, 1.0), (hidden, output), 1.0, training)


def random_network() -> NetworkModel:
    """A network over all measurements with weights of any size: what rounding would show in."""
    rng = np.random.default_rng(4)

    def layer(inputs: int, outputs: int) -> Layer:
        rows = tuple(tuple(row) for row in rng.normal(0, 1, (inputs, outputs)).tolist())
        return Layer(rows, tuple(rng.normal(0, 1, outputs).tolist()))

    transforms = tuple(network.TRANSFORMS[name] for name in MEASUREMENTS)
    layers = (layer(WIDTH, 40), layer(40, 7))
    training = Training("examples", "code", 3, ())
    return NetworkModel(MEASUREMENTS, transforms, (1.0,) * WIDTH, (3.0,) * WIDTH, layers, 1.5, training)


MODELS = (gaussian(), random_network())


@pytest.fixture(params=MODELS, ids=("gaussian", "network"))
def model(request) -> Model:
    return request.param


def test_the_classes_are_those_of_the_table():
    assert CLASSES == tables.CLASSES


def test_probabilities_add_up(model):
    chances = model.predict(measured()[0])
    assert chances.shape == (140, len(CLASSES))
    assert np.allclose(chances.sum(axis=1), 1.0, atol=1e-12)


def test_the_baseline_finds_separated_classes():
    values, labels = measured()
    assert [CLASSES[index] for index in gaussian().predict(values).argmax(axis=1)] == labels


def test_a_row_alone_scores_as_it_does_among_others(model):
    values, _ = measured()
    assert np.array_equal(model.predict(values)[5:6], model.predict(values[5:6]))


@pytest.mark.parametrize("offset", [8, 16, 32, 48])
def test_where_rows_lie_in_memory_changes_no_bit(model, offset):
    values, _ = measured()
    room = np.empty(values.nbytes + 128, dtype=np.uint8)
    start = -room.ctypes.data % 64 + offset
    there = room[start : start + values.nbytes].view(np.float64).reshape(values.shape)
    there[...] = values
    assert np.array_equal(model.predict(there), model.predict(values))


def test_far_away_measurements_still_give_probabilities(model):
    chances = model.predict(np.full((1, WIDTH), 1e6))
    assert np.isfinite(chances).all()
    assert chances.sum() == pytest.approx(1.0)


def test_measurements_that_are_no_numbers_are_refused(model):
    with pytest.raises(ValueError, match="finite"):
        model.predict(np.full((1, WIDTH), np.nan))


def test_gaussian_by_hand():
    # One axis decides: good at 0, blur at 2, variance 1. At 1 the odds are even, at 0 they are e² to 1.
    size = len(bayes.TRANSFORMS)
    means = {"good": 0.0, "blur": 2.0}
    made = GaussianModel(
        components=tuple(
            Component(label, 1 / 7, (means.get(label, 1e3), *[0.0] * (size - 1)), (1.0,) * size) for label in CLASSES
        ),
        transforms=("identity",) * size,
        mixing=tuple(tuple(float(row == column) for column in range(size)) for row in range(size)),
        temperature=1.0,
        training="by hand",
    )
    probe = np.zeros((2, WIDTH))
    probe[0, 0] = 1.0
    even, zero = made.predict(probe)
    assert even[:2] == pytest.approx([0.5, 0.5])
    assert zero[0] / zero[1] == pytest.approx(np.exp(2.0))


def test_network_by_hand():
    probe = np.zeros((3, WIDTH))
    probe[:, 0] = (0.5, 3.0, 100.0)  # under the unit's bias, 2 above it, and cut at 6 standard deviations
    chances = by_hand().predict(probe)
    assert chances[0] == pytest.approx([1 / 7] * 7)
    assert chances[1, 1] / chances[1, 0] == pytest.approx(np.exp(4.0))
    assert chances[2, 1] / chances[2, 0] == pytest.approx(np.exp(10.0))


def test_a_higher_temperature_is_less_sure():
    probe = np.full((1, WIDTH), 3.0)
    cold, warm = by_hand(), replace(by_hand(), temperature=2.0)
    assert warm.predict(probe)[0, 1] / warm.predict(probe)[0, 0] == pytest.approx(np.exp(2.0))
    assert cold.model_id != warm.model_id


def test_a_mean_of_two_scenes_is_no_scene():
    # Good photos of two kinds lie apart; what lies between them is neither.
    values, labels = measured()
    scenes = ["made up"] * len(labels)
    far = values[:20] + 500.0
    both = bayes.fit(np.concatenate([values, far]), [*labels, *["good"] * 20], [*scenes, *["other"] * 20], "test")
    chances = both.predict(np.concatenate([values[:20], far]))
    assert (chances[:, 0] > 0.9).all()
    assert len(both.components) == len(CLASSES) + 1


def test_a_model_survives_its_file(model, tmp_path):
    path = tmp_path / "model.json"
    model.save(path)
    again = Model.load(path)
    assert again == model
    assert again.model_id == model.model_id == Model.load(str(path)).model_id
    kind, _, digits = model.model_id.partition("-")
    assert kind in ("gaussian", "network")
    assert len(digits) == 12


def test_what_was_stored_before_the_newer_measurements_still_loads():
    stored = json.loads(BASELINE.read_text(encoding="utf-8"))
    assert stored["kind"] == "gaussian-naive-bayes/v1"
    assert stored["measurements"] == list(MEASUREMENTS[:13])
    assert Model.load(BASELINE).predict(np.ones((1, WIDTH))).shape == (1, 7)


def test_another_model_has_another_id():
    values, labels = measured()
    assert bayes.fit(values + 1, labels, ["made up"] * len(labels), "test").model_id != gaussian().model_id


def test_a_class_without_rows_is_named():
    values, labels = measured()
    with pytest.raises(ValueError, match="moire"):
        bayes.fit(values, ["noise" if label == "moire" else label for label in labels], ["x"] * len(labels), "test")


@pytest.mark.parametrize(
    "content", [{}, [], 7, {"kind": "forest/v9"}, {"kind": "network/v1"}, {"kind": "network/v1", "classes": ["good"]}]
)
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
def test_the_shipped_model_tells_usable_from_strongly_damaged(kind, seed):
    rgb = packages(seed)
    if kind != "good":
        rgb = degrade(rgb, kind, 0.8, np.random.default_rng(seed))
    p_good = Model.load().predict_one(measure(working_grey(rgb)))["good"]
    assert p_good > 0.5 if kind == "good" else p_good < 0.5
