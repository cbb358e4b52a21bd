"""OpenCV with its own threads switched off: we thread over captures, and nested threads fight for the same cores."""

from __future__ import annotations

import cv2

cv2.setNumThreads(1)

__all__ = ["cv2"]
