"""Package sprites: a label bent onto a can, bottle, carton, cup or bag, with shading, an outline and a soft shadow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from demo.labels import label, mix, text_centred
from demo.products import BY_SKU, Colour, Product

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
SUPER = 3  # sprites are drawn at this multiple of their size, then averaged down
PAD = 7  # pixels of soft shadow around the package
VARIANTS = 4  # cans and bottles stand turned by a few degrees


@dataclass(frozen=True)
class Sprite:
    """A package ready to paste: `rgb` uint8 (H, W, 3) premultiplied by coverage, `keep` uint8 (H, W, 3): share of 255
    of the background that stays. The package itself is the inner `width` x `height`, inside PAD pixels of shadow."""

    rgb: Pixels
    keep: Pixels
    width: int
    height: int

    def paste(self, canvas: Pixels, left: int, top: int) -> None:
        """Puts the package's top left corner at (`left`, `top`) of `canvas`, clipped to it."""
        y, x = top - PAD, left - PAD
        y0, x0 = max(y, 0), max(x, 0)
        y1, x1 = min(y + self.rgb.shape[0], canvas.shape[0]), min(x + self.rgb.shape[1], canvas.shape[1])
        if y1 <= y0 or x1 <= x0:
            return
        part = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
        roi = canvas[y0:y1, x0:x1]
        cv2.add(cv2.multiply(roi, self.keep[part], scale=1 / 255), self.rgb[part], dst=roi)


