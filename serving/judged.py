"""How good the photos are: by device and time, by kind, and each camera beside its own normal."""

from __future__ import annotations

import pandas as pd

from schemas.tables import CLASSES, MEASUREMENTS, TRACKED
from serving.queries import CHANCES, Filters, Reader, scored, trust_threshold


def quality_by_device(reader: Reader, filters: Filters) -> pd.DataFrame:
    """One row a device and hour: store_id, device_id, hour, captures, scored, usable, share."""
    return reader.frame(
        """
        SELECT store_id, device_id, date_trunc('hour', captured_at) AS hour, count(*) AS captures,
               count(p_good) AS scored, count(*) FILTER (p_good >= $trust) AS usable,
               usable / nullif(scored, 0) AS share
        FROM given GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """,
        {"trust": trust_threshold(reader)},
        scored(reader, filters),
    )


def answered(reader: Reader, filters: Filters) -> pd.DataFrame:
    """What batch says of each device's photos: store_id, device_id, batch (scored or unreadable), batch_usable."""
    return reader.frame(
        """
        SELECT store_id, device_id, count(*) AS batch, count(*) FILTER (p_good >= $trust) AS batch_usable
        FROM given WHERE p_good IS NOT NULL OR unreadable GROUP BY 1, 2
        """,
        {"trust": trust_threshold(reader)},
        scored(reader, filters),
    )


def unusable_since(reader: Reader, filters: Filters) -> pd.DataFrame:
    """Devices whose latest photos are all unusable: store_id, device_id, since, photos, worst (its likeliest fault)."""
    return reader.frame(
        """
        WITH judged AS (SELECT *, p_good >= $trust AS usable FROM given WHERE p_good IS NOT NULL),
        last_good AS (SELECT device_id, max(captured_at) FILTER (usable) AS at FROM judged GROUP BY device_id)
        SELECT s.store_id, s.device_id, min(s.captured_at) AS since, count(*) AS photos,
               avg(p_blur) AS blur, avg(p_motion) AS motion, avg(p_dark) AS dark, avg(p_bright) AS bright,
               avg(p_noise) AS noise, avg(p_moire) AS moire
        FROM judged s JOIN last_good g ON g.device_id = s.device_id
        WHERE g.at IS NULL OR s.captured_at > g.at GROUP BY 1, 2 HAVING count(*) >= 3 ORDER BY since
        """,
        {"trust": trust_threshold(reader)},
        scored(reader, filters),
    )


def kinds(reader: Reader, filters: Filters) -> pd.DataFrame:
    """Photos of each device by their likeliest class: device_id, kind ("not scored" where none), photos."""
    chances = ", ".join(CHANCES)
    return reader.frame(
        f"""SELECT device_id, CASE WHEN p_good IS NULL THEN 'not scored'
                ELSE $names[list_position([{chances}], greatest({chances}))] END AS kind, count(*) AS photos
        FROM given GROUP BY 1, 2 ORDER BY 1, 2""",
        {"names": list(CLASSES)},
        scored(reader, filters),
    )


def measured(reader: Reader, filters: Filters, measure: str, limit: int) -> pd.DataFrame:
    """One measurement of a sample of the window's scored photos, the same at each call: value, p_good, matching."""
    if measure not in set(MEASUREMENTS) & reader.columns("views/quality"):
        return pd.DataFrame(columns=["value", "p_good", "matching"])
    return reader.frame(
        f"""WITH picked AS (
            SELECT *, count(*) OVER () AS matching FROM (
                SELECT DISTINCT sha256, p_good FROM given WHERE p_good IS NOT NULL
            ) ORDER BY hash(sha256) LIMIT $n
        )
        SELECT q.value, p.p_good, p.matching FROM picked p JOIN (
            SELECT sha256, {measure} AS value FROM views_quality WHERE sha256 IN (SELECT sha256 FROM picked)
        ) q USING (sha256)""",
        {"n": limit},
        scored(reader, filters),
    )


def cameras(reader: Reader, filters: Filters) -> pd.DataFrame:
    """The latest day of each camera: store_id, device_id, day, captures, p_good, drift (null: none), since, own_normal.

    Empty where the lake has no such view, or it is not built.
    """
    names = ["store_id", "device_id", "day", "captures", "p_good", "drift", "since", "own_normal"]
    if not {"drift", "own_normal"} <= reader.columns("views/cameras"):
        return pd.DataFrame(columns=names)
    return reader.frame(
        f"""SELECT {", ".join(names)} FROM views_cameras WHERE {filters.where("day", since=False)}
        QUALIFY row_number() OVER (PARTITION BY device_id ORDER BY day DESC) = 1 ORDER BY since, device_id""",
        {name: value for name, value in filters.params().items() if name != "start"},
    )


def camera_days(reader: Reader, filters: Filters, measurement: str) -> pd.DataFrame:
    """One measurement of each camera by day beside its normal: device_id, day, value, normal, step, drift."""
    if measurement not in TRACKED or f"normal_{measurement}" not in reader.columns("views/cameras"):
        return pd.DataFrame(columns=["device_id", "day", "value", "normal", "step", "drift"])
    return reader.frame(
        f"""SELECT device_id, day, {measurement} AS value, normal_{measurement} AS normal,
        step_{measurement} AS step, drift FROM views_cameras WHERE {filters.where("day", since=False)}
        ORDER BY device_id, day""",
        {name: value for name, value in filters.params().items() if name != "start"},
    )
