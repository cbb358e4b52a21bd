"""Memory that measurements lie in, kept from photo to photo: fresh pages for each cost a third of their time."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_ALIGNED_TO = 64  # bytes: some of OpenCV's sums come out otherwise where an array begins elsewhere
_KEPT_BYTES = 8 << 20  # of one array; a larger one, of a photo far beyond the working scale, is not kept


class Room:
    """Arrays by name. One of the same name lies where the last one did: use it before you ask again."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[np.uint8]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array of `shape` that begins at a multiple of 64 bytes; what it holds is left over."""
        wanted = np.dtype(dtype)
        size = int(np.prod(shape)) * wanted.itemsize
        memory = self._kept.get(name)
        if memory is None or len(memory) < size:
            memory = np.empty(size + _ALIGNED_TO, np.uint8)
            memory = memory[-memory.ctypes.data % _ALIGNED_TO :][: max(size, 1)]
            if size <= _KEPT_BYTES:
                self._kept[name] = memory
        return memory[:size].view(wanted).reshape(shape)


_own = threading.local()


def of_this_thread() -> Room:
    """The room that this thread keeps."""
    found = getattr(_own, "room", None)
    if not isinstance(found, Room):
        found = _own.room = Room()
    return found
