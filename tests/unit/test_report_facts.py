"""Tests of the facts of a report: the run that a name means, and the facts of a scoring run."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.errors import UsageError, WarehouseError
from data_contracts.storage.home import Home
from tasks.report import moved_movies
from tasks.report.moved_movies import ENOUGH_REVIEWS
from tasks.report.run_choice import Row, find_run
from tasks.report.scoring_facts import REVIEWS_SHOWN, TEXT_CHARACTERS
from tasks.warehouse.run_log import Run, end_run, record_checks, start_run
from tests.support.failures import make_failure
from tests.support.filled_tables import FilledTables, fill_tables
from tests.support.report_homes import NEXT_RUN, RUN, change, make_run, promote, read_facts_of
from tests.support.warehouse_parts import NOON, PartFile

ROWS: list[dict[str, Any]] = [
    {"review_id": f"r{number}", "movie_id": "tt1", "score": number / 10, "given_rating": float(number + 1)}
    for number in range(10)
]


@pytest.fixture
def tables() -> Iterator[FilledTables]:
    with fill_tables() as filled:
        yield filled


def find(tables: FilledTables, name: str) -> str:
    return find_run(tables.ask, name).run_id


def test_the_latest_run_is_the_newest_that_did_something(tables: FilledTables) -> None:
    tables.run([PartFile("f.csv", ROWS)])
    tables.run([], NEXT_RUN)
    assert find(tables, "latest") == RUN


def test_a_failed_run_is_something_to_look_at(tables: FilledTables) -> None:
    tables.run([PartFile("f.csv", ROWS)])
    tables.run([], NEXT_RUN, flow="train-model", status="failed")
    assert find(tables, "latest") == NEXT_RUN


def test_a_run_is_found_by_the_beginning_of_its_id(tables: FilledTables) -> None:
    for run_id in (RUN, NEXT_RUN):
        tables.run([], run_id)
    assert (find(tables, "1"), find(tables, NEXT_RUN)) == (RUN, NEXT_RUN)


def test_what_names_no_run_several_or_one_of_another_flow_is_wrong_usage(tables: FilledTables) -> None:
    for run_id in (RUN, RUN.replace("8111", "8112")):
        tables.run([], run_id)
    tables.run([], NEXT_RUN, flow="ingest-reviews")
    with pytest.raises(UsageError, match=r"begins with '9\\\\x1b'"):
        find(tables, "9\x1b")
    with pytest.raises(UsageError, match=f"several run ids: .*{RUN}"):
        find(tables, "1111")
    with pytest.raises(UsageError, match="is of ingest-reviews"):
        find(tables, NEXT_RUN)


def test_before_any_run_the_message_says_what_to_do(tmp_path: Path, tables: FilledTables) -> None:
    with pytest.raises(WarehouseError, match="there is no published copy"):
        read_facts_of(tmp_path)
    with pytest.raises(UsageError, match="reviews train"):
        find(tables, "latest")


@pytest.mark.slow
def test_a_run_has_its_own_files_rows_and_checks(tmp_path: Path) -> None:
    make_run(tmp_path, [PartFile("f.csv", ROWS, bad_rows=[11, 12]), PartFile("bad.csv", status="refused")])
    warehouse = make_run(tmp_path, [PartFile("g.csv", ROWS[:3])], NEXT_RUN)
    record_checks(
        Run(Home(warehouse.parent), RUN),
        [make_failure(severity="warning", boundary="review_files", rule="text_blank")],
    )
    promote(warehouse)
    first, second = read_facts_of(tmp_path), read_facts_of(tmp_path, NEXT_RUN)
    assert first.totals == {
        "files": 2,
        "files_refused": 1,
        "files_rescored": 0,
        "rows_read": 12,
        "rows_read_again": 0,
        "rows_quarantined": 2,
        "rows_without_text": 0,
    }
    assert [(row["uri"], row["rule"]) for row in first.refused] == [("bad.csv", "csv_broken")]
    assert [(row["rule"], row["rows"]) for row in first.quarantined] == [("text_encoding", 2)]
    assert [(row["rule"], row["unexpected"]) for row in first.checks] == [("text_blank", 1200)]
    assert (second.totals["files"], second.reviews_scored, second.checks) == (1, 3, [])
    assert [row["model_id"] for row in second.lineage] == ["model-a"]


@pytest.mark.slow
def test_files_that_another_model_had_scored_are_scored_again_with_what_is_still_set_aside(
    tables: FilledTables,
) -> None:
    file = PartFile("f.csv", ROWS, bad_rows=[11, 12])
    tables.run([file])
    tables.change("UPDATE quarantined_rows SET released_at = quarantined_at WHERE row_number = 12")
    again = PartFile("f.csv", ROWS, ledger={"rows_read": 11})
    tables.run([again, PartFile("new.csv", ROWS[:3])], NEXT_RUN, model_id="model-b")
    first, second = tables.read_facts(), tables.read_facts(NEXT_RUN)
    assert (first.totals["rows_quarantined"], first.totals["files_rescored"]) == (2, 0)
    assert second.totals == {
        "files": 2,
        "files_refused": 0,
        "files_rescored": 1,
        "rows_read": 14,
        "rows_read_again": 11,
        "rows_quarantined": 1,
        "rows_without_text": 0,
    }
    shown = [(row["uri"], row["is_rescored"], row["rows_quarantined"]) for row in second.files]
    assert shown == [("f.csv", True, 1), ("new.csv", False, 0)]
    assert (first.only_rescored, second.only_rescored, second.reviews_scored) == (False, False, 13)


@pytest.mark.slow
def test_what_can_be_released_and_the_longest_of_it_are_counted_without_what_was_released(
    tables: FilledTables,
) -> None:
    tables.run([PartFile("f.csv", ROWS, bad_rows=[11, 12, 13, 14])])
    keep = "UPDATE quarantined_rows SET rule = 'text_too_long', raw_is_text = true, raw ="
    tables.change(
        f"{keep} encode(repeat('é', 150)) WHERE row_number = 11",
        f"{keep} encode(repeat('x', 120)) WHERE row_number = 12",
        f"{keep} NULL WHERE row_number = 13",
        f"{keep} encode(repeat('x', 999)), released_at = now() WHERE row_number = 14",
    )
    [row] = tables.read_facts().quarantined
    assert [row[name] for name in ("rows", "released", "releasable", "longest")] == [4, 1, 2, 150]


@pytest.mark.slow
def test_what_a_killed_run_left_behind_belongs_to_the_run_that_committed_it(tmp_path: Path) -> None:
    from tasks.warehouse.commit import commit_parts

    warehouse = make_run(tmp_path, [PartFile("left.csv", ROWS)], status=None, commit=False)
    start_run(warehouse, NEXT_RUN, "score-reviews", {}, "code")
    commit_parts(warehouse, tmp_path / "parts" / f"{RUN}-model-a")
    end_run(warehouse, NEXT_RUN, "completed", {"files_scored": 1})
    change(warehouse)
    assert [row["uri"] for row in read_facts_of(tmp_path, NEXT_RUN).files] == ["left.csv"]


def test_scores_ratings_and_lengths_are_counted_in_their_bars(tables: FilledTables) -> None:
    rows: list[dict[str, Any]] = [
        {"score": 0.0, "token_count": 49},
        {"score": 0.05, "token_count": 50},
        {"score": 1.0, "token_count": 5000, "given_rating": 10.0},
    ]
    tables.run([PartFile("f.csv", rows)])
    facts = tables.read_facts()
    assert (facts.scores[0], facts.scores[1], facts.scores[-1], sum(facts.scores)) == (1, 1, 1, 3)
    assert (facts.lengths[0], facts.lengths[50], facts.lengths[1000], sum(facts.lengths.values())) == (
        1,
        1,
        1,
        3,
    )
    assert (facts.ratings[1], facts.ratings[10]) == ((2, 0), (1, 1))


def test_scores_are_held_against_what_the_writers_said(tables: FilledTables) -> None:
    rows: list[dict[str, Any]] = [
        {"score": 0.9, "given_label": "positive"},
        {"score": 0.9, "given_rating": 2.0},
        {"score": 0.9, "given_rating": 5.0},
        {"score": 0.9},
    ]
    tables.run([PartFile("f.csv", rows)])
    given_by_writers = tables.read_facts().given
    assert (given_by_writers["labelled"], given_by_writers["share_agreeing"], given_by_writers["rated"]) == (
        2,
        0.5,
        2,
    )


def test_verdicts_that_a_model_may_have_learnt_from_do_not_judge_it(tables: FilledTables) -> None:
    tables.run(
        [PartFile("f.csv", [{"score": 0.9, "given_label": "positive", "given_rating": 9.0}, {"score": 0.9}])]
    )
    tables.promote()
    tables.settle()
    tables.change("UPDATE models SET own_labels_until = (SELECT max(file_seen_at) FROM source_reviews)")
    found = tables.read_facts().given
    assert (found["labelled"], found["rated"], found["learnt"]) == (0, 0, 1)
    assert (found["share_agreeing"], found["rating_mae"]) == (None, None)


def test_near_copies_count_once_in_the_reports_of_all_runs_as_in_live_accuracy(tables: FilledTables) -> None:
    copy: dict[str, Any] = {"score": 0.9, "given_label": "negative", "near_key": 7}
    honest: dict[str, Any] = {"score": 0.9, "given_label": "positive"}
    tables.promote()
    tables.run([PartFile("f.csv", [{**copy, "text": "a"}, {**copy, "text": "b"}, {**honest, "text": "c"}])])
    later = {"scored_at": NOON + timedelta(hours=9)}
    tables.run(
        [PartFile("g.csv", [{**copy, **later, "text": "d"}, {**honest, **later, "text": "e"}])], NEXT_RUN
    )
    tables.settle()
    reported = [tables.read_facts(run_id).given for run_id in (RUN, NEXT_RUN)]
    assert [(found["labelled"], found["share_agreeing"]) for found in reported] == [(2, 0.5), (1, 1.0)]
    assert tables.ask("SELECT sum(labelled_reviews) AS labelled FROM live_accuracy") == [{"labelled": 3}]


def test_each_source_has_its_reviews_and_how_many_do_not_count(tables: FilledTables) -> None:
    foreign: dict[str, Any] = {"score": 0.9, "counts": False}
    tables.run(
        [
            PartFile("a.csv", [{"score": 0.1}, foreign, foreign], ledger={"source": "shop-a"}),
            PartFile("b.csv", [{"score": 0.1}]),
        ],
    )
    sources = tables.read_facts().sources
    assert [(row["source"], row["reviews"], row["not_counted"]) for row in sources] == [
        ("shop-a", 3, 2),
        ("default", 1, 0),
    ]


def test_the_reviews_shown_are_the_outermost_each_text_once_and_cut(tables: FilledTables) -> None:
    rows: list[dict[str, Any]] = [
        *ROWS,
        *[{"score": 0.99, "text": "the same"}] * 3,
        {"score": 0.01, "text": "x" * 1_000_000},
    ]
    tables.run([PartFile("f.csv", rows)])
    reviews = tables.read_facts().reviews
    assert [row["score"] for row in reviews["most positive"]] == [0.99, 0.9, 0.8, 0.7, 0.6]
    assert reviews["least certain"][0]["score"] == 0.5
    longest = reviews["most negative"][1]
    assert (len(longest["text"]), longest["characters"]) == (TEXT_CHARACTERS, 1_000_000)
    assert {len(each) for each in reviews.values()} == {REVIEWS_SHOWN}


@pytest.mark.slow
def test_movies_are_compared_before_and_after_a_run(tables: FilledTables) -> None:
    rows: list[dict[str, Any]] = [{"movie_id": "tt1", "score": 0.5}] * ENOUGH_REVIEWS
    few: list[dict[str, Any]] = [{"movie_id": "tt2", "score": 0.5}] * (ENOUGH_REVIEWS - 1)
    first = [{**row, "text": f"text {number}"} for number, row in enumerate([*rows, *few])]
    tables.run([PartFile("f.csv", first)])
    tables.promote()
    second = [{"movie_id": movie, "score": 1.0, "text": f"later {movie}"} for movie in ("tt1", "tt2")]
    tables.run([PartFile("g.csv", second)], NEXT_RUN)
    tables.settle()
    [movie] = tables.read_facts(NEXT_RUN).moved
    assert (movie.movie_id, movie.reviews_before, movie.reviews_after) == ("tt1", 5, 6)
    assert [movie.before, movie.after, movie.change] == pytest.approx([5.5, 6.25, 0.75])
    assert tables.read_facts().moved == []


REVIEWS = st.lists(
    st.fixed_dictionaries(
        {
            "review_id": st.sampled_from([None, "a", "b", "c"]),
            "movie_id": st.sampled_from([None, "tt1", "tt2"]),
            "text": st.sampled_from(["one", "two", "three"]),
            "score": st.floats(0, 1),
        }
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(files=st.lists(REVIEWS, min_size=2, max_size=4))
def test_a_movie_after_the_last_run_is_what_movie_ratings_says_and_before_it_what_all_scores_say(
    files: list[list[dict[str, Any]]],
) -> None:
    named = [PartFile(f"{number}.csv", rows) for number, rows in enumerate(files)]
    with fill_tables() as tables:
        ask = tables.ask
        tables.promote()
        tables.run(named[:2])
        tables.run(named[2:], NEXT_RUN)
        tables.settle()
        wanted = ask(
            "SELECT movie_id, reviews, mean_predicted_rating AS stars FROM movie_ratings ORDER BY ALL"
        )
        run = find_run(ask, NEXT_RUN)
        read_moment = run.ended_at or run.started_at
        ask("CREATE TEMP TABLE touched_movies AS SELECT DISTINCT movie_id FROM movie_ratings")
        before_all, after_all = moved_movies._rate_by_all_scores(ask, run.started_at, read_moment)
        before, after = moved_movies._rate_by_latest(ask, run.started_at, read_moment)
    expected = [(row["movie_id"], row["reviews"], round(row["stars"], 9)) for row in wanted]
    assert list_ratings(after_all) == list_ratings(after) == expected
    assert list_ratings(before_all) == list_ratings(before)


def list_ratings(movies: Mapping[str, Row]) -> list[tuple[str, int, float]]:
    return sorted((name, row["reviews"], round(row["stars"], 9)) for name, row in movies.items())


def decide(number: int, name: str, *, promoted: bool, passed: bool, moment: str = "2000-01-01") -> str:
    return (
        'INSERT INTO gate_checks (decision, name, model_id, mode, promoted, passed, detail, "at") VALUES '
        f"({number}, '{name}', 'model-a', 'always', {promoted}, {passed}, 'figures', '{moment}')"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("decisions", "forced"),
    [
        ([], []),
        ([decide(1, "cost", promoted=True, passed=True)], []),
        ([decide(1, "cost", promoted=False, passed=False)], []),
        (
            [
                decide(1, rule, promoted=True, passed=rule == "cost")
                for rule in ("log_loss", "accuracy", "cost")
            ],
            [{"model_id": "model-a", "rules": "accuracy, log_loss"}],
        ),
        (
            [
                decide(1, "cost", promoted=True, passed=False),
                decide(2, "cost", promoted=True, passed=True),
            ],
            [],
        ),
        ([decide(1, "cost", promoted=True, passed=False, moment="2999-01-01")], []),
    ],
    ids=["none", "held", "refused", "forced", "forced once, held since", "forced after the run"],
)
def test_a_model_that_the_gate_refused_is_told_where_it_scored(
    tables: FilledTables, decisions: list[str], forced: list[dict[str, str]]
) -> None:
    tables.run([PartFile("f.csv", ROWS)])
    tables.change(*decisions)
    assert tables.read_facts().forced == forced


def test_a_copy_that_an_older_version_published_is_refused_with_the_next_step(tmp_path: Path) -> None:
    make_run(tmp_path, [PartFile("f.csv", ROWS)])
    with duckdb.connect(str(Home(tmp_path).published)) as connection:
        connection.execute("DELETE FROM schema_migrations WHERE version > 4")
    with pytest.raises(WarehouseError, match=r"older version .* Next: run `reviews score`"):
        read_facts_of(tmp_path)
