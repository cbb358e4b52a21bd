"""What a photo looks like, in a few numbers: two photos of one exposure agree in them though their bytes differ.

Two signatures, because one can't do both: a *hash* whose bands find candidates by equality, and *cells*, brightness on
a fine grid, which tell a re-sent photo from the next one of the same shelf: a facing that went changes some cell by
much, a new encoding changes every cell by little. All arithmetic is in whole numbers or correctly rounded, so that the
signatures don't depend on where an array lies in memory. docs/near-duplicates.md has the measurements.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imaging.decode import decode_grey, shrink
from imaging.header import Limits, read_header
from imaging.jpeg import Pixels
from schemas.tables import BANDS, CELL_WORDS

WORKING_PX = 512
BAND_BITS = 15
DISTANCE_LIMIT = len(BANDS) - 1  # bits: pairs within it share a band, as fewer bits differ than there are bands

CELLS = 24  # a side; a facing on a shelf of a hundred covers about six cells
CELL_BITS = 6  # five of a level, one that a comparison of whole words borrows from
CELLS_A_WORD = 10
LEVELS = 30
LEVEL_STEP = 0.2  # standard deviations of the photo's brightness
LEVEL_LIMIT = 1  # levels by which a cell may differ

_SIDE = 96  # whole multiples of the grids of both signatures
_WAVES = 16
_FLAT = 8  # grey levels: the least deviation that brightness is measured in
Whole = NDArray[np.int64]


def describe_photo(data: bytes, limits: Limits) -> dict[str, int]:
    """`describe` of an encoded photo, upright. Raises ImageError."""
    return describe(decode_grey(data, read_header(data, limits), WORKING_PX))


def describe(grey: Pixels) -> dict[str, int]:
    """The columns of `BANDS`, each in [0, 2^15), and of `CELL_WORDS`, each in [0, 2^60), of a uint8 (h, w) photo."""
    square = shrink(grey, _SIDE, _SIDE).astype(np.int64)
    bands = _packed(calc_hash(square).astype(np.int64), BAND_BITS, 1)
    words = _packed(calc_levels(square).ravel(), CELLS_A_WORD, CELL_BITS)
    return dict(zip((*BANDS, *CELL_WORDS), (*bands, *words), strict=True))


def calc_hash(square: Whole) -> NDArray[np.bool_]:
    """bool (120,): is each of the lowest cosine coefficients positive? Of an int64 (96, 96) photo. Zauner 2010."""
    grid = _sums(square, 32)
    # Whole numbers: numpy multiplies these itself, where BLAS would round by the array's alignment.
    waves = _COSINES @ grid @ _COSINES.T
    return np.asarray(waves[_LOW] > 0)


def calc_levels(square: Whole) -> Whole:
    """int64 (24, 24) in [0, 30): brightness of each cell in fifths of the photo's deviation from its mean."""
    sums = _sums(square, CELLS)
    count, total = sums.size, int(sums.sum())
    area = (_SIDE // CELLS) ** 2
    deviation = max(math.sqrt(count * int((sums * sums).sum()) - total * total) / count, _FLAT * area)
    steps = np.floor((sums - total / count) / (deviation * LEVEL_STEP)) + LEVELS // 2
    return np.asarray(np.clip(steps, 0, LEVELS - 1), dtype=np.int64)


def _sums(square: Whole, side: int) -> Whole:
    block = _SIDE // side
    return np.asarray(square.reshape(side, block, side, block).sum(axis=(1, 3)))


def _packed(values: Whole, count: int, bits: int) -> list[int]:
    """`count` values of `bits` bits in each number, the first in the lowest bits."""
    padded = np.pad(values, (0, -values.size % count)).reshape(-1, count)
    return [int(word) for word in (padded << (np.arange(count) * bits)).sum(axis=1)]


_COSINES = np.rint(
    (1 << 14) * np.cos(np.pi * (2 * np.arange(32)[None, :] + 1) * np.arange(_WAVES)[:, None] / 64)
).astype(np.int64)
_ORDER = sorted(((y, x) for y in range(_WAVES) for x in range(_WAVES) if y + x), key=lambda place: (sum(place), place))
_LOW = tuple(np.array(_ORDER[: BAND_BITS * len(BANDS)]).T)
