"""What really happened: `truth.json`, for tests and for whoever wants to check a view.

Times are RFC 3339 in UTC. `DemoTruth` has the same fields as the file:

- seed, begin, until: the arguments; the story spans begin to until.
- captures: one object a received capture, by capture id: device_id, store_id, captured_at, received_at (first),
  visit_id, outcome ("accepted"; "unreadable": its header passes and its pixels do not decode; "rejected": it never
  becomes a capture), reason (code, of the latter two), stock (facings a SKU that stood there then), seen (facings a
  SKU that the detector saw: the good boxes in the event), trusted (False: blurred or dark), copy_of (the capture id
  whose photo it repeats, or null).
- hours: a device and hour of capture: device_id, store_id, hour, captures (accepted and unreadable), late (of those,
  received more than 900 s after capture), unreadable, rejected (rows that name device and time).
- visits: visit_id, store_id, device_id, kind (customer, refill, round), door, opened_at, closed_at (of the door, null
  where its closing never arrived; else of the last capture), captures (accepted and unreadable),
  capture_ids, sold, added (packages a SKU).
- planograms: facings expected a SKU, by device id.
- out_of_stock: device_id, store_id, sku, since: expected there, and not there at the end.
- duplicates: resent (lines that repeat a capture id), copies (new capture id to the first one), shrunk (those of the
  copies whose photo was made smaller, so that its bytes differ).
- rejects: expected rows by reason code; rejected: each row's name (capture id, or of the line), reason and capture_id;
  unreadable: captures by reason code.
- blurred: device_id and since, or null; dark: capture ids; misplaced: device_id, sku, instead_of; open_door: visit
  ids; late_store and hand_held: ids or null; odd_store: the store id that is HTML and SQL; in_transit: capture ids that
  had not arrived at `until` (they are not in events.jsonl, nor in any list above).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from demo.cast import Cast
from demo.delivery import Mail, stamp
from demo.draw import Drawn, outcome
from demo.faults import Hostile
from demo.stock import facings
from demo.stores import ODD_STORE
from demo.story import History
from schemas.reasons import Reason

LATE_AFTER_S = 900.0


@dataclass(frozen=True)
class DemoTruth:
    """The fields of truth.json; the module's docstring describes each."""

    seed: int
    begin: str
    until: str
    captures: dict[str, dict[str, Any]]
    hours: list[dict[str, Any]]
    visits: list[dict[str, Any]]
    planograms: dict[str, dict[str, int]]
    out_of_stock: list[dict[str, Any]]
    duplicates: dict[str, Any]
    rejects: dict[str, int]
    rejected: list[dict[str, Any]]
    unreadable: dict[str, int]
    blurred: dict[str, str] | None
    dark: list[str]
    misplaced: dict[str, str]
    open_door: list[str]
    late_store: str | None
    hand_held: str | None
    odd_store: str
    in_transit: list[str]

    def write(self, path: Path) -> None:
        """Writes the file."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def tell(
    histories: Sequence[History],
    drawn: Mapping[str, Drawn],
    mail: Mail,
    bad_boxes: Mapping[str, tuple[Reason, dict[str, Any]]],
    lines: Sequence[Hostile],
    parts: Cast,
    span: tuple[datetime, datetime],
    seed: int,
) -> DemoTruth:
    """The truth of all that was simulated, drawn and delivered."""
    captures = _captures(histories, drawn, mail)
    rejected = _rejected(captures, bad_boxes, lines)
    states = Counter(each["reason"] for each in captures.values() if each["outcome"] == "unreadable")
    blurred = parts.blurred and parts.blurred_since
    return DemoTruth(
        seed=seed,
        begin=stamp(span[0]),
        until=stamp(span[1]),
        captures=captures,
        hours=_hours(captures, rejected),
        visits=_visits(histories, captures),
        planograms={history.device.device_id: _plan(history) for history in histories if _has_plan(history)},
        out_of_stock=[
            {"device_id": device.device_id, "store_id": device.store_id, "sku": sku, "since": stamp(since)}
            for device, empty in ((history.device, history.empty_since) for history in histories)
            for sku, since in sorted(empty.items())
        ],
        duplicates={"resent": sum(each.again for each in mail.sent), "copies": mail.copies, "shrunk": mail.shrunk},
        rejects=dict(sorted(Counter(each["reason"] for each in rejected).items())),
        rejected=[{name: each[name] for name in ("name", "reason", "capture_id")} for each in rejected],
        unreadable=dict(sorted(states.items())),
        blurred={"device_id": str(parts.blurred), "since": stamp(blurred)} if isinstance(blurred, datetime) else None,
        dark=[shot.capture_id for h in histories for visit in h.visits for shot in visit.shots if shot.dark],
        misplaced={
            "device_id": parts.misplaced.device_id,
            "sku": parts.misplaced.stranger,
            "instead_of": parts.misplaced.sku,
        },
        open_door=[v.visit_id for h in histories for v in h.visits if v.door and v.closed_at is None],
        late_store=parts.late_store,
        hand_held=parts.hand_held,
        odd_store=ODD_STORE,
        in_transit=sorted(mail.in_transit),
    )


def _has_plan(history: History) -> bool:
    return history.device.store_id != ODD_STORE


def _plan(history: History) -> dict[str, int]:
    found: Counter[str] = Counter()
    for shelf in history.device.plan:
        for sku, count in shelf:
            found[sku] += count
    return dict(sorted(found.items()))


def _captures(histories: Sequence[History], drawn: Mapping[str, Drawn], mail: Mail) -> dict[str, dict[str, Any]]:
    received, found = mail.first(), {}
    for history in histories:
        for visit in history.visits:
            for shot in visit.shots:
                if shot.capture_id not in received:
                    continue
                state, reason = outcome(shot)
                seen = Counter(str(box["label"]) for box in drawn[shot.capture_id].detected)
                found[shot.capture_id] = {
                    "device_id": history.device.device_id,
                    "store_id": history.device.store_id,
                    "captured_at": stamp(shot.at),
                    "received_at": stamp(received[shot.capture_id]),
                    "visit_id": visit.visit_id,
                    "outcome": state,
                    "reason": reason,
                    "stock": facings(shot.shelves),
                    "seen": dict(sorted(seen.items())),
                    "trusted": not (shot.dark or shot.defocus_px),
                    "copy_of": None,
                }
    for copy, first in mail.copies.items():
        found[copy] = {**found[first], "received_at": stamp(received[copy]), "copy_of": first}
    return dict(sorted(found.items()))


def _rejected(
    captures: Mapping[str, Mapping[str, Any]],
    bad_boxes: Mapping[str, tuple[Reason, dict[str, Any]]],
    lines: Sequence[Hostile],
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for capture_id, each in captures.items():
        place = {name: each[name] for name in ("device_id", "store_id")} | {"at": each["captured_at"]}
        if each["outcome"] == "rejected":
            rows.append({"name": capture_id, "reason": each["reason"], "capture_id": capture_id, **place})
        if capture_id in bad_boxes:
            reason = bad_boxes[capture_id][0].value
            rows.append({"name": f"box of {capture_id}", "reason": reason, "capture_id": capture_id, **place})
    for line in lines:
        event = line.event or {}
        at = event.get("sent_at") if line.name in ("missing-field", "bad-time") else event.get("captured_at")
        place = {"device_id": event.get("device_id"), "store_id": event.get("store_id"), "at": at}
        rows.append({"name": line.name, "reason": line.reason.value, "capture_id": event.get("capture_id"), **place})
    return rows


def _hours(captures: Mapping[str, Mapping[str, Any]], rejected: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    counts: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for each in captures.values():
        if each["outcome"] == "rejected":
            continue
        count = counts[each["store_id"], each["device_id"], each["captured_at"][:13] + ":00:00Z"]
        waited = datetime.fromisoformat(each["received_at"]) - datetime.fromisoformat(each["captured_at"])
        count["captures"] += 1
        count["late"] += waited.total_seconds() > LATE_AFTER_S
        count["unreadable"] += each["outcome"] == "unreadable"
    for row in rejected:
        if row["device_id"] is not None and row["at"] is not None:
            counts[row["store_id"], row["device_id"], row["at"][:13] + ":00:00Z"]["rejected"] += 1
    return [
        {"store_id": store, "device_id": device, "hour": hour}
        | {name: count[name] for name in ("captures", "late", "unreadable", "rejected")}
        for (store, device, hour), count in sorted(counts.items())
    ]


def _visits(histories: Sequence[History], captures: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    members: dict[str, list[str]] = defaultdict(list)
    for capture_id, each in captures.items():
        members[each["visit_id"]].append(capture_id)
    return [
        {
            "visit_id": visit.visit_id,
            "store_id": history.device.store_id,
            "device_id": history.device.device_id,
            "kind": visit.kind,
            "door": visit.door,
            "opened_at": stamp(visit.opened_at),
            "closed_at": None if visit.closed_at is None else stamp(visit.closed_at),
            "captures": sum(captures[name]["outcome"] != "rejected" for name in members[visit.visit_id]),
            "capture_ids": members[visit.visit_id],
            "sold": visit.sold,
            "added": visit.added,
        }
        for history in histories
        for visit in history.visits
        if visit.visit_id in members
    ]
