"""The cooler itself: where shelves and facings are, its walls, rails and light. Cached: only planograms change it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from demo.products import BY_SKU
from demo.sprites import Pixels

WIDTH, HEIGHT = 1280, 960  # of a photo
MARGIN = 44  # the canvas shows this much more on each side, for the camera to move in
WALL, TOP, BOTTOM = 66, 58, 40  # cabinet frame on the canvas, pixels
RAIL = 30

Plan = tuple[tuple[tuple[str, int], ...], ...]  # shelves of (SKU, facings)


@dataclass(frozen=True)
class Geometry:
    """Where things are on the canvas, in pixels: `floors[i]` is the front edge of shelf i, above its rail of `rail`
    pixels; `depths[i]` how much of its floor is seen; `centres[i][j]` the facings' centres of slot j."""

    px_per_cm: float
    rail: int
    ceilings: tuple[int, ...]
    floors: tuple[int, ...]
    depths: tuple[int, ...]
    centres: tuple[tuple[tuple[float, ...], ...], ...]


@lru_cache(maxsize=256)
def geometry(plan: Plan) -> Geometry:
    """The layout of a planogram: one scale for all shelves, shelf heights by their tallest package."""
    inner_w, inner_h = WIDTH + 2 * MARGIN - 2 * WALL, HEIGHT + 2 * MARGIN - TOP - BOTTOM - RAIL * len(plan)
    tallest = [max(BY_SKU[sku].height_cm for sku, _ in shelf) for shelf in plan]
    widest = max(sum(BY_SKU[sku].width_cm * facings for sku, facings in shelf) for shelf in plan)
    scale = min(inner_w / (widest * 1.03), (inner_h - 26 * len(plan)) / sum(tallest))
    spare = (inner_h - scale * sum(tallest)) / len(plan)
    ceilings, floors, depths, centres = [], [], [], []
    y = float(TOP)
    for shelf, high in zip(plan, tallest, strict=True):
        ceilings.append(round(y))
        y += high * scale + spare
        floors.append(round(y))
        y += RAIL
        depths.append(round(8 + 16 * min(1.0, y / (HEIGHT + 2 * MARGIN))))
        used = sum(BY_SKU[sku].width_cm * facings for sku, facings in shelf) * scale
        gap = (inner_w - used) / (sum(facings for _, facings in shelf) + 1)
        x, row = WALL + gap, []
        for sku, facings in shelf:
            step = BY_SKU[sku].width_cm * scale + gap
            row.append(tuple(x + step * k + (step - gap) / 2 for k in range(facings)))
            x += step * facings
        centres.append(tuple(row))
    return Geometry(scale, RAIL, tuple(ceilings), tuple(floors), tuple(depths), tuple(centres))


