"""views/inventory: facings of each SKU in each capture, beside what the planogram of that time expects.

A capture that could not be read has no facings (null, not zero); one that the model doesn't trust keeps its count and
says so. SKUs that the planogram expects and the photo lacks have a row with zero facings: out of stock.
"""

from __future__ import annotations

from batch.views.declare import Source, SqlView
from schemas.tables import INVENTORY

_CAPTURES_OF = "SELECT c.capture_id FROM captures c JOIN changed n ON n.sha256 = c.sha256"
_IN_SCOPE = "sha256 IN (SELECT sha256 FROM captures)"

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
        Source("views/quality", ("sha256", "p_good"), _CAPTURES_OF, _IN_SCOPE),
        Source(
            "master/planograms",
            ("planogram_id", "device_id", "valid_from", "sku", "facings"),
            "SELECT c.capture_id FROM captures c JOIN changed n "
            "ON n.device_id = c.device_id AND n.valid_from <= c.captured_at",
            "device_id IN (SELECT device_id FROM captures)",
        ),
    ),
    scope=("capture_id",),
    sql="""
        WITH seen AS (
            SELECT c.capture_id, c.store_id, c.device_id, c.captured_at, c.sha256, q.sha256 AS scored, q.p_good
            FROM captures c
            JOIN (SELECT DISTINCT sha256 FROM annotations) a ON a.sha256 = c.sha256
            LEFT JOIN views_quality q ON q.sha256 = c.sha256
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
               coalesce(s.p_good >= {trust_threshold}, FALSE) AS trusted,
               s.capture_id, s.p_good
        FROM paired r JOIN seen s ON s.capture_id = r.capture_id
    """,
    parameters=("trust_threshold",),
)
