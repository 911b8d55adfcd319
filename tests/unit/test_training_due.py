"""Tests of what is counted of labelled reviews since a promotion, and of when a training is due."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import duckdb
import pytest

from models.evaluation.promise_judging import Tally
from tasks.training.champion_promise import Judged, judge_champion
from tasks.training.due import DRIFT_DAYS, find_new_reasons, name_reason
from tests.support.databases import borrow_tables
from tests.support.warehouse_parts import NOON
from tests.unit.view_tables import add_model, add_row, promote

Tables = duckdb.DuckDBPyConnection
CHAMPION = "model-a"
_ADD_LABELLED = """
INSERT INTO source_reviews (
    source_sha256, row_number, review_key, text, text_sha256, given_label, file_seen_at, file_commit_number,
    file_source, is_latest, in_english, best_model_id, best_sentiment
)
SELECT
    $file, range + 1, hash($keys || range::VARCHAR), 'a text', $file || range, 'positive', $seen_at, $number,
    $source, true, $in_english, $model_id, if(range < $right, 'positive', 'negative')
FROM range($reviews)
"""


@pytest.fixture
def connection() -> Iterator[Tables]:
    """Tables with a champion, which 2,500 reviews of the archive promised to be 93 % right."""
    with borrow_tables() as made:
        add_model(made, CHAMPION, validation_accuracy=0.93, validation_rows=2500)
        promote(made, CHAMPION)
        yield made


def add(connection: Tables, file: str, day: float, reviews: int, right: int, **other: Any) -> None:
    """Add labelled reviews of a file that came some days after the promotion, each of a title of its own."""
    values = {
        "file": file,
        "keys": file,
        "source": "shop",
        "in_english": True,
        "model_id": CHAMPION,
        "seen_at": NOON + timedelta(days=day),
        "number": 1000 + day,
        **other,
    }
    connection.execute(_ADD_LABELLED, {**values, "reviews": reviews, "right": right})
    times = {"committed_at": values["seen_at"], "commit_number": values["number"]}
    add_row(
        connection, "scored_files", source_sha256=file, model_id=CHAMPION, status="scored", uri=file, **times
    )


def judge(connection: Tables) -> Judged:
    judged = judge_champion(connection)
    assert judged is not None
    return judged


def list_reasons(connection: Tables, at_labels: int = 10**9) -> dict[str, str]:
    """Return the words of each new reason."""
    return {
        each.reason: each.words for each in find_new_reasons(connection, judge(connection), at_labels, list)
    }


def record(connection: Tables, at_labels: int, day: float = 0.5) -> None:
    """Record the new reasons as findings of a run so many days after the promotion."""
    judged, moment = judge(connection), NOON + timedelta(days=day)
    for number, each in enumerate(find_new_reasons(connection, judged, at_labels, list)):
        subject = name_reason(judged.champion, each.reason)
        words = {"kind": "training_due", "level": "warning", "what": each.words, "next": "", "state": "open"}
        times = {"first_seen": moment, "last_seen": moment}
        add_row(connection, "findings", number=number, subject=subject, **words, **times)


def test_reviews_count_once_from_the_promotion_on_and_by_the_champion_alone(connection: Tables) -> None:
    add(connection, "before", -1, 10, 0)
    add(connection, "monday", 1, 10, 9)
    add(connection, "tuesday", 2, 20, 20, source="films")
    add(connection, "german", 2, 10, 0, in_english=False)
    add(connection, "of another model", 2, 10, 0, model_id="model-b")
    connection.execute("UPDATE source_reviews SET is_latest = false WHERE source_sha256 = 'before'")
    add(connection, "sent again", 3, 10, 0, keys="before")
    every, films, shop = judge(connection).standings
    assert [each.total for each in (every, films, shop)] == [Tally(30, 29), Tally(20, 20), Tally(10, 9)]
    assert (films.source, shop.source) == ("films", "shop")


def test_near_copies_count_once_in_what_is_held_and_in_new_labels(connection: Tables) -> None:
    add(connection, "monday", 1, 30, 27)
    add(connection, "flood", 2, 500, 0)
    connection.execute("UPDATE source_reviews SET near_key = 7 WHERE source_sha256 = 'flood'")
    [everywhere] = judge(connection).standings
    assert everywhere.total == Tally(31, 27)
    assert list_reasons(connection, at_labels=32) == {}


def test_what_came_since_the_promotion_and_which_near_copy_came_first_is_said_by_no_clock(
    connection: Tables,
) -> None:
    ahead, behind = NOON + timedelta(days=9), NOON - timedelta(days=9)
    add(connection, "learnt from", -1, 10, 0, seen_at=ahead)
    add(connection, "monday", 1, 10, 9, seen_at=behind)
    add(connection, "a copy", 3, 1, 1, seen_at=behind)
    add(connection, "copied", 2, 1, 0, seen_at=ahead)
    connection.execute("UPDATE source_reviews SET near_key = 7 WHERE source_sha256 IN ('a copy', 'copied')")
    assert judge(connection).standings[0].total == Tally(11, 9)


def test_a_source_is_promised_what_the_gate_measured_of_its_labels_if_they_were_enough(
    connection: Tables,
) -> None:
    for source, reviews in (("shop", 100), ("films", 20)):
        check = {"name": f"source {source}", "challenger": 0.8, "reviews": reviews}
        facts = {"mode": "auto", "promoted": True, "passed": True, "detail": "", "at": NOON}
        add_row(connection, "gate_checks", decision=1, model_id=CHAMPION, **check, **facts)
    assert read(connection) == {None: (0.8, "own labels")}
    add(connection, "monday", 1, 10, 9)
    assert read(connection) == {None: (0.8, "own labels")}
    add(connection, "tuesday", 1, 10, 9, source="films")
    assert read(connection) == {
        None: (pytest.approx(0.865), "both"),
        "films": (0.93, "archive"),
        "shop": (0.8, "own labels"),
    }


def read(connection: Tables) -> dict[str | None, tuple[Any, ...]]:
    """Judge and return what is recorded of each source."""
    judge(connection)
    rows = connection.execute("SELECT source, promised, promised_by FROM promises").fetchall()
    return {source: tuple(promised) for source, *promised in rows}


def test_a_champion_that_promised_nothing_is_not_judged_by_it_but_labels_and_drift_count(
    connection: Tables,
) -> None:
    connection.execute("UPDATE models SET validation_accuracy = NULL")
    add(connection, "monday", 1, 1000, 0)
    assert judge(connection).standings == ()
    assert list(list_reasons(connection, 30)) == ["labels"]
    connection.execute("DELETE FROM promotions")
    assert judge_champion(connection) is None


def test_a_fall_is_a_reason_and_named_once_for_a_champion(connection: Tables) -> None:
    for day in range(1, 11):
        add(connection, f"day {day}", day, 100, 92 if day < 7 else 78)
    assert list_reasons(connection) == {
        "accuracy": "the accuracy is below the promise since 2026-03-08: from then on 78.0% of 400 labelled "
        "reviews are called right, and 93.0% were promised"
    }
    record(connection, 0)
    assert list_reasons(connection) == {}
    promote(connection, CHAMPION, "rollback", day=1)
    assert list(list_reasons(connection)) == ["accuracy"]


def test_texts_of_the_archive_are_no_new_labels_since_no_training_learns_from_them(
    connection: Tables,
) -> None:
    add(connection, "monday", 1, 40, 40)
    judged, asked = judge(connection), count()
    archive = [f"monday{number}" for number in range(15)]

    def list_archive() -> list[str]:
        next(asked)
        return archive

    assert not find_new_reasons(connection, judged, 41, list_archive)
    assert next(asked) == 0  # the archive is read only where there are enough labels with its texts
    assert not find_new_reasons(connection, judged, 26, list_archive)
    [reason] = find_new_reasons(connection, judged, 25, list_archive)
    assert reason.words.startswith("25 reviews with a label")


def add_training(connection: Tables, day: int) -> None:
    """Add a training with own labels."""
    run = {"flow": "train-model", "status": "completed", "parameters": '{"with_own": true}'}
    add_row(connection, "runs", run_id="run", started_at=NOON + timedelta(days=day), **run)


def test_labels_by_people_count_as_new_but_not_those_that_were_learnt_nor_what_was_skipped(
    connection: Tables,
) -> None:
    add(connection, "monday", 1, 10, 10)
    for text, label, day in (("learnt", "positive", 1), ("new", "positive", 3), ("skipped", None, 3)):
        moment = NOON + timedelta(days=day)
        values = {"given_label": label, "is_random": False, "labelled_at": moment, "uri": "labels/a.csv"}
        add_row(connection, "review_labels", text_sha256=text, **values)
    assert "labels" not in list_reasons(connection, 13)
    assert "labels" in list_reasons(connection, 12)
    add_training(connection, day=2)
    assert "labels" not in list_reasons(connection, 2)
    assert list_reasons(connection, 1)["labels"].startswith("1 review with")


def add_drift(connection: Tables, day: int, success: bool, source: str | None = "shop") -> None:
    """Add a check of drift."""
    check = {"boundary": "drift", "rule": "score_like_before", "expectation": "", "columns": "score"}
    result = {"severity": "warning", "observed": "", "expected": "", "unexpected_count": 0}
    checked_at: datetime = NOON + timedelta(days=day)
    values = {**check, **result, "success": success, "source": source, "checked_at": checked_at}
    add_row(connection, "contract_results", **values)


def test_drift_of_a_source_that_lasts_is_a_reason(connection: Tables) -> None:
    for day in (-3, -2, -1, 3, 3):
        add_drift(connection, day, success=False)
    for day in (4, 5, 6):
        add_drift(connection, day, success=True)
        add_drift(connection, day, success=False, source=None)
    add_drift(connection, 7, success=False)
    assert list_reasons(connection) == {}
    add_drift(connection, 8, success=False)
    assert list_reasons(connection) == {
        "drift": f"shop drifted from its own past on {DRIFT_DAYS} of the last 6 days with enough reviews, first on "
        "2026-03-04 (score)"
    }
    for day in range(9, 14):
        add_drift(connection, day, success=True)
    assert list_reasons(connection) == {}


@pytest.mark.slow
def test_enough_labels_since_the_last_training_with_own_labels_are_a_reason_each_time(
    connection: Tables,
) -> None:
    add(connection, "before the promotion", -1, 30, 30)
    assert "labels" not in list_reasons(connection, 31)
    judged = judge(connection)
    reasons = find_new_reasons(connection, judged, 30, list)
    assert [each.words for each in reasons] == [
        "30 reviews with a label or a clear rating came, and none was learnt from yet; this counts labels, not errors"
    ]
    record(connection, 30)
    add(connection, "monday", 1, 30, 30)
    assert list_reasons(connection, 30) == {}
    add_training(connection, day=2)
    assert list_reasons(connection, 30) == {}
    add(connection, "wednesday", 3, 30, 30)
    assert list_reasons(connection, 30) == {
        "labels": "30 reviews with a label or a clear rating came since the last training with own labels (2026-03-03)"
        "; this counts labels, not errors"
    }
