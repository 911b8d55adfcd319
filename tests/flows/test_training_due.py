"""Tests that runs which score say when a training is due, and emit one event of each reason."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from data_contracts.storage.home import Home
from flows.scoring_message import describe_scoring
from tasks.stages import score as stages
from tasks.training import due
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support.scoring_runs import drop, list_said, run
from tests.support.small_home import ask


@pytest.mark.slow
def test_a_reason_is_told_of_once_by_the_run_that_finds_it_and_stays_in_reports(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    emitted: list[list[str]] = []

    def keep(
        home: Home, champion: Mapping[str, Any], reasons: Sequence[str], findings: Sequence[str]
    ) -> None:
        emitted.append([home.folder.name, champion["model_id"], *reasons, *findings])

    monkeypatch.setattr(stages, "emit_training_due", keep)
    monkeypatch.setattr(due, "AT_LABELS", 2)
    with open_warehouse(scoring_home.warehouse, write=True) as connection:
        connection.execute("UPDATE models SET validation_rows = 100")
    drop(scoring_home, "shop-a/a.csv", "text,rating\ngood film,9/10\nbad plot,2/10\n")
    first = run()
    words = "2 reviews with a label or a clear rating came, and none was learnt from yet"
    words += "; this counts labels, not errors"
    assert f"  training    {words}. Next: reviews train --with-own --variant " in describe_scoring(first)
    monkeypatch.setenv("REVIEWS_REPORTS", "true")
    drop(scoring_home, "shop-a/b.csv", "text,rating\ngood plot,8/10\nno plot,3/10\n")
    second = run()
    assert list_said(second, "training") == []
    assert emitted == [[scoring_home.folder.name, first.model_id, "labels", words]]
    page = Path(str(second.report)).read_text("utf-8")
    assert f"A training is due: {words}." in page
    assert "What the champion promised, and what it holds" in page
    assert ask(scoring_home.published, "SELECT reviews FROM promises") == [(4,)]
