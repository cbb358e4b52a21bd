"""Kept memory: where arrays lie in it, and that photos measured after or beside each other don't meet in it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from imaging.quality import measure
from imaging.room import Room, of_this_thread
from tests.imaging.pictures import packages, texture


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (709, 1024), (1024, 1024)])
def test_arrays_begin_at_a_multiple_of_64_bytes(shape, dtype):
    array = Room().array("any", shape, dtype)
    assert array.shape == shape
    assert array.dtype == dtype
    assert array.ctypes.data % 64 == 0
    assert array.flags.c_contiguous


def test_an_array_of_the_same_name_lies_where_the_last_one_did():
    room = Room()
    first = room.array("one", (20, 30), np.int16)
    assert np.shares_memory(first, room.array("one", (30, 10), np.uint8))
    assert not np.shares_memory(first, room.array("two", (20, 30), np.int16))


def test_what_is_far_larger_than_a_photo_at_the_working_scale_is_not_kept():
    room = Room()
    large = room.array("one", (4000, 3000), np.float32)
    assert not np.shares_memory(large, room.array("one", (4000, 3000), np.float32))


def test_each_thread_has_a_room_of_its_own():
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(of_this_thread).result() is not of_this_thread()
    assert of_this_thread() is of_this_thread()


def test_photos_measured_after_and_beside_each_other_measure_as_alone():
    pictures = [texture(), packages(), texture(301, 277), packages()[:97, :131], np.full((40, 60), 9, np.uint8)]
    alone = [measure(grey) for grey in pictures]
    assert [measure(grey) for grey in reversed(pictures)] == alone[::-1]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(measure, pictures * 8)) == alone * 8
