"""Decoding: upright pixels by one rule, and a named reason for whatever does not decode."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from imaging import errors
from imaging.decode import WORKING_PX, decode_grey, decode_rgb, working_size
from imaging.errors import ImageError
from imaging.header import Header, read_header
from tests import corpus
from tests.imaging.test_header import FILES, FORMATS

# Stored pixels to upright ones, in NumPy's words: EXIF 2.32, tag 274.
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a.transpose(1, 0, 2), 2),
    8: np.rot90,
}


def decode(data: bytes) -> np.ndarray:
    return decode_rgb(data, read_header(data))


def outcome(function, data: bytes, header: Header) -> str:
    try:
        function(data, header)
    except ImageError as error:
        return error.reason
    return "ok"


def pillow(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_lossless_photos_stand_upright_to_the_pixel(name, orientation):
    stored = corpus.scene()
    decoded = decode(corpus.with_orientation(stored, orientation, name))
    assert np.array_equal(decoded, UPRIGHT[orientation](stored))
    assert decoded.flags.c_contiguous


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpegs_stand_upright_within_their_error(orientation):
    stored = corpus.scene()
    decoded = decode(corpus.with_orientation(stored, orientation)).astype(int)
    assert np.abs(decoded - UPRIGHT[orientation](stored)).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_grey_stands_as_colour_does(orientation):
    data = corpus.with_orientation(corpus.scene(), orientation)
    header = read_header(data)
    colour = decode_rgb(data, header).astype(float) @ (0.299, 0.587, 0.114)
    assert np.abs(decode_grey(data, header) - colour).mean() < 2


def test_the_corpus_decodes_or_gives_its_reason(tmp_path):
    expected = {name: "ok" for name, reason in corpus.strange_files(tmp_path).items() if reason == "ok"}
    expected |= corpus.unreadable()
    for function in (decode_rgb, decode_grey):
        found = {}
        for name in expected:
            data = (tmp_path / name).read_bytes()
            found[name] = outcome(function, data, read_header(data))
        assert found == expected


def test_a_working_photo_has_exactly_the_working_scale():
    for width, height in ((2000, 1500), (1500, 2000), (3000, 40), (1025, 1024)):
        data = corpus.encode(corpus.scene(width, height), quality=80)
        grey = decode_grey(data, read_header(data))
        assert grey.shape == working_size(width, height)[::-1]
        assert max(grey.shape) == WORKING_PX


def test_a_small_photo_is_not_enlarged():
    assert decode_grey(FILES["JPEG"], read_header(FILES["JPEG"])).shape == (corpus.HEIGHT, corpus.WIDTH)


def test_a_jpeg_and_a_png_of_it_agree_at_the_working_scale():
    jpeg = corpus.encode(corpus.scene(2048, 1536), quality=95)
    png = corpus.encode(decode(jpeg), "PNG")
    first, second = (decode_grey(data, read_header(data)).astype(int) for data in (jpeg, png))
    assert np.abs(first - second).mean() < 1.5


def test_sixteen_bits_keep_their_high_byte():
    rgb = corpus.scene()
    assert np.array_equal(decode(corpus.png_of_16_bits(rgb)), rgb)
    grey = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for name in ("PNG", "TIFF"):
        assert np.array_equal(decode(pillow(Image.fromarray(grey), name))[:, :, 0], grey >> 8)


def test_transparency_goes_on_white():
    pixels = np.zeros((2, 3, 4), dtype=np.uint8)
    pixels[0, :, 3] = (0, 128, 255)
    decoded = decode(pillow(Image.fromarray(pixels), "PNG"))
    assert decoded[0, :, 0].tolist() == [255, 127, 0]
    assert (decoded[1] == 255).all()


def test_a_transparent_palette_colour_goes_on_white():
    image = Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).convert("P")
    assert (decode(pillow(image, "GIF", transparency=0)) == 255).all()


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP"])
def test_an_animation_gives_its_first_frame(name):
    frames = [Image.new("RGB", (20, 10), colour) for colour in ((200, 0, 0), (0, 200, 0), (0, 0, 200))]
    decoded = decode(pillow(frames[0], name, save_all=True, append_images=frames[1:], duration=50))
    assert np.abs(decoded.astype(int) - (200, 0, 0)).max() < 12


def test_cmyk_agrees_with_pillow():
    data = pillow(Image.fromarray(corpus.scene()).convert("CMYK"), "JPEG", quality=95)
    with Image.open(io.BytesIO(data)) as image:
        reference = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(decode(data) - reference).max() <= 2


def test_a_header_that_does_not_fit_the_pixels_is_damage():
    header = read_header(FILES["JPEG"])
    for width, height in ((corpus.WIDTH + 1, corpus.HEIGHT), (corpus.HEIGHT, corpus.WIDTH), (4000, 3000)):
        wrong = Header(header.format, width, height, 1)
        assert outcome(decode_rgb, FILES["JPEG"], wrong) == "undecodable"
        assert outcome(decode_grey, FILES["JPEG"], wrong) == "undecodable"


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_jpeg_cut_off_in_its_pixels_is_truncated(share):
    for progressive in (False, True):
        whole = corpus.encode(corpus.scene(400, 300), quality=90, progressive=progressive)
        cut = whole[: max(int(len(whole) * share), 900)]
        header = read_header(cut)
        assert outcome(decode_rgb, cut, header) == outcome(decode_grey, cut, header) == "truncated"


@settings(max_examples=250, deadline=None, derandomize=True)
@given(
    st.sampled_from(FORMATS), st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=6), st.data()
)
def test_damage_never_raises_anything_else_and_both_decoders_agree(name, changes, draws):
    data = bytearray(FILES[name])
    for position, value in changes:
        data[position % len(data)] = value
    damaged = bytes(data[: draws.draw(st.sampled_from([len(data), len(data) * 3 // 4]))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            header = read_header(damaged)
        except ImageError:
            return
        found = outcome(decode_rgb, damaged, header)
        assert found in {"ok", *errors.REASONS}
        assert outcome(decode_grey, damaged, header) == found


def test_pillow_is_left_strict():
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
