"""The batch views: computed from master, never edited."""

from __future__ import annotations

import pyarrow as pa

from schemas.table import CLASSES, TIME, Table, schema_of

CROPS = Table(
    "views/crops",
    schema_of(
        ("crop_id", pa.string()),
        ("sha256", pa.string()),
        ("box_index", pa.int32()),
        ("label", pa.string()),
        ("x0", pa.int32()),
        ("y0", pa.int32()),
        ("x1", pa.int32()),
        ("y1", pa.int32()),
        ("jpeg", pa.binary()),
        ("annotation_id", pa.string()),
    ),
    ("crop_id",),
    blobs=("jpeg",),
)
MEASUREMENTS = (
    "laplacian_var",  # variance of the 3 x 3 Laplacian
    "sobel_var",  # variance of the Sobel gradient magnitude
    "fft_high",  # mean 20 log10 magnitude of the image without its low frequencies
    "moire_peak",  # strongest off-axis spectral peak over its surroundings, dB
    "reblur",  # perceptual blur by re-blurring (Crete 2007), 0 sharp to 1 blurred
    "motion_ratio",  # anisotropy of gradient energy over directions, 0 to 1
    "noise_sigma",  # standard deviation of noise (Immerkaer 1996), grey levels
    "mean_luma",  # 0 to 255
    "p01_luma",
    "p99_luma",
    "clip_dark",  # share of pixels at or under 8
    "clip_bright",  # share of pixels at or over 247
    "rms_contrast",  # standard deviation of grey levels / 255
    "p10_luma",
    "p50_luma",
    "p90_luma",
    "glare",  # share of 16 x 16 blocks washed out as a whole
    "veil",  # mean of the darkest level of each 9 x 9 window (He 2009), 0 to 255: fog lifts it
    "local_contrast",  # median range of grey levels in a 9 x 9 window, 0 to 255
    "edge_share",  # share of windows with enough contrast to judge sharpness by
    "edge_slope",  # steepest step over the range of a window, upper tenth, 0 blurred to 1 sharp
    "edge_slope_mid",  # the same, median
    "edge_direction",  # how much less in the worst of four directions than in the best, 0 to 1
    "tile_slope_min",  # edge_slope of the worst of 4 x 4 tiles
    "tile_slope_max",  # of the best one
    "tile_blurred",  # share of tiles under half of the best one
    "tile_flat",  # share of tiles with hardly any contrast
    "noise_flat",  # noise_sigma of the flattest tenth of blocks
    "noise_coarse",  # the same at half scale
    "spec_mid",  # power of a band of frequencies over the low band's, dB
    "spec_high",
    "spec_top",
    "spec_worst",  # spec_high in the direction that has least of it, dB
    "spec_direction",  # best direction over worst, dB
    "moire_patch",  # lower quarter of each patch's own strongest peak, dB
    "moire_freq",  # cycles a pixel of the peak
    "moire_harmonic",  # peak at twice that frequency, dB
    "moire_cover",  # share of patches that show the peak
    "line_peak",  # strongest peak on the axes, dB
)
QUALITY = Table(
    "views/quality",
    schema_of(
        ("sha256", pa.string()),
        *[(name, pa.float64()) for name in MEASUREMENTS],
        *[(f"p_{name}", pa.float64()) for name in CLASSES],
        ("model_id", pa.string()),
    ),
    ("sha256",),
)
BANDS = tuple(f"band_{number}" for number in range(8))  # 15 bits each of the perceptual hash
CELL_WORDS = tuple(f"cells_{number:02d}" for number in range(58))  # brightness of 10 cells each, 6 bits a cell
LIKENESS = Table(
    "views/likeness",
    schema_of(
        ("sha256", pa.string()),
        *[(name, pa.int32()) for name in BANDS],
        *[(name, pa.int64()) for name in CELL_WORDS],
    ),
    ("sha256",),
)
REPEATS = Table(
    "views/repeats",
    schema_of(
        ("capture_id", pa.string()),
        ("device_id", pa.string()),
        ("repeat_of", pa.string()),  # the capture that it shows again: the first of the burst
        ("distance", pa.int32()),  # bits of the hash that differ, of 120
        ("after_s", pa.float64()),
    ),
    ("capture_id",),
)
TRACKED = ("reblur", "mean_luma", "rms_contrast", "noise_sigma")  # the measurements that a camera's normal is made of
CAMERAS = Table(
    "views/cameras",
    schema_of(
        ("store_id", pa.string()),
        ("device_id", pa.string()),
        ("day", TIME),  # of captured_at
        ("captures", pa.int64()),  # scored ones of the day
        ("p_good", pa.float64()),  # medians of the day
        *[(name, pa.float64()) for name in TRACKED],
        ("normal_captures", pa.int64()),  # of the `camera_days` before; null, as all that follows, where too few
        ("normal_p_good", pa.float64()),  # medians of those days' medians
        *[(f"normal_{name}", pa.float64()) for name in TRACKED],
        *[(f"step_{name}", pa.float64()) for name in TRACKED],  # what a camera may differ from it by
        ("drift", pa.string()),  # "unsharp", "darker", "brighter", "flatter" or "noisier" than normal; null where none
        ("since", TIME),  # first capture after the last one that was normal
        ("own_normal", pa.bool_()),  # is a capture of this day also judged by the device's normal?
    ),
    ("device_id", "day"),
)
UNREADABLE = Table(
    "views/unreadable",
    schema_of(("sha256", pa.string()), ("reason", pa.string()), ("detail", pa.string())),
    ("sha256",),
)
INVENTORY = Table(
    "views/inventory",
    schema_of(
        ("store_id", pa.string()),
        ("device_id", pa.string()),
        ("sku", pa.string()),
        ("captured_at", TIME),
        ("facings", pa.int64()),
        ("expected", pa.int64()),  # null where no planogram says
        ("trusted", pa.bool_()),  # was the capture good enough to count
        ("capture_id", pa.string()),
        ("p_good", pa.float64()),  # null where the photo was not scored
        ("repeat_of", pa.string()),  # the capture whose exposure this one shows again; null for the one that counts
    ),
    ("capture_id", "sku"),
)
THROUGHPUT = Table(
    "views/throughput",
    schema_of(
        ("store_id", pa.string()),
        ("device_id", pa.string()),
        ("hour", TIME),  # of captured_at
        ("captures", pa.int64()),
        ("images", pa.int64()),  # distinct contents
        ("bytes", pa.int64()),  # of those
        ("rejected", pa.int64()),
        ("late", pa.int64()),  # received more than `late_after_s` after capture
        ("unreadable", pa.int64()),
        ("capture_to_receipt_p50_s", pa.float64()),
        ("capture_to_receipt_p99_s", pa.float64()),
        ("receipt_to_view_p50_s", pa.float64()),  # to the start of the first rebuild that covers it
        ("receipt_to_view_p99_s", pa.float64()),
    ),
    ("store_id", "device_id", "hour"),
)
VISITS = Table(
    "views/visits",
    schema_of(
        ("store_id", pa.string()),
        ("device_id", pa.string()),
        ("visit_id", pa.string()),  # the door event's id, or "gap:" and the first capture's id
        ("opened_at", TIME),
        ("closed_at", TIME),  # the door's closing, else the last capture
        ("captures", pa.int64()),
        ("door", pa.bool_()),  # from a door sensor, or found by gaps between captures
    ),
    ("device_id", "visit_id"),
)
