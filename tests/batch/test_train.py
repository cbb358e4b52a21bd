"""Training: the same photos and seed give the same model, and unreadable files do not stop it."""

from __future__ import annotations

import numpy as np
import pytest

from batch.train import GoodPhoto, area_under_curve, evaluate, make_examples, montage, train
from imaging.model import CLASSES
from tests import corpus


def photos(count: int = 3) -> list[GoodPhoto]:
    return [GoodPhoto("photo", np.roll(corpus.scene(180, 140), 17 * index, axis=1)) for index in range(count)]


def test_the_same_photos_and_seed_give_the_same_model():
    assert train(photos(), seed=2).model_id == train(photos(), seed=2).model_id
    assert train(photos(), seed=2).model_id != train(photos(), seed=3).model_id


def test_a_folder_with_broken_files_trains(tmp_path):
    for index, photo in enumerate(photos(4)):
        (tmp_path / f"{index}.jpg").write_bytes(corpus.encode(photo.rgb))
    (tmp_path / "notes.txt").write_text("no photo", encoding="utf-8")
    (tmp_path / "cut.jpg").write_bytes(corpus.encode(photos()[0].rgb)[:1500])
    assert {each.label for each in train(tmp_path, seed=1).components} == set(CLASSES)


def test_nothing_to_train_with_is_said(tmp_path):
    with pytest.raises(ValueError, match="no readable photo"):
        train(tmp_path, seed=1)


def test_examples_have_every_class_once_a_photo():
    examples = make_examples(photos(2), seed=1)
    assert examples.labels == CLASSES * 2
    assert np.isfinite(examples.measurements).all()


def test_a_model_knows_what_it_was_shown():
    examples = make_examples(photos(4), seed=1)
    result = evaluate(train(photos(4), seed=1), examples)
    assert result.auc > 0.9
    assert set(result.recall) == set(CLASSES)


def test_area_under_curve_by_hand():
    assert area_under_curve(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])) == 0.75
    assert area_under_curve(np.array([0.5, 0.5]), np.array([False, True])) == 0.5


def test_a_whole_shelf_has_twelve_megapixels():
    shelf = montage([photos(1)[0].rgb], np.random.default_rng(0), whole_shelf=True, full_size=True)
    assert shelf.shape == (2828, 4236, 3)
