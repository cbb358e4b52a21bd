"""Takes a chunk of records into master: what is known is not read again, what is read is read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from intake import identity
from intake.batches import Batches
from intake.content import Content, Failure, Loader, Wanted, file_version
from intake.known import Known, Latest, look_up, look_up_annotations, look_up_captures
from intake.places import as_text, folder_name, is_url
from intake.records import AnnotationFields, CaptureFields, Photo, Told
from intake.rows import box_row, door_event_row, planogram_rows
from intake.tally import Tally
from lake import Lake
from schemas.boxes import is_clean
from schemas.events import DoorEvent
from schemas.reasons import Reason

UNASSIGNED = "unassigned"
_MAX_ID_CHARS = 200


class Taker:
    """Takes chunks in, one after the other. `store_id` and `device_id` stand in where a source tells none."""

    def __init__(
        self,
        lake: Lake,
        loader: Loader,
        batches: Batches,
        tally: Tally,
        clock: Callable[[], datetime],
        *,
        store_id: str | None,
        device_id: str | None,
    ):
        self._lake, self._loader, self._batches, self._tally, self._clock = lake, loader, batches, tally, clock
        self._store_id, self._device_id = store_id or UNASSIGNED, device_id
        self._known = Known()

    def take(self, photos: Sequence[Photo], told: Sequence[Told]) -> Iterator[None]:
        """Takes a chunk in and flushes it; yields after each location, for progress."""
        yield from self.settle(photos, told)
        self._batches.flush()

    def settle(self, photos: Sequence[Photo], told: Sequence[Told]) -> Iterator[None]:
        """Takes a chunk in, but for the flush that ends it."""
        self._known = look_up(self._lake, photos, told)
        for item in told:
            self._take_told(item)
        waiting: dict[str, list[Photo]] = {}
        settled: list[tuple[Content, list[Photo]]] = []
        for photo in self._not_yet_known(photos):
            sha256 = photo.sha256 or ""
            url = photo.location is not None and is_url(photo.location)  # a file is cheap to look at, a promise is not
            if photo.data is not None:
                self._settle_read([photo], self._loader.check(photo.data))
                yield
            elif photo.location is None or (
                url and sha256 in self._known.images and self._needs_no_photo(photo, sha256)
            ):
                settled.append((Content(sha256, None), [photo]))
            else:
                waiting.setdefault(photo.location, []).append(photo)
        unread, wanted = self._sort_out(waiting)
        self._settle_known([*settled, *unread])
        for want, content in self._loader.load(wanted):
            self._settle_read(waiting[want.location], content)
            yield

    def _not_yet_known(self, photos: Iterable[Photo]) -> Iterator[Photo]:
        """Yields the photos but for captures that master holds by name: those are skipped unread.

        A second telling inside the chunk stays: the first may fail, and then the second is the one that counts.
        """
        for photo in photos:
            name = photo.capture.capture_id if photo.capture is not None else None
            if name is not None and _tells_nothing_more(photo) and name in self._known.captures:
                self._tally.settle(photo.rows.count, new=False)
            else:
                yield photo

    def _sort_out(self, waiting: dict[str, list[Photo]]) -> tuple[list[tuple[Content, list[Photo]]], list[Wanted]]:
        """Locations whose files are as master knows them, with the photos that this settles; and those to be read."""
        unread: list[tuple[Content, list[Photo]]] = []
        wanted: list[Wanted] = []
        for location, photos in waiting.items():
            versions = self._known.versions.get(as_text(location), {})
            if is_url(location):
                wanted.append(Wanted(location, versions))
                continue
            version = file_version(location)
            sha256 = None if isinstance(version, Failure) else versions.get(version)
            if sha256 is None or isinstance(version, Failure):
                wanted.append(Wanted(location, versions))
                continue
            unread.append((Content(sha256, version), photos))
        ids = {self._name(p, c.sha256) for c, ps in unread for p in ps if p.capture is not None}
        look_up_captures(self._lake, self._known, ids)
        left: list[tuple[Content, list[Photo]]] = []
        for content, photos in unread:
            if all(self._needs_no_photo(photo, content.sha256) for photo in photos):
                left.append((content, photos))
            else:
                wanted.append(Wanted(photos[0].location or "", {}))
        return left, wanted

    def _needs_no_photo(self, photo: Photo, sha256: str) -> bool:
        """Can the photo's capture be told without its EXIF time?"""
        if photo.capture is None or photo.capture.captured_at is not None:
            return True
        return self._name(photo, sha256) in self._known.captures

    def _settle_known(self, settled: Sequence[tuple[Content, list[Photo]]]) -> None:
        look_up_annotations(
            self._lake, self._known, {c.sha256 for c, ps in settled for p in ps if p.annotation is not None}
        )
        for content, photos in settled:
            for photo in photos:
                self._settle(photo, content)

    def _settle_read(self, photos: Sequence[Photo], content: Content | Failure) -> None:
        if isinstance(content, Failure):
            for photo in photos:
                self._reject(photo, content.reason, content.detail, content.data)
            return
        if any(photo.annotation is not None for photo in photos):
            look_up_annotations(self._lake, self._known, self._known.perhaps_annotated([content.sha256]))
        self._tally.bytes_in += len(content.data or b"")
        for photo in photos:
            self._settle(photo, content)

    def _settle(self, photo: Photo, content: Content) -> None:
        if photo.sha256 is not None and photo.sha256 != content.sha256:
            detail = f"the record promises {photo.sha256[:16]}…, the photo has {content.sha256[:16]}…"
            self._reject(photo, Reason.HASH_MISMATCH, detail, content.data)
            return
        new = False
        if content.data is not None and content.header is not None:
            header = content.header
            image = {
                "sha256": content.sha256,
                "bytes": content.data,
                "size_bytes": len(content.data),
                "format": header.format,
                "width": header.width,
                "height": header.height,
                "orientation": header.orientation,
            }
            self._batches.add("master/images", image, len(content.data))
        if photo.capture is not None:
            new |= self._add_capture(photo, photo.capture, content)
        if photo.annotation is not None:
            new |= self._add_annotation(photo.annotation, content.sha256, photo.source)
        self._tally.settle(photo.rows.count, new)

    def _reject(self, photo: Photo, reason: Reason, detail: str, data: bytes | None) -> None:
        for rejected in photo.rows.rejected(reason, detail, data):
            self._tally.reject(rejected)

    def _name(self, photo: Photo, sha256: str) -> str:
        given = photo.capture.capture_id if photo.capture is not None else None
        return given or identity.capture_id(self._device(photo), sha256)

    def _device(self, photo: Photo) -> str:
        given = (photo.capture.device_id if photo.capture is not None else None) or self._device_id
        name = given or folder_name(photo.location or "") or UNASSIGNED
        return name if given or (len(name) <= _MAX_ID_CHARS and is_clean(name)) else UNASSIGNED

    def _add_capture(self, photo: Photo, given: CaptureFields, content: Content) -> bool:
        name = self._name(photo, content.sha256)
        if name in self._known.captures:
            return False
        now = self._clock()
        exif = content.header.captured_at if content.header is not None else None
        row = {
            "capture_id": name,
            "device_id": self._device(photo),
            "store_id": given.store_id or self._store_id,
            "captured_at": given.captured_at or exif or content.modified_at or now,
            "trigger": given.trigger,
            "door_event_id": given.door_event_id,
            "image_uri": as_text(photo.location or ""),
            "sha256": content.sha256,
            "sent_at": given.sent_at,
            "received_at": given.received_at or now,
            "source": as_text(photo.source),
            "source_version": content.version,
            "schema": given.schema,
            "kafka_topic": given.kafka_topic,
            "kafka_partition": given.kafka_partition,
            "kafka_offset": given.kafka_offset,
        }
        self._known.captures.add(name)
        self._batches.add("master/captures", row)
        return True

    def _add_annotation(self, given: AnnotationFields, sha256: str, source: str) -> bool:
        latest = self._known.latest.get(sha256)
        at = given.annotated_at
        if at is None:
            if latest is not None and self._is_same(given, sha256, latest):
                return False
            at = self._clock()
            if latest is not None and latest.annotated_at >= at:
                at = latest.annotated_at + timedelta(microseconds=1)  # what came later wins on read
        name = given.annotation_id or identity.annotation_id(sha256, given.boxes, given.annotator, at)
        if name in self._known.annotations:
            return False
        self._known.see_annotation(sha256, Latest(at, name, given.annotator))
        row = {
            "annotation_id": name,
            "sha256": sha256,
            "boxes": [box_row(box) for box in given.boxes],
            "annotator": given.annotator,
            "annotated_at": at,
            "source": as_text(source),
        }
        self._batches.add_annotation(row)
        return True

    def _is_same(self, given: AnnotationFields, sha256: str, latest: Latest) -> bool:
        # The name is a hash of the boxes: with the stored time it comes out the same if they are.
        again = identity.annotation_id(sha256, given.boxes, given.annotator, latest.annotated_at)
        return (given.annotation_id or again) == latest.annotation_id

    def _take_told(self, item: Told) -> None:
        event = item.event
        if isinstance(event, DoorEvent):
            new = (event.door_event_id, event.kind) not in self._known.doors
            self._known.doors.add((event.door_event_id, event.kind))
            if new:
                self._batches.add("master/door_events", door_event_row(event, as_text(item.source), self._clock()))
        else:
            new = event.planogram_id not in self._known.planograms
            self._known.planograms.add(event.planogram_id)
            for row in planogram_rows(event, as_text(item.source)) if new else ():
                self._batches.add("master/planograms", row)
        self._tally.settle(1, new)


def _tells_nothing_more(photo: Photo) -> bool:
    """Would a second telling of this capture add nothing? An event's boxes are in master before its capture is."""
    return photo.annotation is None or photo.annotation.annotated_at is not None
