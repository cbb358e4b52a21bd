"""What others measure, on the same photos in the same run: the origin's three measurements, and CleanVision."""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np
from PIL import Image

from imaging import jpeg
from imaging.decode import decode_grey
from imaging.header import read_header
from imaging.jpeg import Pixels
from imaging.opencv import cv2
from imaging.quality import measure

ORIGIN = ("origin_laplacian", "origin_sobel", "origin_fft")
CLEANVISION = ("cleanvision_blurry", "cleanvision_dark", "cleanvision_light", "cleanvision_low_information")
_LOW_PX = 30  # of the spectrum's centre to each side, as the usual recipe has it


def look(data: bytes) -> dict[str, float]:
    """The peers' numbers of a photo: `ORIGIN`, and `CLEANVISION` where it is installed."""
    image = _opened(data)
    return {**measure_origin(np.asarray(image.convert("L"), np.uint8)), **measure_cleanvision(image)}


def seconds_per_megapixel(pictures: Sequence[Pixels], rounds: int = 2) -> dict[str, float]:
    """Median seconds a megapixel of the picture by method, in turns: a machine that slows down slows all of them.

    The peers' seconds are without their own decode.
    """
    found: dict[str, list[float]] = {}
    for _, rgb in itertools.product(range(rounds), pictures):
        for name, seconds in _timed(jpeg.encode(np.ascontiguousarray(rgb), 90, "420", False)).items():
            found.setdefault(name, []).append(seconds / (rgb.shape[0] * rgb.shape[1] / 1e6))
    return {name: round(float(np.median(seconds)), 5) for name, seconds in found.items()}


def _timed(data: bytes) -> dict[str, float]:
    grey, image = decode_grey(data, read_header(data)), _opened(data)
    full = np.asarray(image.convert("L"), np.uint8)
    cases: dict[str, Callable[[], object]] = {
        "decode": lambda: decode_grey(data, read_header(data)),
        "measure": lambda: measure(grey),
        "origin": lambda: measure_origin(full),
    }
    if has_cleanvision():
        cases["cleanvision"] = lambda: measure_cleanvision(image)
    found = {}
    for name, case in cases.items():
        began = time.perf_counter()
        case()
        found[name] = time.perf_counter() - began
    return found


def _opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def measure_origin(grey: Pixels) -> dict[str, float]:
    """Variance of the Laplacian and of the Sobel magnitude, mean 20 log |rest| without low frequencies; full size."""
    dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    waves = np.fft.rfft2(grey.astype(np.float32))
    waves[:_LOW_PX, :_LOW_PX] = 0
    waves[-_LOW_PX:, :_LOW_PX] = 0
    rest = np.abs(np.fft.irfft2(waves, s=grey.shape))
    return {
        "origin_laplacian": float(np.asarray(cv2.Laplacian(grey, cv2.CV_32F)).var(dtype=np.float64)),
        "origin_sobel": float(np.sqrt(dx * dx + dy * dy).var(dtype=np.float64)),
        "origin_fft": float(np.mean(20 * np.log10(rest + 1e-3), dtype=np.float64)),
    }


def has_cleanvision() -> bool:
    """Whether CleanVision is installed."""
    return find_spec("cleanvision") is not None


def measure_cleanvision(image: Image.Image) -> dict[str, float]:
    """CleanVision's scores of an image, 0 bad to 1 good, with its own defaults; empty where it is not installed."""
    if not has_cleanvision():
        return {}
    import pandas as pd
    from cleanvision.issue_managers.image_property_issue_manager import ImagePropertyIssueManager

    manager = ImagePropertyIssueManager()
    found: dict[str, float] = {}
    for name in ("blurry", "dark", "light", "low_information"):
        made = manager.image_properties[name]
        raw = pd.DataFrame([made.calculate(image)])
        options = {key: value for key, value in manager.params[name].items() if key != "threshold"}
        scores = made.get_scores(raw_scores=raw, issue_type=name, **options)
        found[f"cleanvision_{name}"] = float(scores.iloc[0, 0])
    return found
