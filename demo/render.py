"""One rendered cooler: `render_shelf` draws packages on shelves and says where each front package is.

Boxes are exact: a package's corners go through the same perspective as its pixels. What covers nothing is an empty
facing and has no box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from demo.cooler import HEIGHT, MARGIN, WIDTH, Geometry, cabinet, geometry, light_map
from demo.optics import PERFECT, Camera, expose, warp
from demo.products import BY_SKU, PRODUCTS
from demo.sprites import VARIANTS, Pixels, price_tag, sprite


@dataclass(frozen=True)
class Slot:
    """A SKU's place on a shelf: `units[i]` packages stand one behind another in its facing i, 0 for an empty facing."""

    sku: str
    units: tuple[int, ...]


@dataclass(frozen=True)
class Box:
    """Where a package is seen, as fractions of the photo's width and height, clipped to 0..1."""

    label: str
    xmin: float
    xmax: float
    ymin: float
    ymax: float


@dataclass(frozen=True)
class Rendered:
    """`rgb`: uint8 (H, W, 3). `boxes`: the front package of each filled facing, shelf by shelf, left to right."""

    rgb: Pixels
    boxes: tuple[Box, ...]


Shelves = Sequence[Sequence[Slot]]


def render_shelf(
    shelves: Shelves, *, seed: int, camera: Camera = PERFECT, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> Rendered:
    """A photo of `size` (width, height) pixels of `shelves`, from the top, and the true boxes.

    `seed` decides how packages stand, how the camera is held and the noise. `camera` holds the device's own traits:
    exposure, defocus, glare. Raises KeyError for a SKU that is not in `demo.products`.
    """
    rng = np.random.default_rng(seed)
    plan = geometry(tuple(tuple((slot.sku, len(slot.units)) for slot in shelf) for shelf in shelves))
    canvas = cabinet(plan).copy()
    corners: list[tuple[str, NDArray[np.float32]]] = []
    for index, shelf in enumerate(shelves):
        _draw_shelf(canvas, plan, index, shelf, rng, corners)
    cv2.multiply(canvas, light_map(plan), dst=canvas, scale=1 / 160)
    for index, shelf in enumerate(shelves):
        _draw_tags(canvas, plan, index, shelf)
    matrix = camera.matrix(rng, (canvas.shape[1], canvas.shape[0]), size, MARGIN)
    rgb = expose(warp(canvas, matrix, size), camera, rng)
    return Rendered(rgb, tuple(_box(label, quad, matrix, size) for label, quad in corners))


def _draw_shelf(
    canvas: Pixels, plan: Geometry, index: int, shelf: Sequence[Slot], rng: np.random.Generator,
    corners: list[tuple[str, NDArray[np.float32]]],
) -> None:  # fmt: skip
    floor, depth = plan.floors[index], plan.depths[index]
    fronts: list[tuple[str, int, int, float]] = []  # SKU, units, variant, centre
    for slot, centres in zip(shelf, plan.centres[index], strict=True):
        for units, centre in zip(slot.units, centres, strict=True):
            play = min(2.5, plan.px_per_cm * 0.2)
            fronts.append((slot.sku, units, int(rng.integers(VARIANTS)), centre + float(rng.uniform(-play, play))))
    middle = canvas.shape[1] / 2
    for row in (2, 1, 0):
        shrink = 0.945**row
        for sku, units, variant, centre in fronts:
            if units <= row:
                continue
            item = sprite(sku, round(plan.px_per_cm * shrink, 3), variant, (1.0, 0.6, 0.4)[row])
            left = round(middle + (centre - middle) * shrink - item.width / 2)
            top = floor - 3 - round(depth * 0.31 * row) - item.height
            item.paste(canvas, left, top)
            if row == 0:
                right, base = left + item.width, top + item.height
                quad = np.array([[left, top], [right, top], [right, base], [left, base]], np.float32)
                corners.append((sku, quad))


def _draw_tags(canvas: Pixels, plan: Geometry, index: int, shelf: Sequence[Slot]) -> None:
    for slot, centres in zip(shelf, plan.centres[index], strict=True):
        tag = price_tag(slot.sku, plan.rail - 6)
        left, top = round(centres[0]) - tag.shape[1] // 2, plan.floors[index] + 3
        canvas[top + 2 : top + 2 + tag.shape[0], left + 2 : left + 2 + tag.shape[1]] //= 2
        canvas[top : top + tag.shape[0], left : left + tag.shape[1]] = tag


def _box(label: str, quad: NDArray[np.float32], matrix: NDArray[np.float64], size: tuple[int, int]) -> Box:
    seen = cv2.perspectiveTransform(quad.reshape(1, -1, 2), matrix)[0] / np.array(size, np.float32)
    x0, y0 = (max(0.0, float(value)) for value in seen.min(axis=0))
    x1, y1 = (min(1.0, float(value)) for value in seen.max(axis=0))
    return Box(label, round(x0, 5), round(x1, 5), round(y0, 5), round(y1, 5))


def random_shelves(seed: int) -> tuple[tuple[Slot, ...], ...]:
    """Four or five shelves of products chosen by `seed`, some facings empty: a scene for training and for tests."""
    rng = np.random.default_rng(seed)
    groups = ("bottle", "carton", "can", "small", "cup", "bag")
    count = int(rng.integers(4, 6))
    names = [groups[int(k)] for k in rng.permutation(len(groups))[:count]]
    shelves: list[tuple[Slot, ...]] = []
    for group in names:
        skus = [product.sku for product in PRODUCTS if product.group == group]
        skus = [skus[int(k)] for k in rng.permutation(len(skus))]
        slots: list[Slot] = []
        room_cm, k = 104.0, 0
        while room_cm > 0:
            product = BY_SKU[skus[k % len(skus)]]
            facings = min(int(rng.integers(2, 5)), int(room_cm / (product.width_cm + 0.7)))
            if facings == 0:
                break
            slots.append(Slot(product.sku, tuple(int(u) for u in rng.integers(0, product.depth + 1, facings))))
            room_cm -= facings * (product.width_cm + 0.7)
            k += 1
        shelves.append(tuple(slots))
    return tuple(shelves)
