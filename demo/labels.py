"""Label artwork: a motif, the brand and the flavour, drawn flat; demo/sprites.py bends it onto a package."""

from __future__ import annotations

import math
import random
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from demo.products import Colour, Product

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour between `a` (share 0) and `b` (share 1)."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


@lru_cache(maxsize=512)
def _font(size: float) -> Font:
    return ImageFont.load_default(size)


def font_for(text: str, width_px: float, height_px: float) -> Font:
    """Pillow's built-in font in the largest size at which `text` fits into the box."""
    size = max(6.0, height_px)
    font = _font(size)
    length = font.getlength(text)
    return font if length <= width_px else _font(max(6.0, size * width_px / length))


def text_centred(
    draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], text: str, ink: Colour, bold: int
) -> None:
    """Draws `text` in the middle of `box` (x0, y0, x1, y1 in pixels), as large as fits."""
    x0, y0, x1, y1 = box
    font = font_for(text, (x1 - x0) * 0.94, (y1 - y0) * 0.92)
    draw.text(
        ((x0 + x1) / 2, (y0 + y1) / 2), text, fill=ink, font=font, anchor="mm", stroke_width=bold, stroke_fill=ink
    )


def label(product: Product, width: int, height: int) -> Image.Image:
    """RGB artwork of `width` x `height` pixels for the product's front."""
    image = Image.new("RGB", (width, height), product.body)
    draw = ImageDraw.Draw(image)
    _MOTIFS[product.art](draw, product, width, height)
    top, low = (0.16, 0.40) if product.kind != "cup" else (0.18, 0.46)
    bold = max(1, round(width * 0.012))
    shade = mix(product.ink, (0, 0, 0), 0.65) if sum(product.ink) > 380 else mix(product.ink, (255, 255, 255), 0.8)
    shift = max(1.0, width * 0.008)
    # On a round package the label's sides turn away from the camera.
    side = 0.19 if product.kind in {"can", "bottle", "cup"} else 0.08
    band = (width * side, height * top, width * (1 - side), height * low)
    text_centred(draw, (band[0] + shift, band[1] + shift, band[2] + shift, band[3] + shift), product.brand, shade, bold)
    text_centred(draw, band, product.brand, product.ink, bold)
    text_centred(draw, (width * 0.2, height * low, width * 0.8, height * (low + 0.11)), product.flavour, product.ink, 0)
    size = product.sku.rsplit("-", 1)[-1]
    text_centred(draw, (width * 0.55, height * 0.90, width * 0.8, height * 0.965), size, product.ink, 0)
    return image


def _wave(draw: ImageDraw.ImageDraw, p: Product, w: int, h: int) -> None:
    for offset, thick, colour in ((0.60, 0.16, p.accent), (0.80, 0.035, mix(p.accent, p.body, 0.3))):
        upper = [(x, h * (offset + 0.07 * math.sin(x / w * 5.2))) for x in range(0, w + 4, 4)]
        lower = [(x, y + h * thick * (0.5 + 0.5 * x / w)) for x, y in reversed(upper)]
        draw.polygon([*upper, *lower], fill=colour)


def _citrus(draw: ImageDraw.ImageDraw, p: Product, w: int, h: int) -> None:
    for cx, cy, r in ((0.36, 0.72, 0.27), (0.76, 0.80, 0.19)):
        x, y, radius = cx * w, cy * h, r * w
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=mix(p.accent, (255, 150, 0), 0.35))
        radius *= 0.88
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=mix(p.accent, (255, 255, 255), 0.75))
        for k in range(8):
            a = k * 45 + 3
            inner = radius * 0.9
            draw.pieslice(
                (x - inner, y - inner, x + inner, y + inner), a, a + 38, fill=mix(p.body, (255, 180, 20), 0.45)
            )