def _ramp(length: int, knots: list[tuple[float, float]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.interp(np.linspace(0, 1, length), [k[0] for k in knots], [k[1] for k in knots])


@lru_cache(maxsize=32)
def cabinet(plan: Geometry) -> Pixels:
    """The empty cooler, uint8 (H, W, 3): frame, ribbed back wall, side walls, shelf floors and rails."""
    high, wide = HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN
    canvas = np.full((high, wide, 3), (206, 209, 212), np.uint8)
    x0, x1 = WALL, wide - WALL
    ribs = 1 + 0.16 * np.sign(np.sin(np.arange(x1 - x0) / 9.0)) * (np.abs(np.sin(np.arange(x1 - x0) / 9.0)) > 0.55)
    for ceiling, floor, depth in zip(plan.ceilings, plan.floors, plan.depths, strict=True):
        fall = _ramp(floor - ceiling, [(0, 0.55), (0.15, 1.0), (1, 0.62)])
        wall = np.array([44, 50, 58])[None, None, :] * fall[:, None, None] * ribs[None, :, None]
        canvas[ceiling:floor, x0:x1] = np.clip(wall, 0, 255)
        _side_walls(canvas, ceiling, floor, x0, x1)
        _floor(canvas, floor, depth, x0, x1)
        _rail(canvas, floor, x0, x1)
    canvas[:TOP] = (
        _ramp(TOP, [(0, 120), (0.5, 235), (0.62, 255), (0.93, 250), (0.95, 90), (1, 40)])[:, None, None]
    ).astype(np.uint8)
    for left, right in ((0, x0 - 14), (x1 + 14, wide)):
        steel = _ramp(right - left, [(0, 150), (0.3, 226), (0.75, 208), (0.9, 238), (1, 160)])
        canvas[:, left:right] = steel[None, :, None].astype(np.uint8)
    for left, right in ((x0 - 14, x0), (x1, x1 + 14)):
        canvas[:, left:right] = _ramp(14, [(0, 30), (0.4, 66), (1, 22)])[None, :, None].astype(np.uint8)
    base = plan.floors[-1] + RAIL
    canvas[base:] = _ramp(high - base, [(0, 38), (0.3, 84), (1, 52)])[:, None, None].astype(np.uint8)
    for y in range(base + 8, high - 4, 9):
        canvas[y : y + 3, x0 + 20 : x1 - 20] = 24
    return canvas


def _side_walls(canvas: Pixels, ceiling: int, floor: int, x0: int, x1: int) -> None:
    shade = _ramp(26, [(0, 150), (0.2, 112), (1, 58)])
    for k, grey in enumerate(shade):
        inset = round(k * 0.25)
        colour = (grey * 0.96, grey, grey * 1.05)
        canvas[ceiling + inset : floor, x0 + k] = colour
        canvas[ceiling + inset : floor, x1 - 1 - k] = colour


def _floor(canvas: Pixels, floor: int, depth: int, x0: int, x1: int) -> None:
    for k in range(depth):
        share = k / max(1, depth - 1)  # 0 at the back, 1 at the front edge
        inset = round((1 - share) * 26)
        grey = 76 + 84 * share
        canvas[floor - depth + k, x0 + inset : x1 - inset] = (grey * 0.97, grey, grey * 1.03)
    for x in range(x0 + 12, x1 - 12, 17):  # wires run to the back, towards the middle
        back = round((x0 + x1) / 2 + (x - (x0 + x1) / 2) * 0.96)
        cv2.line(canvas, (x, floor - 1), (back, floor - depth), (70, 74, 80), 1, cv2.LINE_AA)


def _rail(canvas: Pixels, floor: int, x0: int, x1: int) -> None:
    shade = _ramp(RAIL, [(0, 255), (0.06, 250), (0.1, 176), (0.2, 218), (0.75, 198), (0.88, 150), (0.94, 108), (1, 52)])
    canvas[floor : floor + RAIL, x0:x1] = (
        (shade[:, None, None] * np.array([0.97, 0.99, 1.0])).clip(0, 255).astype(np.uint8)
    )


@lru_cache(maxsize=32)
def light_map(plan: Geometry) -> Pixels:
    """Light on the canvas, uint8 (H, W, 3), 160 is neutral: lamps on top and at the sides, shadow under every shelf."""
    high, wide = HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN
    light = np.ones((high, wide), np.float32)
    for ceiling, floor in zip(plan.ceilings, plan.floors, strict=True):
        fall = _ramp(floor - ceiling, [(0, 0.42), (0.10, 0.66), (0.28, 0.95), (0.6, 1.06), (1, 0.98)])
        light[ceiling:floor] *= fall[:, None]
    y = np.linspace(0, 1, high, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, wide, dtype=np.float32)[None, :]
    light *= (1.16 - 0.30 * y) * (0.93 + 0.13 * np.abs(x) ** 3)
    tint = np.array([0.985, 1.0, 1.03], np.float32)
    return np.asarray(np.clip(np.rint(light[..., None] * tint * 160), 0, 255), np.uint8)
