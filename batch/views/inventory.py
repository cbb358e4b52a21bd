"""views/inventory: facings of each SKU in each capture, beside what the planogram of that time expects.

A capture that could not be read has no facings (null, not zero); one that isn't trusted keeps its count and says so.
SKUs that the planogram expects and the photo lacks have a row with zero facings: out of stock. Of a burst, the rows
without `repeat_of` count.

Trusted is what the model finds good, and, from a device whose steady normal the model refuses (`own_normal` of
views/cameras), what lies within a step of that normal and keeps its detail, whatever the device.
"""

from __future__ import annotations

from batch.views.declare import Source, SqlView
from schemas.tables import INVENTORY, TRACKED

_CAPTURES_OF = "SELECT c.capture_id FROM captures c JOIN changed n ON n.sha256 = c.sha256"
_IN_SCOPE = "sha256 IN (SELECT sha256 FROM captures)"

# What no normal excuses: detail lost to the lens or to movement, or to light, noise or stripes.
_KEEPS_DETAIL = (
    "q.reblur <= 0.45 AND q.p99_luma - q.p01_luma >= 40 AND q.noise_sigma <= 0.05 * (q.p99_luma - q.p01_luma) "
    "AND q.clip_dark + q.clip_bright <= 0.4 AND q.p_moire < 0.5"
)
_AS_EVER = " AND ".join(f"abs(q.{name} - m.normal_{name}) <= m.step_{name}" for name in TRACKED)

VIEW = SqlView(
    table=INVENTORY,
    sources=(
        Source(
            "master/captures",
            ("capture_id", "store_id", "device_id", "captured_at", "sha256"),
            "SELECT capture_id FROM changed",
            "capture_id IN (SELECT capture_id FROM scopes)",
        ),
        Source("master/annotations", ("sha256",), _CAPTURES_OF, _IN_SCOPE),
        Source("views/crops", ("sha256", "label"), _CAPTURES_OF, _IN_SCOPE),
        Source(
            "views/quality",
            ("sha256", "p_good", "p_moire", "p01_luma", "p99_luma", "clip_dark", "clip_bright", *TRACKED),
            _CAPTURES_OF,
            _IN_SCOPE,
        ),
        Source(
            "views/repeats",
            ("capture_id", "repeat_of"),
            "SELECT capture_id FROM changed",
            "capture_id IN (SELECT capture_id FROM captures)",
        ),
        Source(
            "views/cameras",
            ("device_id", "day", *(f"{kind}_{name}" for kind in ("normal", "step") for name in TRACKED), "own_normal"),
            "SELECT c.capture_id FROM captures c JOIN changed n "
            "ON n.device_id = c.device_id AND n.day = date_trunc('day', c.captured_at)",
            "device_id IN (SELECT device_id FROM captures)",
        ),
        Source(
            "master/planograms",
            ("planogram_id", "device_id", "valid_from", "sku", "facings"),
            "SELECT c.capture_id FROM captures c JOIN changed n "
            "ON n.device_id = c.device_id AND n.valid_from <= c.captured_at",
            "device_id IN (SELECT device_id FROM captures)",
        ),
    ),
    scope=("capture_id",),
    sql=f"""
        WITH seen AS (
            SELECT c.capture_id, c.store_id, c.device_id, c.captured_at, c.sha256, q.sha256 AS scored, q.p_good,
                   coalesce(q.p_good >= {{trust_threshold}} OR (m.own_normal AND {_KEEPS_DETAIL} AND {_AS_EVER}),
                            FALSE) AS trusted
            FROM captures c
            JOIN (SELECT DISTINCT sha256 FROM annotations) a ON a.sha256 = c.sha256
            LEFT JOIN views_quality q ON q.sha256 = c.sha256
            LEFT JOIN views_cameras m ON m.device_id = c.device_id AND m.day = date_trunc('day', c.captured_at)
        ),
        found AS (
            SELECT s.capture_id, coalesce(k.label, 'unlabelled') AS sku, count(*) AS facings
            FROM seen s JOIN views_crops k ON k.sha256 = s.sha256
            GROUP BY s.capture_id, coalesce(k.label, 'unlabelled')
        ),
        ranked AS (
            SELECT s.capture_id, p.sku, p.facings,
                   rank() OVER (PARTITION BY s.capture_id ORDER BY p.valid_from DESC, p.planogram_id DESC) AS place
            FROM seen s JOIN planograms p ON p.device_id = s.device_id AND p.valid_from <= s.captured_at
        ),
        planned AS (
            SELECT capture_id, sku, sum(facings) AS expected FROM ranked WHERE place = 1 GROUP BY capture_id, sku
        ),
        paired AS (
            SELECT coalesce(f.capture_id, p.capture_id) AS capture_id, coalesce(f.sku, p.sku) AS sku,
                   f.facings, p.expected
            FROM found f FULL OUTER JOIN planned p ON p.capture_id = f.capture_id AND p.sku = f.sku
        )
        SELECT s.store_id, s.device_id, r.sku, s.captured_at,
               CASE WHEN s.scored IS NOT NULL THEN coalesce(r.facings, 0) END AS facings,
               r.expected,
               s.trusted, s.capture_id, s.p_good, b.repeat_of
        FROM paired r JOIN seen s ON s.capture_id = r.capture_id
        LEFT JOIN views_repeats b ON b.capture_id = s.capture_id
    """,
    parameters=("trust_threshold",),
)