def _bands(draw: ImageDraw.ImageDraw, p: Product, w: int, h: int) -> None:
    for y, thick in ((0.07, 0.02), (0.11, 0.008), (0.57, 0.012), (0.86, 0.03)):
        draw.rectangle((0, h * y, w, h * (y + thick)), fill=p.accent)
    draw.ellipse((w * 0.28, h * 0.60, w * 0.72, h * 0.60 + w * 0.44), fill=p.accent)
    text_centred(draw, (w * 0.32, h * 0.60, w * 0.68, h * 0.60 + w * 0.44), p.brand[0], p.body, max(1, w // 80))


def _bolt(draw: ImageDraw.ImageDraw, p: Product, w: int, h: int) -> None:
    for k in range(3):
        left, right = h * (0.98 + k * 0.2), h * (0.52 + k * 0.2)
        stripe = [(0, left), (w, right), (w, right + h * 0.08), (0, left + h * 0.08)]
        draw.polygon(stripe, fill=mix(p.accent, p.body, 0.25 * k))
    shape = ((0.58, 0.52), (0.26, 0.74), (0.47, 0.74), (0.36, 0.95), (0.76, 0.67), (0.54, 0.67))
    draw.polygon([(x * w, y * h) for x, y in shape], fill=mix(p.accent, (255, 240, 90), 0.6))


def _peaks(draw: ImageDraw.ImageDraw, p: Product, w: int, h: int) -> None:
    draw.rectangle((0, h * 0.12, w, h), fill=p.accent)
    for cx, top, half, share in ((0.2, 0.66, 0.34, 0.35), (0.82, 0.64, 0.4, 0.25), (0.5, 0.56, 0.4, 0.0)):
        foot = h * 0.92
        draw.polygon(
            [((cx - half) * w, foot), (cx * w, top * h), ((cx + half) * w, foot)], fill=mix(p.body, p.accent, share)
        )
        snow = top + 0.07
        draw.polygon(
            [((cx - 0.075) * w, snow * h), (cx * w, top * h), ((cx + 0.075) * w, snow * h)], fill=(252, 252, 252)
        )
    draw.rectangle((0, h * 0.92, w, h), fill=mix(p.accent, (0, 0, 40), 0.35))


def _sun(draw: ImageDraw.ImageDraw, p: Product, w: int, h: int) -> None:
    cx, cy, far = w * 0.5, h * 0.72, w * 1.1
    for k in range(16):
        a, b = (k * 22.5) * math.pi / 180, (k * 22.5 + 11) * math.pi / 180
        rim = [(cx + far * math.cos(angle), cy + far * math.sin(angle)) for angle in (a, b)]
        draw.polygon([(cx, cy), *rim], fill=mix(p.body, p.accent, 0.35))
    draw.rectangle((0, 0, w, h * 0.14), fill=p.accent)
    r = w * 0.26
    draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=p.accent)
    draw.arc(
        (cx - r * 0.7, cy - r * 0.7, cx + r * 0.7, cy + r * 0.7), 200, 320, fill=(255, 255, 255), width=max(2, w // 40)
    )


def _leaf(draw: ImageDraw.ImageDraw, p: Product, w: int, h: int) -> None:
    draw.rectangle((0, 0, w, h * 0.56), fill=mix(p.body, p.accent, 0.85))
    draw.rectangle((0, h * 0.56, w, h * 0.58), fill=(250, 248, 236))
    for cx, cy, r in ((0.36, 0.76, 0.19), (0.62, 0.74, 0.21)):
        draw.ellipse(
            ((cx - r) * w, cy * h - r * w, (cx + r) * w, cy * h + r * w), fill=mix(p.accent, (230, 60, 40), 0.35)
        )
        draw.ellipse(
            ((cx - r * 0.5) * w, cy * h - r * 0.6 * w, (cx - r * 0.15) * w, cy * h - r * 0.2 * w), fill=(255, 244, 220)
        )
    draw.pieslice((w * 0.5, h * 0.58, w * 0.9, h * 0.58 + w * 0.3), 150, 300, fill=mix(p.accent, (20, 120, 20), 0.5))


def _dots(draw: ImageDraw.ImageDraw, p: Product, w: int, h: int) -> None:
    pick = random.Random(p.sku)
    draw.rectangle((0, h * 0.58, w, h), fill=mix(p.accent, p.body, 0.72))
    for _ in range(26):
        x, y, r = pick.uniform(0, w), pick.uniform(h * 0.62, h * 0.97), pick.uniform(0.04, 0.1) * w
        draw.ellipse((x - r, y - r, x + r, y + r), fill=mix(p.accent, (255, 255, 255), pick.uniform(0, 0.35)))
        draw.ellipse((x - r * 0.5, y - r * 0.6, x - r * 0.1, y - r * 0.2), fill=(255, 255, 255))


def _hills(draw: ImageDraw.ImageDraw, p: Product, w: int, h: int) -> None:
    draw.rectangle((0, 0, w, h * 0.14), fill=p.accent)
    draw.ellipse((-w * 0.5, h * 0.64, w * 0.9, h * 1.3), fill=mix(p.accent, (90, 170, 60), 0.55))
    draw.ellipse((w * 0.2, h * 0.72, w * 1.6, h * 1.4), fill=mix(p.accent, (60, 140, 50), 0.75))
    draw.ellipse((w * 0.66, h * 0.54, w * 0.86, h * 0.54 + w * 0.2), fill=(252, 206, 70))
    x, y = w * 0.3, h * 0.72
    draw.rounded_rectangle((x, y, x + w * 0.26, y + h * 0.055), radius=w * 0.04, fill=(250, 250, 250))
    draw.ellipse((x + w * 0.06, y + h * 0.005, x + w * 0.15, y + h * 0.04), fill=(30, 30, 34))
    draw.rectangle((x + w * 0.03, y + h * 0.05, x + w * 0.06, y + h * 0.085), fill=(250, 250, 250))
    draw.rectangle((x + w * 0.2, y + h * 0.05, x + w * 0.23, y + h * 0.085), fill=(250, 250, 250))


def _blocks(draw: ImageDraw.ImageDraw, p: Product, w: int, h: int) -> None:
    draw.rectangle((0, h * 0.55, w, h), fill=p.accent)
    for row in range(4):
        for column in range(4):
            if (row + column) % 2 == 0:
                x, y = w * (0.08 + 0.22 * column), h * (0.59 + 0.085 * row)
                draw.rounded_rectangle(
                    (x, y, x + w * 0.17, y + h * 0.06), radius=w * 0.03, fill=mix(p.body, GRAIN, 0.3 * (row % 2))
                )


GRAIN: Colour = (236, 180, 70)
_MOTIFS = {
    "wave": _wave, "citrus": _citrus, "bands": _bands, "bolt": _bolt, "peaks": _peaks,
    "sun": _sun, "leaf": _leaf, "dots": _dots, "hills": _hills, "blocks": _blocks,
}  # fmt: skip
