"""Headers: what a photo says about itself, without decoding it, whatever the bytes are."""

from __future__ import annotations

import struct
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imaging import errors
from imaging.errors import ImageError
from imaging.header import Header, Limits, read_header
from schemas.reasons import Reason
from tests import corpus

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
FILES = {name: corpus.encode(corpus.scene(), name) for name in FORMATS}


def reason_of(data: bytes, limits: Limits | None = None) -> str:
    try:
        read_header(data, limits or Limits())
    except ImageError as error:
        return error.reason if error.detail else "no detail"
    return "ok"


def test_reasons_are_those_that_the_lake_stores():
    assert set(errors.REASONS) <= {reason.value for reason in Reason}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_its_size(name):
    assert read_header(FILES[name]) == Header(name.lower(), corpus.WIDTH, corpus.HEIGHT, 1)


def test_the_corpus_gives_its_reasons(tmp_path):
    expected = corpus.strange_files(tmp_path)
    assert {name: reason_of((tmp_path / name).read_bytes()) for name in expected} == expected


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_read_and_swaps_the_upright_size(name, orientation):
    header = read_header(corpus.with_orientation(corpus.scene(), orientation, name))
    assert header.orientation == orientation
    assert (header.width, header.height) == (corpus.WIDTH, corpus.HEIGHT)
    swapped = (corpus.HEIGHT, corpus.WIDTH) if orientation > 4 else (corpus.WIDTH, corpus.HEIGHT)
    assert header.upright_size == swapped


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_out_of_range_is_upright(orientation):
    assert read_header(corpus.with_orientation(corpus.scene(), orientation)).orientation == 1


def with_time(text: str) -> bytes:
    exif = Image.Exif()
    exif[274] = 1
    exif.get_ifd(0x8769)[0x9003] = text
    return corpus.encode(corpus.scene(), exif=exif)


@pytest.mark.parametrize(
    "text,expected",
    [
        ("2026:11:21 08:43:26", datetime(2026, 11, 21, 8, 43, 26, tzinfo=UTC)),
        ("2026:13:41 08:43:26", None),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("yesterday", None),
    ],
)
def test_capture_time_is_utc_or_missing(text, expected):
    assert read_header(with_time(text)).captured_at == expected


def test_a_png_bomb_is_refused_in_little_memory():
    bomb = corpus.png_bomb()
    tracemalloc.start()
    assert reason_of(bomb) == "too-many-pixels"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


def test_limits_are_inclusive():
    data = FILES["PNG"]
    pixels = corpus.WIDTH * corpus.HEIGHT
    assert reason_of(data, Limits(len(data), pixels)) == "ok"
    assert reason_of(data, Limits(len(data) - 1, pixels)) == "too-many-bytes"
    assert reason_of(data, Limits(len(data), pixels - 1)) == "too-many-pixels"


def test_a_gif_frame_larger_than_its_screen_counts():
    data = bytearray(FILES["GIF"])
    struct.pack_into("<HH", data, 6, 1, 1)
    assert (read_header(bytes(data)).width, read_header(bytes(data)).height) == (corpus.WIDTH, corpus.HEIGHT)


def test_a_tiff_tile_larger_than_the_limit_is_refused():
    entries = [(256, 3, 1, 100), (257, 3, 1, 100), (322, 3, 1, 60_000), (323, 3, 1, 60_000)]
    body = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    assert reason_of(b"II*\0" + struct.pack("<I", 8) + body) == "too-many-pixels"


@pytest.mark.parametrize("marker", [0xC3, 0xC7, 0xCF])
def test_lossless_jpegs_are_not_accepted(marker):
    data = FILES["JPEG"].replace(b"\xff\xc0", bytes([0xFF, marker]), 1)
    assert reason_of(data) == "unsupported-format"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from(FORMATS), st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=12), st.data()
)
def test_no_bytes_make_it_raise_anything_else(name, changes, draws):
    data = bytearray(FILES[name])
    for position, value in changes:
        data[position % min(len(data), 700)] = value
    cut = draws.draw(st.integers(0, len(data)))
    assert reason_of(bytes(data[:cut])) in {"ok", *errors.REASONS}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sampled_from([data[:12] for data in FILES.values()]), st.binary(max_size=300))
def test_no_signature_with_nonsense_behind_it_does_either(signature, rest):
    assert reason_of(signature + rest) in {"ok", *errors.REASONS}
