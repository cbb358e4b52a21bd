"""The shipped model, held to its figures on pictures that the tests make: renders, surfaces, patterns, other seeds."""

from __future__ import annotations

import numpy as np
import pytest

from batch.quality import patterns, scenes
from batch.quality.examples import TAUGHT, UNTAUGHT, Examples, make_examples
from batch.quality.metrics import area_under_curve
from batch.quality.scenes import GoodPhoto
from facings.quality_sets import rendered
from imaging.degrade import FAMILIES
from imaging.model import BASELINE, CLASSES, Model
from imaging.network import NetworkModel

SEED = 77


@pytest.fixture(scope="module")
def shelves() -> list[GoodPhoto]:
    return [GoodPhoto(photo.scene, scenes.resized(photo.rgb, 900)) for photo in rendered(8, SEED)]


@pytest.fixture(scope="module", params=[TAUGHT, UNTAUGHT], ids=["taught", "not taught"])
def examples(request, shelves) -> Examples:
    return make_examples(shelves, SEED, good_copies=2, families=request.param, keep_size=True)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load()


def test_usable_from_damaged_renders(model, examples):
    p_good, good = model.predict(examples.measurements)[:, 0], examples.labels == "good"
    assert area_under_curve(p_good, good) >= 0.995
    assert (p_good[good] >= 0.5).mean() >= 0.98
    baseline = Model.load(BASELINE).predict(examples.measurements)[:, 0]
    assert area_under_curve(p_good, good) >= area_under_curve(baseline, good) - 0.01


@pytest.mark.parametrize("name", CLASSES[1:])
def test_each_class_among_the_others(model, examples, name):
    chances = model.predict(examples.measurements)[:, CLASSES.index(name)]
    assert area_under_curve(chances, examples.labels == name) >= 0.98


def test_plain_surfaces_are_not_flagged(model):
    rng = np.random.default_rng(SEED)
    plain = [
        patterns.surface(rng, name)[0]
        for name in (*patterns.SURFACES, *patterns.HARD_SURFACES, *patterns.OTHER_SURFACES)
        for _ in range(32)  # 192: 2 % are three
    ]
    made = make_examples([GoodPhoto("plain", rgb, (), ()) for rgb in plain], SEED)
    flagged = model.predict(made.measurements)[:, 0] < 0.5
    assert flagged.mean() <= 0.02


def test_periodic_shelves_are_not_flagged(model, shelves):
    rng = np.random.default_rng(SEED)
    names = (*patterns.PERIODIC, *patterns.HARD_PERIODIC, *patterns.OTHER_PERIODIC)
    strict = [patterns.periodic(rng, (name,)) for name in names for _ in range(30)]
    strict += [patterns.repeated(photo.rgb, rng) for photo in shelves]
    made = make_examples([GoodPhoto("periodic", rgb, (), ()) for rgb in strict], SEED)
    flagged = model.predict(made.measurements)[:, 0] < 0.5
    assert flagged.mean() <= 0.02


@pytest.mark.parametrize("family", ["half", "fog", "cover"])
def test_what_hides_a_part_of_the_photo_is_found(model, shelves, family):
    rng = np.random.default_rng(SEED)
    rows = []
    for photo in shelves:
        rows += [photo.rgb, FAMILIES["blur"][family](photo.rgb, 0.8, rng)]
    made = make_examples([GoodPhoto("plain", rgb, (), ()) for rgb in rows], SEED)
    p_good = model.predict(made.measurements)[:, 0]
    assert (p_good[1::2] < 0.5).mean() >= 0.7
    assert (p_good[::2] >= 0.5).mean() >= 0.8


def test_the_shipped_model_says_what_it_was_made_from(model):
    assert isinstance(model, NetworkModel)
    assert len(model.training.photos) > 200
    assert model.training.examples
    assert model.training.code
