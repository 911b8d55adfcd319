"""Tests that runs warn of sources that did not send as usual, and emit an event once for each case."""

from collections.abc import Sequence

import pytest

from data_contracts.storage.home import Home
from tasks.stages import score as stages
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support.scoring_runs import copy_scored_home, drop, list_said, run
from tests.support.small_home import ask

_BACKDATE = """
INSERT INTO scored_files BY NAME
SELECT * EXCLUDE (pause)
    REPLACE (uuid()::VARCHAR AS source_sha256, committed_at - to_days(pause::INTEGER) AS committed_at)
FROM scored_files, range(1, 20) AS pauses (pause)
"""
_MOVE = "UPDATE scored_files SET committed_at = committed_at + to_days(?::INTEGER)"


def backdate(home: Home, days_ago: int) -> None:
    """Let a source have sent its file on each of many days up to this many days ago, and not since."""
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute(_MOVE, [-days_ago])
        connection.execute(_BACKDATE)


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    events: list[list[str]] = []

    def keep(sources: Sequence[str], findings: Sequence[str]) -> None:
        events.append(list(sources))

    monkeypatch.setattr(stages, "emit_unusual_deliveries", keep)
    return events


@pytest.fixture
def delivered_home(empty_home: Home) -> Home:
    """A home with a scored file of a source."""
    return copy_scored_home(empty_home, {"shop-a/a.csv": "text\ngood film\n"})


@pytest.mark.slow
def test_runs_that_find_nothing_new_warn_of_a_late_source_and_emit_one_event(
    delivered_home: Home, emitted: list[list[str]]
) -> None:
    assert list_said(run(), "delivery") == []
    backdate(delivered_home, days_ago=5)
    for _ in range(2):
        [words] = list_said(run(), "delivery")
        assert words.startswith("shop-a: the last files came on ")
    assert emitted == [["shop-a"]]
    query = "SELECT source, state FROM findings WHERE kind = 'late_source'"
    assert ask(delivered_home.published, query) == [("shop-a", "open")]


@pytest.mark.slow
def test_a_file_with_far_more_rows_than_usual_is_named_by_its_run(
    delivered_home: Home, emitted: list[list[str]]
) -> None:
    backdate(delivered_home, days_ago=0)
    drop(delivered_home, "shop-a/b.csv", "text\n" + "bad plot\n" * 4)
    [words] = list_said(run(), "delivery")
    assert words.startswith("shop-a: 5 rows on ")
    assert "; expected about 1 to 1 rows a day, as before. " in words
    assert emitted == [["shop-a"]]


@pytest.mark.slow
def test_a_day_counts_the_files_of_a_source_once_though_models_score_them_again(scoring_home: Home) -> None:
    drop(scoring_home, "shop-a/a.csv", "text\ngood film\n   \n")
    drop(scoring_home, "shop-a/empty.csv", "")
    run()
    drop(scoring_home, "shop-a/b.csv", "text\ngood film\n")
    drop(scoring_home, "shop-a/copy.csv", "text\ngood film\n")
    run()
    assert ask(scoring_home.published, "SELECT source, files, rows FROM source_days") == [("shop-a", 2, 3)]
