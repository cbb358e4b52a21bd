"""views/cameras: what is normal for each device, day by day, whether it drifts from it, and since when.

A day's normal is the median of the medians of up to `camera_days` days before it, so that a day never judges itself
and each day weighs the same. A *step* is what a day may lie from normal: `camera_deviations` robust deviations of the
device's captures within a day, and no less than a step that a person would see. A day whose median lies further has
drifted; the drift began with the first capture after the last one that was normal.

`own_normal`: the model refuses this device's normal photo, day after day, and yet it is steady. Then views/inventory
also trusts a capture within a step of that normal that keeps its detail. docs/quality-calibration.md has the limits.
"""

from __future__ import annotations

from batch.views.declare import Source, SqlView
from schemas.tables import CAMERAS, TRACKED

_LEAST_CAPTURES = 3  # of a day that can drift: one dark photo is no drift
_DAY_US = 86_400_000_000
_ROBUST = "1.4826"  # deviations in one median absolute deviation, of a normal distribution
# The least step of each measurement: its own unit, or a share of the normal.
_LEAST_STEP = {
    "reblur": "0.08",
    "mean_luma": "30",
    "rms_contrast": "0.3 * n.rms_contrast",
    "noise_sigma": "0.5 * n.noise_sigma",
}
_DRIFTS = (  # the first that holds is named: a lens out of focus is flatter, too
    ("unsharp", "{of}.reblur > {than}.normal_reblur + {than}.step_reblur"),
    ("darker", "{of}.mean_luma < {than}.normal_mean_luma - {than}.step_mean_luma"),
    ("brighter", "{of}.mean_luma > {than}.normal_mean_luma + {than}.step_mean_luma"),
    ("flatter", "{of}.rms_contrast < {than}.normal_rms_contrast - {than}.step_rms_contrast"),
    ("noisier", "{of}.noise_sigma > {than}.normal_noise_sigma + {than}.step_noise_sigma"),
)


def _median(value: str, name: str) -> str:
    # One of the values, not between two: engines round an interpolation differently.
    return f"percentile_disc(0.5) WITHIN GROUP (ORDER BY {value}) AS {name}"


def _list(form: str) -> str:
    return ", ".join(form.format(name=name) for name in TRACKED)


def _off(of: str, than: str) -> str:
    return " ".join(f"WHEN '{name}' THEN {test.format(of=of, than=than)}" for name, test in _DRIFTS)


