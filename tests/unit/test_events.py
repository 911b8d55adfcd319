"""Tests that flows emit exactly the events of the module's table, which the docs show."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from data_contracts.expectations import CheckResult
from docs.events_table import make_table
from tasks.scoring.run_outcome import COUNTS
from tasks.stages import events

FAILED = CheckResult("reviews", "a_rule", "expect_it", "column", "error", False, "2", "1", 1)
EMITTING: list[Callable[[], None]] = [
    lambda: events.emit_promoted("lstm-s0", "it is the first", None),
    lambda: events.emit_committed("lstm-s0", dict.fromkeys(COUNTS, 0)),
    lambda: events.emit_contract_failed([FAILED]),
    lambda: events.emit_drift(["score"], ["it moved"]),
    lambda: events.emit_unusual_deliveries(["shop-a"], ["it is late"]),
    lambda: events.emit_refused(["a.csv"], ["file_empty"]),
    lambda: events.emit_inbox_changed(1),
]


def test_the_table_lists_every_event_with_its_resource_and_payload(monkeypatch: pytest.MonkeyPatch) -> None:
    emitted = []

    def keep(event: str, *, resource: Mapping[str, str], payload: Mapping[str, Any]) -> None:
        emitted.append((event, resource["prefect.resource.id"], set(payload)))

    monkeypatch.setattr(events, "emit_event", keep)
    for emit in EMITTING:
        emit()
    listed = []
    for line in make_table().splitlines()[2:]:
        event, resource, payload = (cell.strip() for cell in line.strip("|").split("|"))
        filled = resource.replace("<model_id>", "lstm-s0").replace("<boundary>", "reviews")
        listed.append((event.strip("`"), filled.strip("`"), set(payload.split("`")[1::2])))
    assert listed == emitted
