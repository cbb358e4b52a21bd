"""Signatures: equal to the bit wherever an array lies, near for one exposure, far for the next one of the shelf."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import simplejpeg

from demo.render import Slot, random_shelves, render_shelf
from imaging.errors import ImageError
from imaging.header import Limits
from imaging.likeness import (
    CELL_BITS,
    CELLS,
    CELLS_A_WORD,
    DISTANCE_LIMIT,
    LEVEL_LIMIT,
    LEVELS,
    calc_hash,
    calc_levels,
    describe,
    describe_photo,
)
from schemas.tables import BANDS, CELL_WORDS

Signature = dict[str, int]
SHELVES = random_shelves(5)


def encoded(rgb: np.ndarray, quality: int = 85) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), quality=quality, colorsubsampling="420"))


def distance(one: Signature, other: Signature) -> int:
    return sum((one[name] ^ other[name]).bit_count() for name in BANDS)


def levels(signature: Signature) -> np.ndarray:
    found = [signature[name] >> (CELL_BITS * n) & 63 for name in CELL_WORDS for n in range(CELLS_A_WORD)]
    return np.array(found[: CELLS * CELLS])


def largest(one: Signature, other: Signature) -> int:
    return int(np.abs(levels(one) - levels(other)).max())


def same(one: Signature, other: Signature) -> bool:
    return distance(one, other) <= DISTANCE_LIMIT and largest(one, other) <= LEVEL_LIMIT


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    return render_shelf(SHELVES, seed=1).rgb


@pytest.fixture(scope="module")
def first(rgb: np.ndarray) -> Signature:
    return describe_photo(encoded(rgb), Limits())


def sent_again(rgb: np.ndarray) -> Iterator[bytes]:
    height, width = rgb.shape[:2]
    for quality in (95, 70, 40):
        yield encoded(rgb, quality)
    for scale in (0.75, 0.5, 0.33):
        yield encoded(cv2.resize(rgb, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA), 75)
    yield encoded(np.clip(rgb * 0.9, 0, 255).astype(np.uint8))
    yield encoded(np.clip(rgb.astype(np.int16) + 8, 0, 255).astype(np.uint8))
    ok, png = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    assert ok
    yield png.tobytes()


def test_a_photo_sent_again_in_other_bytes_looks_the_same(rgb: np.ndarray, first: Signature) -> None:
    for data in sent_again(rgb):
        again = describe_photo(data, Limits())
        assert (distance(first, again) <= 4, largest(first, again)) == (True, 1)


def without(shelf: int, slot: int, facing: int) -> list[list[Slot]]:
    found = [list(row) for row in SHELVES]
    units = list(found[shelf][slot].units)
    units[facing] = 0
    found[shelf][slot] = Slot(found[shelf][slot].sku, tuple(units))
    return found


def test_a_facing_that_went_makes_another_look(first: Signature) -> None:
    # The hardest case: nothing else moves, not even the noise.
    filled = [
        (y, x, f) for y, row in enumerate(SHELVES) for x, slot in enumerate(row) for f, n in enumerate(slot.units) if n
    ]
    for place in filled[::3]:
        changed = describe_photo(encoded(render_shelf(without(*place), seed=1).rgb), Limits())
        assert not same(first, changed), place


def test_other_shelves_are_far(first: Signature) -> None:
    others = [describe_photo(encoded(render_shelf(random_shelves(n), seed=n).rgb), Limits()) for n in (11, 12, 13)]
    assert all(distance(first, other) > 3 * DISTANCE_LIMIT and largest(first, other) > 8 for other in others)


def test_the_signature_does_not_depend_on_where_the_array_lies() -> None:
    grey = np.random.default_rng(3).integers(0, 256, (357, 511), dtype=np.uint8)
    expected = describe(grey)
    for offset in (1, 3, 7, 16, 33):
        memory = np.zeros(grey.size + 64, np.uint8)
        moved = memory[offset : offset + grey.size].reshape(grey.shape)
        moved[:] = grey
        assert describe(moved) == expected


def test_upright_photos_are_described_whatever_their_orientation_says(rgb: np.ndarray, first: Signature) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0"
    turned = encoded(cv2.rotate(rgb, cv2.ROTATE_180), 90)
    data = turned[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + turned[2:]
    assert same(first, describe_photo(data, Limits()))
    assert not same(first, describe_photo(turned, Limits()))


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (95, 97), (24, 24)])
def test_small_and_flat_photos_have_signatures(shape: tuple[int, int]) -> None:
    flat = describe(np.full(shape, 77, np.uint8))
    assert set(flat) == {*BANDS, *CELL_WORDS}
    assert set(levels(flat)) == {LEVELS // 2}
    assert all(flat[name] == 0 for name in BANDS)


def test_values_by_hand() -> None:
    # A ramp from left to right: one cosine wave along x is positive (dark to bright is negative), and levels rise.
    ramp = np.tile(np.arange(96, dtype=np.int64)[::-1], (96, 1))
    assert calc_hash(ramp)[0] == np.True_  # the coefficient of one half wave along x
    assert calc_hash(96 - ramp)[0] == np.False_
    found = calc_levels(ramp)
    assert (found == found[0]).all()
    # 24 equal steps have a deviation of 6.92 steps: the ends lie 11.5 of these from the mean, 8.3 fifths.
    assert (found[0][0], found[0][-1]) == (15 + 8, 15 - 9)


def test_words_hold_their_cells_and_no_sign() -> None:
    described = describe(np.random.default_rng(4).integers(0, 256, (300, 400), dtype=np.uint8))
    assert all(0 <= described[name] < 1 << 15 for name in BANDS)
    assert all(0 <= described[name] < 1 << 60 for name in CELL_WORDS)
    assert levels(described).max() < LEVELS


def test_a_broken_photo_is_an_image_error(rgb: np.ndarray) -> None:
    with pytest.raises(ImageError, match="truncated"):
        describe_photo(encoded(rgb)[:-500], Limits())