VIEW = SqlView(
    table=CAMERAS,
    sources=(
        Source(
            "master/captures",
            ("capture_id", "store_id", "device_id", "captured_at", "sha256"),
            "SELECT device_id FROM changed",
            "device_id IN (SELECT device_id FROM scopes)",
        ),
        Source(
            "views/quality",
            ("sha256", "p_good", *TRACKED),
            "SELECT c.device_id FROM captures c JOIN changed n ON n.sha256 = c.sha256",
            "sha256 IN (SELECT sha256 FROM captures)",
        ),
    ),
    scope=("device_id",),
    sql=f"""
        WITH shots AS (
            SELECT c.store_id, c.device_id, date_trunc('day', c.captured_at) AS day, c.captured_at,
                   q.p_good, {_list("q.{name}")}
            FROM captures c JOIN views_quality q ON q.sha256 = c.sha256
        ),
        middles AS (
            SELECT device_id, day, min(store_id) AS store_id, count(*) AS captures, {_median("p_good", "p_good")},
                   {", ".join(_median(name, name) for name in TRACKED)}
            FROM shots GROUP BY device_id, day
        ),
        spreads AS (
            SELECT s.device_id, s.day, {", ".join(_median(f"abs(s.{n} - m.{n})", f"spread_{n}") for n in TRACKED)}
            FROM shots s JOIN middles m ON m.device_id = s.device_id AND m.day = s.day
            GROUP BY s.device_id, s.day
        ),
        days AS (
            SELECT m.*, {_list("s.spread_{name}")}
            FROM middles m JOIN spreads s ON s.device_id = m.device_id AND s.day = m.day
        ),
        normals AS (
            SELECT d.device_id, d.day, sum(p.captures) AS captures, {_median("p.p_good", "p_good")},
                   {", ".join(_median(f"p.{n}", n) for n in TRACKED)},
                   {", ".join(_median(f"p.spread_{n}", f"spread_{n}") for n in TRACKED)}
            FROM days d JOIN days p ON p.device_id = d.device_id
             AND unix_micros(d.day) - unix_micros(p.day) BETWEEN 1 AND {{camera_days}} * {_DAY_US}
            GROUP BY d.device_id, d.day HAVING sum(p.captures) >= {{camera_captures}}
        ),
        ranges AS (
            SELECT d.*, n.captures AS normal_captures, n.p_good AS normal_p_good, {_list("n.{name} AS normal_{name}")},
                   {", ".join(f"{{camera_deviations}} * {_ROBUST} * n.spread_{k} AS within_{k}" for k in TRACKED)},
                   {", ".join(f"CAST({least} AS DOUBLE) AS least_{k}" for k, least in _LEAST_STEP.items())}
            FROM days d LEFT JOIN normals n ON n.device_id = d.device_id AND n.day = d.day
        ),
        steps AS (
            SELECT r.*, {_list("greatest(r.within_{name}, r.least_{name}) AS step_{name}")},
                   coalesce(r.normal_p_good < {{trust_threshold}}
                       AND {" AND ".join(f"r.within_{name} <= 2 * r.least_{name}" for name in TRACKED)}, FALSE
                   ) AS own_normal
            FROM ranges r
        ),
        judged AS (
            SELECT j.*,
                   CASE WHEN j.captures < {_LEAST_CAPTURES} THEN NULL
                        {" ".join(f"WHEN {test.format(of='j', than='j')} THEN '{name}'" for name, test in _DRIFTS)}
                   END AS drift
            FROM steps j
        ),
        ordered AS (
            SELECT device_id, day, drift,
                   row_number() OVER (PARTITION BY device_id ORDER BY day)
                   - row_number() OVER (PARTITION BY device_id, drift ORDER BY day) AS run
            FROM judged
        ),
        drifting AS (
            SELECT device_id, day, drift, min(day) OVER (PARTITION BY device_id, drift, run) AS first_day
            FROM ordered WHERE drift IS NOT NULL
        ),
        around AS (
            SELECT f.device_id, f.first_day, s.captured_at, s.day,
                   coalesce(CASE f.drift {_off("s", "j")} END, FALSE) AS strayed
            FROM (SELECT DISTINCT device_id, drift, first_day FROM drifting) f
            JOIN judged j ON j.device_id = f.device_id AND j.day = f.first_day
            JOIN shots s ON s.device_id = f.device_id
             AND unix_micros(f.first_day) - unix_micros(s.day) BETWEEN 0 AND {{camera_days}} * {_DAY_US}
        ),
        calm AS (
            SELECT device_id, first_day, max(CASE WHEN NOT strayed THEN captured_at END) AS last_at
            FROM around GROUP BY device_id, first_day
        ),
        begun AS (
            SELECT a.device_id, a.first_day,
                   coalesce(min(CASE WHEN c.last_at IS NULL OR a.captured_at > c.last_at THEN a.captured_at END),
                            min(CASE WHEN a.strayed AND a.day = a.first_day THEN a.captured_at END)) AS since
            FROM around a JOIN calm c ON c.device_id = a.device_id AND c.first_day = a.first_day
            GROUP BY a.device_id, a.first_day
        )
        SELECT j.store_id, j.device_id, j.day, j.captures, j.p_good, {_list("j.{name}")},
               j.normal_captures, j.normal_p_good, {_list("j.normal_{name}")},
               {_list("CASE WHEN j.normal_captures IS NOT NULL THEN j.step_{name} END AS step_{name}")},
               j.drift, b.since, j.own_normal
        FROM judged j
        LEFT JOIN drifting f ON f.device_id = j.device_id AND f.day = j.day
        LEFT JOIN begun b ON b.device_id = f.device_id AND b.first_day = f.first_day
    """,
    parameters=("trust_threshold", "camera_days", "camera_captures", "camera_deviations"),
)
