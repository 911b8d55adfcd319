"""Tests of the log as JSON: one object a line, with the figures of a stage as fields."""

import json
import logging
import sys
from typing import Any

from deployments.local_server.up_log import make_json_echo
from tasks.support.json_log import FIGURES, JsonFormatter


def make_record(message: str, **extra: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": message, "levelname": "INFO", "created": 0.5, **extra})


def test_a_record_is_one_line_with_its_run_and_figures() -> None:
    figures = {"stage": "commit-part", "rows_scored": 50}
    line = JsonFormatter().format(make_record("two\nlines", flow_run_id="0a1b", **{FIGURES: figures}))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.500+00:00",
        "level": "INFO",
        "run_id": "0a1b",
        "stage": "commit-part",
        "rows_scored": 50,
        "message": "two\nlines",
    }


def test_an_error_keeps_its_trace() -> None:
    try:
        raise ValueError("bad")
    except ValueError:
        line = JsonFormatter().format(make_record("failed", exc_info=sys.exc_info()))
    assert json.loads(line)["error"].endswith("ValueError: bad")


def test_every_line_of_up_is_json_with_the_name_of_its_process() -> None:
    lines: list[str] = []
    echo = make_json_echo(lines.append)
    for text in ('worker | {"message": "done", "rows_scored": 5}', "server | a | plain line", "Stopping ..."):
        echo(text)
    worker, server, own = map(json.loads, lines)
    assert worker == {"process": "worker", "message": "done", "rows_scored": 5}
    assert (server["process"], server["message"]) == ("server", "a | plain line")
    assert (own["process"], own["message"]) == ("up", "Stopping ...")
    assert server["time"].endswith("+00:00")