def _bend(flat: Pixels, width: int, turn: float) -> Pixels:
    """`flat` seen on a cylinder `width` pixels wide, turned by `turn` (share of the flat width)."""
    u = np.linspace(-1, 1, width, dtype=np.float32)
    x = (0.5 + np.arcsin(u) / np.pi * 0.98 + turn) * (flat.shape[1] - 1)
    rows = np.arange(flat.shape[0], dtype=np.float32)
    map_x, map_y = np.meshgrid(x.astype(np.float32), rows)
    return np.asarray(cv2.remap(flat, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.uint8)


def _round_shade(width: int, gloss: float) -> tuple[Floats, Floats]:
    """(diffuse factor, added highlight) across a cylinder, each float32 (width,)."""
    u = np.linspace(-1, 1, width, dtype=np.float32)
    diffuse = 0.34 + 0.72 * np.sqrt(np.clip(1 - (0.92 * u + 0.08) ** 2, 0, 1))
    highlight = gloss * (np.exp(-(((u + 0.48) / 0.10) ** 2)) + 0.45 * np.exp(-(((u - 0.62) / 0.07) ** 2)))
    return diffuse.astype(np.float32), highlight.astype(np.float32)


def _profile(height: int, knots: list[tuple[float, float]]) -> Floats:
    """Half width (share of full) at each row, smooth through `knots` of (share of height, half width)."""
    y = np.linspace(0, 1, height)
    half = np.interp(y, [k[0] for k in knots], [k[1] for k in knots])
    size = max(3, (height // 40) | 1)
    return np.asarray(cv2.GaussianBlur(half.reshape(-1, 1).astype(np.float32), (1, size), 0)[:, 0], np.float32)


_CAN = [(0, 0.40), (0.015, 0.41), (0.06, 0.5), (0.94, 0.5), (0.985, 0.43), (1, 0.41)]
_BOTTLE = [
    (0, 0.2),
    (0.085, 0.2),
    (0.09, 0.17),
    (0.13, 0.18),
    (0.28, 0.46),
    (0.33, 0.5),
    (0.5, 0.485),
    (0.62, 0.5),
    (0.97, 0.5),
    (1, 0.45),
]
_CUP = [(0, 0.5), (0.07, 0.5), (0.075, 0.47), (0.97, 0.40), (1, 0.38)]


def _solid(product: Product, width: int, height: int, turn: float) -> tuple[Floats, Floats]:
    """(rgb float32 (H, W, 3), coverage float32 (H, W)) of a can, bottle or cup."""
    knots = {"can": _CAN, "bottle": _BOTTLE, "cup": _CUP}[product.kind]
    half = _profile(height, knots) * width
    flat = Image.new("RGB", (width, height), product.body)
    draw = ImageDraw.Draw(flat)
    if product.kind == "can":
        metal: Colour = (198, 202, 208)
        flat.paste(label(product, width, round(height * 0.87)), (0, round(height * 0.065)))
        for y0, y1, grey in (
            (0, 0.022, 0.15),
            (0.022, 0.04, 0.45),
            (0.04, 0.066, 0.0),
            (0.935, 0.96, 0.1),
            (0.96, 1, 0.4),
        ):
            draw.rectangle((0, y0 * height, width, y1 * height), fill=mix(metal, (40, 44, 52), grey))
    elif product.kind == "bottle":
        liquid = mix(product.body, (255, 255, 255), 0.12)
        draw.rectangle((0, 0, width, height), fill=liquid)
        draw.rectangle((0, height * 0.10, width, height * 0.17), fill=mix(liquid, (255, 255, 255), 0.35))
        draw.rectangle((0, 0, width, height * 0.085), fill=product.accent)
        for k in range(0, width, max(3, width // 40)):
            draw.line((k, height * 0.015, k, height * 0.075), fill=mix(product.accent, (0, 0, 0), 0.25), width=1)
        flat.paste(label(product, width, round(height * 0.46)), (0, round(height * 0.36)))
        for y in (0.355, 0.82):
            draw.rectangle((0, height * y, width, height * (y + 0.008)), fill=mix(product.accent, (255, 255, 255), 0.5))
        for y in (0.86, 0.90, 0.94):
            draw.rectangle((0, height * y, width, height * (y + 0.006)), fill=mix(liquid, (0, 0, 0), 0.25))
    else:
        flat.paste(label(product, width, round(height * 0.93)), (0, round(height * 0.07)))
        draw.rectangle((0, 0, width, height * 0.07), fill=mix(product.accent, (255, 255, 255), 0.35))
        draw.rectangle((0, height * 0.055, width, height * 0.075), fill=mix(product.accent, (0, 0, 0), 0.3))
    art = np.asarray(flat, np.uint8)
    u = (np.arange(width, dtype=np.float32)[None, :] - (width - 1) / 2) / np.maximum(half[:, None], 1)
    bent = _bend(art, width, turn)
    diffuse, highlight = _round_shade(1024, {"can": 120.0, "bottle": 135.0, "cup": 55.0}[product.kind])
    index = np.clip((u + 1) / 2 * 1023, 0, 1023).astype(np.int32)
    rgb = bent.astype(np.float32) * diffuse[index][..., None] + highlight[index][..., None]
    return rgb, (np.abs(u) <= 1).astype(np.float32)


def _carton(product: Product, width: int, height: int) -> tuple[Floats, Floats]:
    """A carton: front face, and a gable with a screw cap where it is tall."""
    image = Image.new("RGB", (width, height), product.body)
    mask = Image.new("L", (width, height), 0)
    draw, cover = ImageDraw.Draw(image), ImageDraw.Draw(mask)
    tall = height > 2.4 * width
    top = round(height * (0.17 if tall else 0.05))
    image.paste(label(product, width, height - top), (0, top))
    cover.rectangle((0, top, width, height), fill=255)
    fin = round(height * 0.035)
    draw.polygon(
        [(0, top), (width * 0.1, fin), (width * 0.9, fin), (width, top)], fill=mix(product.accent, product.body, 0.35)
    )
    cover.polygon([(0, top), (width * 0.1, fin), (width * 0.9, fin), (width, top)], fill=255)
    draw.rectangle((width * 0.06, 0, width * 0.94, fin), fill=mix(product.accent, (255, 255, 255), 0.2))
    cover.rectangle((width * 0.06, 0, width * 0.94, fin), fill=255)
    draw.line((0, top, width, top), fill=mix(product.accent, (0, 0, 0), 0.4), width=max(2, width // 90))
    if tall:
        box = (width * 0.33, height * 0.055, width * 0.67, height * 0.155)
        draw.ellipse(
            (box[0], box[1] + height * 0.012, box[2], box[3] + height * 0.012),
            fill=mix(product.accent, (0, 0, 0), 0.45),
        )
        draw.ellipse(box, fill=mix(product.accent, (255, 255, 255), 0.25))
        draw.ellipse((width * 0.39, height * 0.068, width * 0.61, height * 0.132), fill=product.accent)
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    shade = 1.04 - 0.2 * x - 0.25 * np.exp(-x / 0.015) - 0.3 * np.exp(-(1 - x) / 0.02)
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    rgb = np.asarray(image, np.float32) * shade * (1.04 - 0.14 * y)
    return np.asarray(rgb, np.float32), np.asarray(np.asarray(mask) / 255, np.float32)


def _bag(product: Product, width: int, height: int) -> tuple[Floats, Floats]:
    """A pillow bag with sealed, serrated ends and creases."""
    art = np.asarray(label(product, width, height), np.float32)
    pick = np.random.default_rng(sum(product.sku.encode()))
    crease = cv2.GaussianBlur(pick.normal(0, 1, (height // 4, width // 4)).astype(np.float32), (0, 0), width / 60)
    crease = np.asarray(crease / max(float(crease.std()), 1e-6), np.float32)
    crease = np.asarray(cv2.resize(crease, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    v = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    u = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    bulge = np.sqrt(np.clip(1 - (0.9 * u) ** 2, 0, 1)) * np.sqrt(np.clip(1.02 - (0.93 * v) ** 2, 0, 1))
    shade = 0.42 + 0.66 * bulge + 0.055 * crease
    gloss = 70 * np.exp(-(((u + 0.5 + 0.06 * crease) / 0.12) ** 2)) * np.clip(1 - np.abs(v) * 1.1, 0, 1)
    gloss += 42 * np.exp(-(((u - 0.6 + 0.05 * crease) / 0.08) ** 2)) * np.clip(1 - np.abs(v) * 1.2, 0, 1)
    rgb = art * shade[..., None] + gloss[..., None]
    seal = np.abs(v[:, 0]) > 0.9
    rgb[seal] *= (0.86 + 0.14 * np.sin(np.arange(height)[seal] * 1.3))[:, None, None]
    edge = 1 - 0.035 * np.cos(np.clip(v, -1, 1) * np.pi / 2) - 0.02 * (np.abs(v) < 0.9)
    teeth = 1 - 0.02 * (np.abs(((np.arange(width)[None, :] / (width / 26)) % 1) - 0.5) * 2)
    return np.asarray(rgb, np.float32), np.asarray((np.abs(u) <= edge) & (np.abs(v) <= teeth), np.float32)


@lru_cache(maxsize=4096)
def sprite(sku: str, px_per_cm: float, variant: int, light: float) -> Sprite:
    """The package of `sku` at a scale, turned by `variant`, its colours times `light`."""
    product = BY_SKU[sku]
    width, height = max(8, round(product.width_cm * px_per_cm)), max(8, round(product.height_cm * px_per_cm))
    wide, high = width * SUPER, height * SUPER
    if product.kind == "carton":
        rgb, cover = _carton(product, wide, high)
    elif product.kind == "bag":
        rgb, cover = _bag(product, wide, high)
    else:
        rgb, cover = _solid(product, wide, high, (variant - (VARIANTS - 1) / 2) * 0.026)
    rgb = np.asarray(np.clip(rgb * (light * (0.97 + 0.02 * variant)), 0, 255) * cover[..., None], np.float32)
    small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    inner = cv2.resize(cover, (width, height), interpolation=cv2.INTER_AREA)
    alpha = np.zeros((height + 2 * PAD, width + 2 * PAD), np.float32)
    alpha[PAD:-PAD, PAD:-PAD] = inner
    shadow = np.roll(cv2.GaussianBlur(alpha, (0, 0), PAD / 2.2), 2, axis=1) * 0.62
    full = np.zeros((*alpha.shape, 3), np.float32)
    full[PAD:-PAD, PAD:-PAD] = small
    keep = (1 - alpha) * (1 - shadow)
    return Sprite(
        np.rint(full).astype(np.uint8), np.rint(np.repeat(keep[..., None], 3, 2) * 255).astype(np.uint8), width, height
    )


@lru_cache(maxsize=256)
def price_tag(sku: str, height: int) -> Pixels:
    """uint8 (height, W, 3): the shelf label with price, name and barcode; yellow for what sells fastest."""
    product = BY_SKU[sku]
    wide, high = round(height * 2.7) * SUPER, height * SUPER
    paper: Colour = (255, 222, 62) if product.weight >= 2.2 else (250, 250, 247)
    image = Image.new("RGB", (wide, high), paper)
    draw = ImageDraw.Draw(image)
    text_centred(draw, (wide * 0.46, high * 0.04, wide * 0.98, high * 0.96), f"{product.price:.2f}", (20, 20, 24), 1)
    text_centred(draw, (wide * 0.03, high * 0.06, wide * 0.45, high * 0.42), product.brand, (40, 40, 46), 0)
    bars = np.random.default_rng(sum(sku.encode())).integers(1, 4, 18)
    x = wide * 0.05
    for k, bar in enumerate(bars):
        if k % 2 == 0:
            draw.rectangle((x, high * 0.5, x + float(bar) * wide * 0.008, high * 0.88), fill=(25, 25, 28))
        x += float(bar) * wide * 0.011
    draw.rectangle((0, 0, wide - 1, high - 1), outline=(150, 150, 150), width=2)
    return np.asarray(cv2.resize(np.asarray(image), (wide // SUPER, height), interpolation=cv2.INTER_AREA), np.uint8)
