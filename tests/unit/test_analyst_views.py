"""Tests of the analysts' views: daily scores, differences of models, lineage, quarantined rows."""

import re
import statistics
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from duckdb import DuckDBPyConnection as Connection
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data_contracts.warehouse import read_views
from tasks.maintenance.quarantine import list_query
from tasks.support.wording import escape_controls
from tasks.warehouse.latest_scores import rebuild
from tests.support.databases import borrow_tables, make_tables
from tests.support.warehouse_parts import NOON, hash_text
from tests.unit.view_tables import add_file, add_model, add_row, add_source_row, ask, make_score, promote

VIEWS = re.findall(r"CREATE OR REPLACE VIEW (\w+)", read_views())
MIDNIGHT = NOON + timedelta(hours=12)
DAY, NEXT_DAY = date(2026, 3, 1), date(2026, 3, 2)


@pytest.fixture
def connection() -> Iterator[Connection]:
    with borrow_tables() as lent:
        promote(lent, "model-a", day=-30)
        yield lent


def count_rows(connection: Connection, view: str) -> int:
    """Count a view's rows, with every column computed."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE whole AS FROM {view}")
    ((rows,),) = connection.execute("SELECT count(*) FROM whole").fetchall()
    return int(rows)


# All of them


@pytest.mark.parametrize("view", VIEWS)
def test_of_empty_tables_a_view_has_no_rows(view: str) -> None:
    with borrow_tables() as connection:
        assert count_rows(connection, view) == 0


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["infinity", "-infinity", "290000-01-01"])
def test_a_review_with_a_date_out_of_this_world_stays_in_every_view(
    connection: Connection, moment: str
) -> None:
    add_file(connection, "f", [{"movie_id": "tt1", "given_rating": 8}])
    connection.execute("UPDATE source_reviews SET reviewed_at = ?::TIMESTAMPTZ", [moment])
    rebuild(connection)
    for view in ("latest_scores", "movie_ratings", "daily_scores", "live_accuracy", "lineage"):
        assert count_rows(connection, view) == 1, view


# daily_scores


def test_a_day_of_a_model_has_the_means_of_the_rows_that_it_scored(connection: Connection) -> None:
    first = {"score": 1.0, "oov_rate": 0.5, "truncated": True}
    add_file(connection, "f", [first, {"score": 0.5}, {"score": 0.0}, {"score": 0.25}])
    assert ask(connection, "FROM daily_scores") == [
        (DAY, "model-a", "default", 4, 0.5, 0.4375, 1 + 9 * 0.4375, 0.125, 0.25)
    ]


def test_days_are_of_utc_whatever_the_readers_time_zone(connection: Connection) -> None:
    moments = [MIDNIGHT - timedelta(microseconds=1), MIDNIGHT]
    add_file(connection, "f", [{"scored_at": moment, "given_label": "positive"} for moment in moments])
    connection.execute("SET TimeZone = 'America/Los_Angeles'")
    for view in ("daily_scores", "live_accuracy"):
        assert ask(connection, f"SELECT day FROM {view} ORDER BY day") == [(DAY,), (NEXT_DAY,)]


def release_row(connection: Connection, *models: str) -> None:
    """Add the second row of the file `f`, which was quarantined, then released and scored at midnight."""
    add_quarantined(connection, "f", 2, released_at=MIDNIGHT, released_by="ann")
    add_source_row(connection, "f", 2)
    for model_id in models or ("model-a",):
        add_row(connection, "scored_reviews", **make_score("f", 2, model_id, "release", scored_at=MIDNIGHT))


def add_quarantined(connection: Connection, name: str, number: int = 1, **values: Any) -> None:
    same = {"uri": "f.csv", "rule": "text_too_long", "quarantined_at": NOON, "raw": b"long"}
    add_row(connection, "quarantined_rows", **{"source_sha256": name, "row_number": number, **same, **values})


# live_accuracy


ACCURACY = "SELECT labelled_reviews, accuracy FROM live_accuracy"


def test_accuracy_is_the_share_of_labels_that_the_model_gave_too(connection: Connection) -> None:
    scores = {"positive": (0.9, 0.5, 0.1), "negative": (0.2,)}
    rows = [{"given_label": label, "score": score} for label, each in scores.items() for score in each]
    add_file(connection, "f", [*rows, {"score": 0.9}])
    assert ask(connection, ACCURACY) == [(4, 0.75)]


@pytest.mark.parametrize(
    ("label", "rating", "found"),
    [
        (None, 7, (1, 1.0)),
        (None, 4, (1, 0.0)),
        (None, 5, (0, None)),
        (None, 6.5, (0, None)),
        ("negative", 9, (1, 0.0)),
    ],
)
def test_a_rating_says_the_label_that_is_not_given(
    connection: Connection, label: str | None, rating: float, found: tuple[int, float | None]
) -> None:
    add_file(connection, "f", [{"given_label": label, "given_rating": rating, "score": 0.9}])
    assert ask(connection, ACCURACY) == [found]


def test_ratings_are_compared_in_stars_over_the_rated_rows(connection: Connection) -> None:
    rows: list[dict[str, Any]] = [
        {"given_rating": 10, "predicted_rating": 8.0},
        {"given_rating": 3, "predicted_rating": 4.0},
        {"given_label": "positive", "predicted_rating": 1.0},
    ]
    add_file(connection, "f", rows)
    query = "SELECT rated_reviews, rating_mae, mean_given_rating, mean_predicted_rating FROM live_accuracy"
    assert ask(connection, query) == [(2, 1.5, 6.5, 6.0)]


def test_each_model_is_judged_by_its_own_scores(connection: Connection) -> None:
    for model_id, score in (("model-a", 0.9), ("model-b", 0.1)):
        add_file(connection, "f", [{"given_label": "positive", "score": score}], model_id=model_id)
        add_file(connection, f"of {model_id}", [{"given_label": "negative"}], model_id=model_id)
    query = "SELECT model_id, labelled_reviews, accuracy FROM live_accuracy ORDER BY model_id"
    assert ask(connection, query) == [("model-a", 2, 0.5), ("model-b", 2, 0.0)]


@pytest.mark.parametrize("same", [{"review_id": "r1", "movie_id": "tt1"}, {"text": "a fine film"}])
def test_a_label_that_comes_later_counts_for_the_row_that_was_scored_before(
    connection: Connection, same: dict[str, Any]
) -> None:
    add_file(connection, "f", [{"score": 0.1, **same}])
    add_file(connection, "labels", [{"given_label": "positive", "scored_at": MIDNIGHT, **same}], day=1)
    query = "SELECT day, labelled_reviews, accuracy FROM live_accuracy"
    assert ask(connection, query) == [(DAY, 1, 0.0)]


def test_a_label_of_another_review_counts_for_no_row_without_one(connection: Connection) -> None:
    add_file(connection, "f", [{"review_id": "r1", "movie_id": "tt1"}])
    other = {"review_id": "r1", "movie_id": "tt2", "given_label": "positive", "scored_at": MIDNIGHT}
    add_file(connection, "labels", [other], day=1)
    assert ask(connection, "SELECT day FROM live_accuracy") == [(NEXT_DAY,)]


def test_near_copies_of_a_source_count_once_for_each_model(connection: Connection) -> None:
    rows = [{"given_label": "negative", "near_key": 7, "text": f"fine {number}"} for number in range(3)]
    honest = {"given_label": "positive", "score": 0.9, "given_rating": 9}
    add_file(connection, "f", [honest, *rows])
    add_file(connection, "g", rows, model_id="model-b")
    add_file(connection, "f", rows, model_id="model-b")
    query = "SELECT model_id, labelled_reviews, accuracy FROM live_accuracy ORDER BY model_id"
    assert ask(connection, query) == [("model-a", 2, 0.5), ("model-b", 2, 0.5)]


def add_label(connection: Connection, text: str, **values: Any) -> None:
    same = {"is_random": True, "labelled_at": MIDNIGHT, "uri": "labels/a.csv"}
    add_row(connection, "review_labels", **{"text_sha256": hash_text(text), **same, **values})


def test_a_label_that_somebody_gave_a_review_drawn_at_random_counts_once_for_each_model(
    connection: Connection,
) -> None:
    for name in ("f", "again"):
        add_file(connection, name, [{"text": "fine", "score": 0.9, "review_id": name}])
    add_file(connection, "f", [{"text": "fine", "score": 0.1}], model_id="model-b")
    add_label(connection, "fine", given_rating=9.0)
    add_label(connection, "a text that is not here", given_label="negative")
    query = (
        "SELECT model_id, labelled_reviews, accuracy, mean_given_rating FROM live_accuracy ORDER BY model_id"
    )
    assert ask(connection, query) == [("model-a", 1, 1.0, 9.0), ("model-b", 1, 0.0, 9.0)]


@pytest.mark.parametrize(
    "values", [{"is_random": False, "given_label": "positive"}, {"given_label": None, "given_rating": None}]
)
def test_a_label_of_a_review_that_was_chosen_because_it_is_hard_and_one_skipped_do_not_count(
    connection: Connection, values: dict[str, Any]
) -> None:
    add_file(connection, "f", [{"text": "fine"}])
    add_label(connection, "fine", **values)
    assert ask(connection, "FROM live_accuracy") == []


def test_what_a_source_said_counts_before_what_somebody_said_later(connection: Connection) -> None:
    add_file(connection, "f", [{"text": "fine", "score": 0.9, "given_label": "positive"}])
    add_label(connection, "fine", given_label="negative")
    assert ask(connection, ACCURACY) == [(1, 1.0)]


def test_labels_that_a_model_may_have_learnt_from_do_not_judge_it(connection: Connection) -> None:
    add_model(connection, "model-own", own_labels_until=NOON)
    for model_id in ("model-a", "model-own"):
        for day, name in enumerate(["learnt", "later"]):
            add_file(connection, name, [{"given_label": "positive"}], day, model_id)
    add_file(connection, "bare", [{"text": "fine"}], 0, "model-own")
    add_label(connection, "fine", given_label="positive", labelled_at=NOON)
    query = "SELECT model_id, labelled_reviews FROM live_accuracy ORDER BY model_id"
    assert ask(connection, query) == [("model-a", 2), ("model-own", 1)]


# model_comparison


SCORES = st.integers(0, 100).map(lambda percent: percent / 100)


@pytest.mark.slow
def test_whatever_two_models_scored_their_comparison_is_that_of_the_pairs() -> None:
    with make_tables() as connection:

        @settings(max_examples=25, deadline=None)
        @given(st.lists(st.lists(st.tuples(SCORES, SCORES), max_size=4), max_size=4))
        def check(files: list[list[tuple[float, float]]]) -> None:
            pairs = [pair for file in files for pair in file]
            assume(all(len(set(scores)) > 1 for scores in zip(*pairs, strict=True)) and pairs)
            for table in ("scored_files", "source_reviews", "scored_reviews"):
                connection.execute(f"DELETE FROM {table}")
            for which, model_id in enumerate(("model-a", "model-b")):
                add_file(connection, f"of {model_id}", [{"score": 0.0}], which, model_id)
                for position, file in enumerate(files):
                    rows = [{"score": pair[which]} for pair in file]
                    add_file(connection, f"file-{position}", rows, which, model_id)
            [(reviews, flips, shift, correlation)] = ask(
                connection, "SELECT reviews, flips, mean_score_shift, correlation FROM model_comparison"
            )
            a, b = zip(*pairs, strict=True)
            assert (reviews, flips) == (len(pairs), sum((x >= 0.5) != (y >= 0.5) for x, y in pairs))
            assert shift == pytest.approx(statistics.mean(y - x for x, y in pairs), abs=1e-9)
            assert correlation == pytest.approx(statistics.correlation(a, b), abs=1e-6)

        check()


# lineage


def add_run(connection: Connection, run_id: str, flow: str = "score-reviews") -> None:
    facts = {"started_at": NOON, "status": "completed", "code_version": f"code of {run_id}"}
    add_row(connection, "runs", run_id=run_id, flow=flow, **facts)


def add_check(connection: Connection, source: str | None, run_id: str, **values: Any) -> None:
    words = dict.fromkeys(("expectation", "columns", "observed", "expected"), "")
    of = {"run_id": run_id, "source_sha256": source, "boundary": "scored_reviews", "rule": "key_unique"}
    found = {"severity": "error", "success": True, "unexpected_count": 0, "checked_at": NOON, **values}
    add_row(connection, "contract_results", **of, **words, **found)


def ask_lineage(connection: Connection, condition: str = "true") -> list[dict[str, Any]]:
    result = connection.execute(f"FROM lineage WHERE {condition} ORDER BY ALL")
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def test_a_score_leads_back_to_its_file_checks_model_promotion_and_run(connection: Connection) -> None:
    add_model(connection, "model-a", variant="cnn_lstm", seed=7, dataset="stanford", test_accuracy=0.875)
    add_run(connection, "run")
    add_file(connection, "f", [{"review_id": "r1", "movie_id": "tt1", "member": "a.csv", "score": 0.5}])
    for severity, success in (("error", True), ("error", False), ("warning", False), ("warning", False)):
        add_check(connection, "f", "run", severity=severity, success=success)
    assert ask_lineage(connection) == [
        {
            **{"source_sha256": "f", "row_number": 1, "model_id": "model-a"},
            **{"review_id": "r1", "movie_id": "tt1", "score": 0.5, "sentiment": "positive"},
            **{"predicted_rating": 5.5, "scored_at": NOON, "source": "default", "profile_version": None},
            **{"superseded_at": None, "uri": "f", "format": "csv", "bytes": 1},
            **{"member": "a.csv", "released_at": None},
            **{"checks_made": 4, "checks_failed": 1, "checks_warned": 2},
            **{"variant": "cnn_lstm", "seed": 7, "dataset": "stanford", "test_accuracy": 0.875},
            **{"data_fingerprint": "data of model-a", "bundle_fingerprint": "bundle of model-a"},
            **{"promotion": 1, "promoted_at": NOON - timedelta(days=30)},
            **{"run_id": "run", "flow": "score-reviews", "started_at": NOON, "status": "completed"},
            "code_version": "code of run",
        }
    ]


def test_each_score_of_a_row_has_its_own_models_and_runs_facts(connection: Connection) -> None:
    promote(connection, "model-b")
    for model_id in ("model-a", "model-b"):
        run_id = f"run of {model_id}"
        add_model(connection, model_id)
        add_run(connection, run_id)
        add_file(connection, "f", [{}, {}], model_id=model_id, run_id=run_id)
        add_check(connection, "f", run_id, success=model_id == "model-a")
    found = ask_lineage(connection)
    facts = ("row_number", "model_id", "code_version", "bundle_fingerprint", "checks_made", "checks_failed")
    assert [tuple(row[name] for name in facts) for row in found] == [
        (number, model_id, f"code of run of {model_id}", f"bundle of {model_id}", 1, failed)
        for number in (1, 2)
        for model_id, failed in (("model-a", 0), ("model-b", 1))
    ]


def test_a_released_row_has_the_run_of_its_release_and_its_files_facts(connection: Connection) -> None:
    for model_id in ("model-a", "model-b"):
        add_file(connection, "f", [{}], model_id=model_id)
    for run_id, flow in (("run", "score-reviews"), ("release", "release-rows")):
        add_run(connection, run_id, flow)
    add_check(connection, "f", "run")
    release_row(connection, "model-a", "model-b")
    found = ask_lineage(connection, "row_number = 2")
    facts = ("model_id", "flow", "uri", "checks_made", "released_at")
    assert [tuple(row[name] for name in facts) for row in found] == [
        (model_id, "release-rows", "f", 0, MIDNIGHT) for model_id in ("model-a", "model-b")
    ]


def test_checks_of_a_stage_of_another_file_and_of_another_run_are_not_the_files(
    connection: Connection,
) -> None:
    add_file(connection, "f", [{}])
    for source, run_id in ((None, "run"), ("g", "run"), ("f", "another run"), ("f", "run")):
        add_check(connection, source, run_id, success=False)
    assert [(row["checks_made"], row["checks_failed"]) for row in ask_lineage(connection)] == [(1, 1)]


def test_a_score_has_the_promotion_that_was_its_models_last_one_then(connection: Connection) -> None:
    promote(connection, "model-b", day=1)
    promote(connection, "model-a", "rollback", day=2)
    promote(connection, "model-a", day=2)
    days = (-31, -30, 0, 1.5, 2, 3)
    add_file(connection, "f", [{"scored_at": NOON + timedelta(days=day)} for day in days])
    assert [row["promotion"] for row in ask_lineage(connection)] == [None, 1, 1, 1, 4, 4]


def test_a_score_without_any_record_of_model_run_and_promotion_is_there(connection: Connection) -> None:
    add_file(connection, "f", [{}], model_id="unknown", run_id="unknown")
    facts = ("model_id", "variant", "promotion", "flow", "checks_made")
    assert [tuple(row[name] for name in facts) for row in ask_lineage(connection)] == [
        ("unknown", None, None, None, 0)
    ]


# open_quarantine


def test_rows_that_are_set_aside_have_the_names_of_the_list(connection: Connection) -> None:
    sources = {name: hash_text(name) for name in ("f.csv", "g.csv")}
    for name, source in sources.items():
        add_quarantined(connection, source, 17, uri=name)
    listed = [(name, uri) for name, uri, *_ in ask(connection, list_query(None, None))]
    found = connection.execute("SELECT row_name, uri FROM open_quarantine ORDER BY uri").fetchall()
    assert found == listed == [(f"{source[:12]}:17", name) for name, source in sources.items()]


def test_released_rows_are_not_set_aside(connection: Connection) -> None:
    add_file(connection, "f", [{}])
    release_row(connection)
    add_quarantined(connection, "f", 3)
    assert connection.execute("SELECT row_number FROM open_quarantine").fetchall() == [(3,)]


@pytest.mark.parametrize(
    ("raw", "preview"),
    [
        (None, None),
        (b"  two\r\n\r\n\tlines ", "two lines"),
        (b"\x1b[31mred\x00\xc2\x9b", "[31mred"),
        (b"caf\xe9", "caf\\xE9"),
        (b"ab" + "😀".encode() * 500, "ab" + "😀" * 58),
    ],
)
def test_a_preview_is_the_beginning_of_the_row_without_what_a_terminal_obeys(
    connection: Connection, raw: bytes | None, preview: str | None
) -> None:
    add_quarantined(connection, "f", raw=raw)
    assert connection.execute("SELECT text_preview FROM open_quarantine").fetchall() == [(preview,)]


@pytest.mark.slow
def test_whatever_bytes_a_row_has_its_preview_is_safe() -> None:
    with make_tables() as connection:

        @settings(max_examples=20, deadline=None)
        @given(
            st.lists(st.binary(max_size=300) | st.text(max_size=300).map(str.encode), min_size=1, max_size=12)
        )
        def check(raws: list[bytes]) -> None:
            connection.execute("DELETE FROM quarantined_rows")
            for number, raw in enumerate(raws):
                add_quarantined(connection, "f", number, raw=raw)
            query = "SELECT text_preview, bytes FROM open_quarantine ORDER BY row_number"
            found = connection.execute(query).fetchall()
            for raw, (preview, size) in zip(raws, found, strict=True):
                assert escape_controls(preview) == preview
                assert len(preview) <= 60
                assert size == len(raw)

        check()
