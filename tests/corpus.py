"""Strange photos as files: broken, hostile, or merely unusual, and what must be said of each."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

BOMB_PX = 13_000
WIDTH, HEIGHT = 64, 48
_ORIENTATION = 274
_INSIDE_SCAN = 0.55  # of a JPEG's bytes: well behind the tables


def scene(width: int = WIDTH, height: int = HEIGHT) -> npt.NDArray[np.uint8]:
    """A photo with no symmetry, uint8 (height, width, 3): every turn and flip of it differs. The same on every call."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack(
        [255 * x / max(1, width - 1), 255 * y / max(1, height - 1), 128 + 100 * np.sin(x / 5 + y / 9)], axis=2
    )
    rgb[: height // 3, : width // 4] = (250, 20, 20)
    rgb[-height // 4 :, -width // 5 :] = (20, 20, 250)
    return rgb.astype(np.uint8)


def encode(rgb: npt.NDArray[np.uint8], file_format: str = "JPEG", **options: object) -> bytes:
    """`rgb` as a file's bytes, by Pillow."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, file_format, **options)
    return buffer.getvalue()


def with_orientation(rgb: npt.NDArray[np.uint8], orientation: int, file_format: str = "JPEG") -> bytes:
    """A file whose stored pixels are `rgb` and whose EXIF says `orientation`. JPEG of quality 95, else lossless."""
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    options = (
        {"quality": 95, "subsampling": 0}
        if file_format == "JPEG"
        else {"lossless": True}
        if file_format == "WEBP"
        else {}
    )
    return encode(rgb, file_format, exif=exif, **options)


def png_bomb(side_px: int = BOMB_PX) -> bytes:
    """A valid grey PNG of `side_px` squared: a few kilobytes a row of rows, hundreds of megabytes when decoded."""
    squeeze = zlib.compressobj(9)
    row = bytes(side_px + 1)
    pixels = b"".join(squeeze.compress(row) for _ in range(side_px)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(*part) for part in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    )


def rot(data: bytes, seed: int = 3) -> bytes:
    """`data` with its headers whole and a stretch of its pixels overwritten at random."""
    start, end = int(len(data) * _INSIDE_SCAN), int(len(data) * 0.8)
    noise = np.random.default_rng(seed).integers(0, 0xD0, end - start, dtype=np.uint8).tobytes()
    return data[:start] + noise + data[end:]


def rotten_png(rgb: npt.NDArray[np.uint8]) -> bytes:
    """A PNG whose pixel data has one wrong bit: the container is whole, the checksum is not."""
    data = bytearray(encode(rgb, "PNG"))
    middle = data.index(b"IDAT") + 200
    data[middle] ^= 0x10
    return bytes(data)


def strange_files(folder: Path) -> dict[str, str]:
    """Writes the corpus into `folder`: file name to "ok" or the reason code that the header check alone gives.

    Of the "ok" ones, those of `unreadable()` do not decode.
    """
    folder.mkdir(parents=True, exist_ok=True)
    expected: dict[str, str] = {}
    for name, (reason, data) in _files().items():
        (folder / name).write_bytes(data)
        expected[name] = reason
    return expected


def unreadable() -> dict[str, str]:
    """Files of the corpus whose header is "ok" and whose pixels are not: file name to the reason code of the decode."""
    return {
        "cut-in-scan.jpg": "truncated",
        "cut-in-scan-progressive.jpg": "truncated",
        "bit-rotted.jpg": "undecodable",
        "bit-rotted.png": "undecodable",
        "bit-rotted.webp": "undecodable",
        "cut.gif": "truncated",
        "cut.bmp": "truncated",
    }


def _files() -> dict[str, tuple[str, bytes]]:
    rgb = scene()
    jpeg, png, webp = encode(rgb, quality=90), encode(rgb, "PNG"), encode(rgb, "WEBP", quality=90)
    progressive = encode(rgb, quality=90, progressive=True)
    gif, bmp = encode(rgb, "GIF"), encode(rgb, "BMP")
    html = b"<!DOCTYPE html><html><body><h1>404 Not Found</h1></body></html>\n"
    zipped = b"PK\x03\x04" + bytes(200)
    files = {
        "good.jpg": ("ok", jpeg),
        "good.webp": ("ok", webp),
        "good.gif": ("ok", gif),
        "good.bmp": ("ok", bmp),
        "good.tiff": ("ok", encode(np.flipud(rgb), "TIFF")),
        "png-named.jpg": ("ok", encode(np.fliplr(rgb), "PNG")),
        "grey.jpg": ("ok", encode(rgb[:, :, 1])),
        "progressive.jpg": ("ok", progressive),
        "one-pixel.png": ("ok", encode(rgb[:1, :1], "PNG")),
        "alpha.png": ("ok", _pillow(Image.fromarray(rgb).convert("RGBA"), "PNG")),
        "palette.png": ("ok", _pillow(Image.fromarray(rgb).convert("P"), "PNG")),
        "cmyk.jpg": ("ok", _pillow(Image.fromarray(rgb).convert("CMYK"), "JPEG")),
        "16-bit-grey.png": ("ok", _pillow(Image.fromarray(rgb[:, :, 0].astype(np.uint16) * 257), "PNG")),
        "16-bit-rgb.png": ("ok", png_of_16_bits(rgb)),
        "animated.gif": ("ok", _animated(rgb, "GIF")),
        "animated.png": ("ok", _animated(rgb, "PNG")),
        "animated.webp": ("ok", _animated(rgb, "WEBP")),
        "jpeg-then-zip.jpg": ("ok", encode(rgb, quality=85) + zipped),
        "jpeg-then-html.jpg": ("ok", encode(rgb, quality=84) + b"<script>alert(1)</script>"),
        "quote'<b>&.jpg": ("ok", encode(rgb, quality=83)),
        "cut-in-scan.jpg": ("ok", jpeg[: int(len(jpeg) * 0.7)]),
        "cut-in-scan-progressive.jpg": ("ok", progressive[: int(len(progressive) * 0.7)]),
        "bit-rotted.jpg": ("ok", rot(jpeg)),
        "bit-rotted.png": ("ok", rotten_png(rgb)),
        "bit-rotted.webp": ("ok", rot(encode(rgb, "WEBP", lossless=True))),  # lossy WebP has no way to tell
        "cut.gif": ("ok", gif[: len(gif) // 2]),
        "cut.bmp": ("ok", bmp[: len(bmp) // 2]),
        "empty.jpg": ("empty-file", b""),
        "html.jpg": ("unsupported-format", html),
        "text.jpg": ("unsupported-format", b"BM is how this note begins, yet it is no bitmap at all.\n"),
        "zip-then-jpeg.jpg": ("unsupported-format", zipped + jpeg),
        "float.tiff": ("unsupported-format", _pillow(Image.fromarray(rgb[:, :, 0].astype(np.float32)), "TIFF")),
        "cut-in-header.jpg": ("truncated", jpeg[:100]),
        "two-bytes-more.jpg": ("truncated", jpeg[:4]),
        "cut.png": ("truncated", png[: len(png) // 2]),
        "cut.webp": ("truncated", webp[: len(webp) // 2]),
        "cut-in-header.png": ("truncated", png[:20]),
        "no-pixels.png": ("undecodable", png[:16] + struct.pack(">II", 0, HEIGHT) + png[24:]),
        "bomb.png": ("too-many-pixels", png_bomb()),
    }
    for orientation in range(1, 9):
        files[f"exif-{orientation}.jpg"] = ("ok", with_orientation(rgb, orientation))
        files[f"exif-{orientation}.png"] = ("ok", with_orientation(rgb, orientation, "PNG"))
    return files


def png_of_16_bits(rgb: npt.NDArray[np.uint8]) -> bytes:
    """A PNG of 16 bits a sample, which Pillow reads and does not write: each level times 257."""
    height, width, _ = rgb.shape
    rows = b"".join(b"\0" + (row.astype(">u2") * 257).astype(">u2").tobytes() for row in rgb)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _pillow(image: Image.Image, file_format: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format)
    return buffer.getvalue()


def _animated(rgb: npt.NDArray[np.uint8], file_format: str) -> bytes:
    frames = [Image.fromarray(np.roll(rgb, 10 * step, axis=1)) for step in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, file_format, save_all=True, append_images=frames[1:], duration=100)
    return buffer.getvalue()
