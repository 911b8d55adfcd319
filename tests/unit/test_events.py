"""Tests that flows emit exactly the events of the module's table, which the docs show."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_contracts.expectations import CheckResult
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import read_home_id
from docs.events_table import make_table
from tasks.scoring.run_outcome import GroupResult, RunOutcome
from tasks.stages import events
from tasks.warehouse.commit import CommitSummary, CommittedFile

FAILED = CheckResult("reviews", "a_rule", "expect_it", "column", "error", False, "2", "1", 1)
CHAMPION = {"model_id": "lstm-s0", "variant": "lstm", "seed": 0, "epochs": 2, "dataset": "sample"}
SCORED = CommittedFile("a.csv", "lstm-s0", "csv", "scored", None, None, 1, 1, 0, False)
REFUSED = replace(SCORED, status="refused", rule="file_empty")
EMITTING: list[Callable[[Home], None]] = [
    lambda home: events.emit_promoted(home, "lstm-s0", "it is the first", None),
    lambda home: events.emit_outcome(
        RunOutcome((GroupResult((), CommitSummary(1, 0, 1, 0, files=(SCORED,))),))
    ),
    lambda home: events.emit_contract_failed([FAILED]),
    lambda home: events.emit_drift(["score"], ["it moved"]),
    lambda home: events.emit_unusual_deliveries(["shop-a"], ["it is late"]),
    lambda home: events.emit_outcome(
        RunOutcome((GroupResult((), CommitSummary(0, 1, 0, 0, files=(REFUSED,))),))
    ),
    lambda home: events.emit_inbox_changed(home, 1),
    lambda home: events.emit_training_due(home, CHAMPION, ["drift"], ["it lasts"]),
]


def test_the_table_lists_every_event_with_its_resource_and_payload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emitted = []

    def keep(event: str, *, resource: Mapping[str, str], payload: Mapping[str, Any]) -> None:
        emitted.append((event, resource["prefect.resource.id"], set(payload)))

    monkeypatch.setattr(events, "emit_event", keep)
    for emit in EMITTING:
        emit(Home(tmp_path))
    listed = []
    for line in make_table().splitlines()[2:]:
        event, resource, payload = (cell.strip() for cell in line.strip("|").split("|"))
        filled = resource.replace("<model_id>", "lstm-s0").replace("<boundary>", "reviews")
        listed.append((event.strip("`"), filled.strip("`"), set(payload.split("`")[1::2])))
    assert listed == emitted


def test_events_that_start_runs_tell_of_which_home_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, told = Home(tmp_path), {}

    def keep(event: str, *, resource: Mapping[str, str], payload: Mapping[str, Any]) -> None:
        told[event] = resource.get(events.HOME_LABEL)

    monkeypatch.setattr(events, "emit_event", keep)
    for emit in EMITTING:
        emit(home)
    starting = {"reviews.model.promoted", "reviews.inbox.changed", "reviews.training.due"}
    assert told == {event: read_home_id(home) if event in starting else None for event in told}
    assert starting <= told.keys()
