"""Training: the same photos and seed give the same model, and unreadable files do not stop it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from batch.quality import patterns, scenes
from batch.quality.examples import TAUGHT, UNTAUGHT, Examples, damaged, make_examples, still_good
from batch.quality.labelled import LabelsError, labelled_examples, read_labels
from batch.quality.scenes import GoodPhoto, compose, digest, montage, read_folder, without
from batch.quality.train import train, train_baseline
from facings.quality_sets import NoPhotos, training_examples
from imaging.decode import decode_grey
from imaging.degrade import FAMILIES
from imaging.header import Limits, read_header
from imaging.model import CLASSES
from imaging.quality import measure
from tests import corpus
from tests.batch import build


def photos(count: int = 3) -> list[GoodPhoto]:
    return [
        GoodPhoto("photo", np.roll(corpus.scene(180, 140), 17 * index, axis=1), (f"p{index}",))
        for index in range(count)
    ]


@pytest.fixture(scope="module")
def examples() -> Examples:
    return make_examples(photos(6), seed=1, copies=3, good_copies=3)


def silent(step: str, done: int, total: int) -> None:
    """No bars in a test."""


def test_the_same_examples_and_seed_give_the_same_model(examples):
    model = train(examples, seed=2)
    assert train(examples, seed=2).model_id == model.model_id
    assert train(examples, seed=3).model_id != model.model_id
    assert model.training.photos == tuple(f"p{index}" for index in range(6))
    assert model.training.examples == examples.fingerprint


def test_the_same_photos_and_seed_give_the_same_examples(examples):
    again = make_examples(photos(6), seed=1, copies=3, good_copies=3)
    assert again.fingerprint == examples.fingerprint
    assert np.array_equal(again.measurements, examples.measurements)
    other = make_examples(photos(2), seed=2)
    assert other.fingerprint != make_examples(photos(2), seed=1).fingerprint


@pytest.mark.parametrize("cores", [1, 5])
def test_examples_are_the_same_on_any_number_of_cores(examples, monkeypatch, cores):
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    again = make_examples(photos(6), seed=1, copies=3, good_copies=3)
    assert again.fingerprint == examples.fingerprint
    assert again.rows == examples.rows


def test_examples_have_every_class_once_a_photo():
    made = make_examples(photos(2), seed=1)
    assert made.labels.tolist() == list(CLASSES) * 2
    assert np.isfinite(made.measurements).all()
    assert {row.photo for row in made.rows} == {0, 1}


def test_a_model_knows_what_it_was_shown(examples):
    for model in (train(examples, seed=1), train_baseline(examples)):
        guesses = np.array(CLASSES)[model.predict(examples.measurements).argmax(axis=1)]
        assert (guesses == examples.labels).mean() > 0.8


def test_a_class_without_examples_is_named():
    plain = [GoodPhoto("surface", photo.rgb, (), ("dark", "noise")) for photo in photos(3)]
    with pytest.raises(ValueError, match="no example of class blur"):
        train(make_examples(plain, seed=1), seed=1)


def test_damage_for_the_evaluation_is_never_taught():
    for kind, families in FAMILIES.items():
        assert set(TAUGHT[kind]) | set(UNTAUGHT[kind]) == set(families)
        assert not set(TAUGHT[kind]) & set(UNTAUGHT[kind])


def test_a_folder_with_broken_files_is_read(tmp_path):
    for index, photo in enumerate(photos(3)):
        (tmp_path / f"{index}.jpg").write_bytes(corpus.encode(photo.rgb))
    (tmp_path / "notes.txt").write_text("no photo", encoding="utf-8")
    (tmp_path / "cut.jpg").write_bytes(corpus.encode(photos()[0].rgb)[:1500])
    assert len(list(read_folder(tmp_path))) == 3
    kept = list(read_folder(tmp_path, keep=lambda name: name != "1.jpg"))
    assert [photo.parts for photo in kept] == [(digest((tmp_path / f"{index}.jpg").read_bytes()),) for index in (0, 2)]
    seen = frozenset(kept[0].parts)
    assert [photo.parts for photo in without(kept, seen)] == [kept[1].parts]


@pytest.mark.parametrize("name", ["empty", "nowhere"])
def test_nothing_to_train_with_is_said(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoPhotos, match=f"{name}.*name .* of sharp"):
        training_examples([tmp_path / name], 1, left_out=frozenset(), renders=0, limits=Limits(), progress=silent)


def test_scenes_are_made_of_the_photos():
    made = list(compose(photos(7), np.random.default_rng(1)))
    assert [photo.scene for photo in made] == ["montage", "montage", "graphic", "periodic", "surface", "periodic"] * 2
    assert all(590 <= max(photo.rgb.shape) <= 1100 for photo in made if photo.scene == "montage")
    assert all(photo.rgb.dtype == np.uint8 and photo.rgb.ndim == 3 for photo in made)
    assert set(made[0].parts) <= {f"p{index}" for index in range(7)}


def test_what_fools_measurements_is_taught_as_good_alone():
    taught = list(scenes.fooling(photos(2), np.random.default_rng(4)))
    assert {photo.scene for photo in taught} == {"surface", "periodic"}
    assert all(photo.damages == () for photo in taught)
    assert {photo.parts for photo in taught} == {(), ("p0",), ("p1",)}


def test_dense_shelves_are_damaged_by_moire_alone():
    dense = list(scenes.dense(photos(2), np.random.default_rng(4), 700))
    assert [photo.damages for photo in dense] == [("moire",)] * 2
    assert all(600 <= photo.rgb.shape[1] <= 700 and photo.parts == ("p0", "p1") for photo in dense)


def test_a_large_shelf_has_twelve_megapixels():
    shelf = montage(photos(2), np.random.default_rng(0), 4000, across=12)
    assert max(shelf.rgb.shape) == 4000
    assert shelf.rgb.shape[0] * shelf.rgb.shape[1] > 11e6


@pytest.mark.parametrize("name", [*patterns.SURFACES, *patterns.HARD_SURFACES, *patterns.OTHER_SURFACES])
def test_a_surface_is_mostly_plain(name):
    rgb, edges = patterns.surface(np.random.default_rng(3), name)
    assert edges or name in ("blank", "wall")
    steps = np.abs(np.diff(rgb.astype(int).mean(axis=2), axis=1))
    assert np.median(steps) < 6


@pytest.mark.parametrize("name", [*patterns.PERIODIC, *patterns.HARD_PERIODIC, *patterns.OTHER_PERIODIC])
def test_a_pattern_repeats(name):
    grey = patterns.periodic(np.random.default_rng(3), (name,)).astype(float).mean(axis=2)
    waves = np.abs(np.fft.rfft2(grey - grey.mean())) ** 2
    strongest = np.sort(waves.ravel())[-60:].sum()
    assert strongest > 0.2 * waves.sum()


def test_good_photos_stay_good():
    rgb = scenes.graphic(np.random.default_rng(2))
    for seed in range(6):
        seen = still_good(rgb, np.random.default_rng(seed))
        assert seen.shape == rgb.shape
        assert np.abs(seen.astype(int) - rgb).mean() < 45


@pytest.mark.parametrize("kind", CLASSES[1:])
def test_a_camera_sharpens_behind_its_lens_and_before_its_sensor_is_drowned(kind):
    rgb = corpus.scene(180, 140)
    given = []

    def look(seen, rng):
        given.append(seen)
        return np.zeros_like(seen)

    seen = damaged(rgb, kind, TAUGHT[kind][0], 0.5, np.random.default_rng(1), look)
    behind = kind in ("blur", "motion")
    assert np.array_equal(given[0], rgb) is not behind
    assert not behind or not seen.any()  # nothing is blurred any more after the look
    assert len(given) == 1


def test_mild_damage_can_be_made_to_come_more_often():
    even, mild = (
        [row.severity for row in make_examples(photos(4), 1, mildness=power).rows if row.family] for power in (1.0, 3.0)
    )
    assert np.mean(mild) < 0.6 * np.mean(even)
    assert min(mild) >= 0


def test_photos_of_a_lake_that_people_labelled_are_learnt_from(tmp_path: Path, examples):
    lake = build.lake_at(tmp_path / "lake")
    dim, clear, broken = build.photo(1), build.photo(2), build.photo(3)[:700]
    for name, data in (("c-dim", dim), ("c-clear", clear), ("c-broken", broken)):
        build.put_capture(lake, name, build.put_image(lake, data))
    labels = tmp_path / "labels.csv"
    labels.write_text("capture_id,class\nc-dim,dark\nc-clear,good\nc-broken,blur\nc-unknown,blur\n", encoding="utf-8")
    made = labelled_examples(lake, read_labels(labels), Limits())
    assert made.labels.tolist() == ["dark", "good"]  # what can't be read, and what is not there, teaches nothing
    assert made.photos == tuple(sorted((digest(dim), digest(clear))))
    assert made.rows[1].measured == measure(decode_grey(clear, read_header(clear)))
    model = train(examples + made, seed=2)
    assert model.model_id != train(examples, seed=2).model_id
    assert set(made.photos) < set(model.training.photos)
    labels.write_text(f"sha256,class\n{build.sha(dim)},good\n{build.sha(clear)},dark\n", encoding="utf-8")
    swapped = labelled_examples(lake, read_labels(labels), Limits())
    assert swapped.labels.tolist() == ["good", "dark"]
    assert swapped.fingerprint != made.fingerprint
    labels.write_text("capture_id,class\nc-unknown,blur\n", encoding="utf-8")
    with pytest.raises(LabelsError, match="none of 1 labelled rows"):
        labelled_examples(lake, read_labels(labels), Limits())


def test_labels_of_a_lake(tmp_path: Path):
    path = tmp_path / "labels.csv"
    path.write_text("capture_id,class\nc-1,good\nc-2,blur\n", encoding="utf-8")
    assert read_labels(path) == [("capture_id", "c-1", "good"), ("capture_id", "c-2", "blur")]
    path.write_text("capture_id,class\nc-1,smudged\n", encoding="utf-8")
    with pytest.raises(LabelsError, match=r"line 2: class 'smudged' is none of good, blur"):
        read_labels(path)
    path.write_text("photo,class\nc-1,good\n", encoding="utf-8")
    with pytest.raises(LabelsError, match="needs a column"):
        read_labels(path)
