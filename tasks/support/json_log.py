"""Formats log records as JSON, one object a line, with the figures of a stage as fields of their own."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

FIGURES = "figures"
"""The attribute of a log record that holds the figures of a stage."""
RUN_FIELDS = {"flow_run_id": "run_id", "flow_run_name": "run", "task_run_name": "stage_run"}
"""The attributes that Prefect adds to a record, and their names in the line."""


class JsonFormatter(logging.Formatter):
    """The formatter that `REVIEWS_LOG=json` gives to the processes of `reviews up`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Ignore the options of the formatter that it replaces."""
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        at = datetime.fromtimestamp(record.created, UTC)
        known = {"time": at.isoformat(timespec="milliseconds"), "level": record.levelname}
        run = {name: str(getattr(record, key)) for key, name in RUN_FIELDS.items() if hasattr(record, key)}
        error = {"error": self.formatException(record.exc_info)} if record.exc_info else {}
        figures: Mapping[str, Any] = getattr(record, FIGURES, {})
        return format_line({**known, **run, **figures, "message": record.getMessage(), **error})


def format_line(fields: Mapping[str, Any]) -> str:
    """Return fields as one line of JSON; values that JSON does not know as their text."""
    return json.dumps(fields, default=str, ensure_ascii=False)


def format_figures(figures: Mapping[str, Any]) -> str:
    """Return figures as `name=value`, set apart by blanks."""
    return " ".join(f"{name}={value}" for name, value in figures.items())
