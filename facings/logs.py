"""Logs of the services: one JSON object a line, so that each can be found by capture, partition and offset."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

_OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_CLIENT = "kafka"


class JsonLines(logging.Formatter):
    """A record as one JSON object: time, level, logger, message, and whatever was given by `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without control characters: text of devices stays inert."""
        found = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _OWN},
        }
        if record.exc_info:
            found["error"] = self.formatException(record.exc_info)
        return json.dumps(found, default=str)


def configure_service_logging(verbose: bool) -> None:
    """Logs to stderr as JSON lines; the Kafka client's own are left out up to errors unless `verbose`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("speed").setLevel(logging.DEBUG if verbose else logging.INFO)
    logging.getLogger(_CLIENT).setLevel(logging.INFO if verbose else logging.CRITICAL)
    logging.getLogger("httpx").setLevel(logging.WARNING)
