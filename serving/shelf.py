"""One shelf as it was seen last, beside its planogram: drawn on the Inventory page and on the store's sheet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from serving import blobs, photos, queries, shelf_charts, shelves, show
from serving.data import ask
from serving.filters import chosen, share

PHOTO_PX = 900


@dataclass(frozen=True)
class Seen:
    """What the latest countable photo of a device shows: its id and content, its boxes, and where they stand."""

    capture_id: str
    sha256: str
    boxes: tuple[shelves.Box, ...]
    placed: tuple[shelves.Placed, ...] | None  # None: positions tell nothing
    plan: dict[int, dict[str, int]]


def look(places: pd.DataFrame, device: str) -> Seen | None:
    """The latest trusted photo of a device with its boxes; None where there is none."""
    rows = places[(places["device_id"] == device) & places["facings"].notna() & places["capture_id"].notna()]
    plan: dict[int, dict[str, int]] = {}
    for row in show.each(ask(queries.plan_of, device, chosen().end)):
        plan.setdefault(int(row.shelf), {})[str(row.sku)] = int(row.facings)
    if rows.empty:
        return None
    capture = ask(queries.capture, str(rows["capture_id"].iloc[0]))
    if capture.empty:
        return None
    sha256 = str(capture["sha256"].iloc[0])
    boxes = tuple(
        shelves.Box(str(row.label), int(row.x0), int(row.y0), int(row.x1), int(row.y1))
        for row in show.each(ask(queries.crops_of, sha256))
    )
    placed = shelves.place(boxes, plan) if plan else None
    return Seen(str(rows["capture_id"].iloc[0]), sha256, boxes, None if placed is None else tuple(placed), plan)


def drawn_plan(plan: dict[int, dict[str, int]], places: pd.DataFrame, device: str, seen: Seen | None) -> pd.DataFrame:
    """A row a planned facing, for `shelf_charts.planogram`: there, missing, out of stock or unknown."""
    facings = places[places["device_id"] == device].set_index("sku")["facings"]
    at_shelf: Counter[tuple[int, str]] = Counter()
    left = Counter({str(sku): int(count) for sku, count in facings.dropna().items()})
    if seen is not None and seen.placed is not None:
        at_shelf.update((each.shelf, each.box.label) for each in seen.placed)
    rows = []
    for shelf, skus in sorted(plan.items()):
        x = 0.0
        for sku, wanted in skus.items():
            have = at_shelf[shelf, sku] if seen is not None and seen.placed is not None else left[sku]
            known = pd.notna(facings.get(sku, float("nan")))
            for number in range(wanted):
                there = number < have
                state = "there" if there else "out of stock" if left[sku] == 0 else "missing"
                middle = x + wanted / 2 if number == 0 else None
                rows.append(
                    {"shelf": shelf, "x0": x + number, "x1": x + number + 0.94, "sku": sku, "wanted": wanted}
                    | {"state": state if known else "unknown", "name": sku if number == 0 else "", "middle": middle}
                )
            x += wanted + 0.35
    return pd.DataFrame(rows, columns=["shelf", "x0", "x1", "sku", "wanted", "middle", "state", "name"])


def beside(places: pd.DataFrame, device: str) -> Seen | None:
    """Draws the photo and the plan side by side, and says what stands where it should not."""
    seen = look(places, device)
    plan = seen.plan if seen is not None else {}
    if not plan:
        for row in show.each(ask(queries.plan_of, device, chosen().end)):
            plan.setdefault(int(row.shelf), {})[str(row.sku)] = int(row.facings)
    left, right = st.columns(2, gap="medium")
    with left:
        if seen is None:
            st.info("No trusted photo of it in the last 12 h: what stands there is unknown.", icon=":material/help:")
        else:
            photo(places, device, seen)
    with right:
        if plan:
            st.altair_chart(shelf_charts.planogram(drawn_plan(plan, places, device, seen)))
        else:
            st.caption("No planogram says what should stand here.")
        if seen is not None:
            for line in remarks(seen):
                st.markdown(f":orange-badge[:material/warning:] {show.inert(line)}")
    return seen


def photo(places: pd.DataFrame, device: str, seen: Seen) -> None:
    """The photo with its boxes, and the way to its capture."""
    boxes: tuple[photos.Box, ...] = tuple((box.x0, box.y0, box.x1, box.y1, box.label) for box in seen.boxes)
    picture = blobs.boxed_photo(seen.sha256, boxes, PHOTO_PX)
    if picture is None:
        st.caption("This photo can't be shown.")
    else:
        st.image(picture, width="stretch", alt=f"Latest trusted photo of {device} with {len(boxes)} boxes")
    at = places.loc[(places["device_id"] == device) & places["facings"].notna(), "seen_at"].iloc[0]
    st.page_link(
        "screens/captures.py",
        label=f"The photo of {show.moment(at, '%d %b %H:%M')} UTC, {show.ago(at, chosen().end)} before the newest data",
        icon=":material/photo_camera:",
        query_params=share(device=[device], capture=seen.capture_id),
    )


def remarks(seen: Seen) -> list[str]:
    """What stands where it should not, in sentences."""
    if seen.placed is None:
        return ["Rows of boxes and shelves of the plan don't match: positions were not judged."] if seen.plan else []
    found: Counter[tuple[str, str, int, tuple[str, ...]]] = Counter(
        (each.box.label, each.verdict, each.shelf, each.instead_of)
        for each in seen.placed
        if each.verdict != "in place"
    )
    lines = []
    for (sku, verdict, shelf, instead_of), count in found.items():
        where = f"on shelf {shelf + 1} from the top"
        why = "belongs on another shelf" if verdict == "other shelf" else "is in no plan of this device"
        lacks = f"; this shelf lacks {' and '.join(instead_of)}" if instead_of else ""
        lines.append(f"{sku} ({count} facing{'s' * (count > 1)}) {where} {why}{lacks}.")
    return lines
