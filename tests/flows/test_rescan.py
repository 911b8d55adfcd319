"""Tests of `reviews sources rescan`: what a mended profile reads again counts in place of the reading before."""

import json
from typing import Any

import pytest

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tests.support.scoring_runs import (
    describe,
    drop,
    list_refused,
    list_said,
    plan,
    prove,
    run,
)
from tests.support.small_home import ask, copy_home, copy_scoring_home

WRONG = """
[columns]
text = "Body"
given_rating = "Points"

[rating]
lowest = 0
highest = 100
"""
RIGHT = """
[columns]
text = "Body"
review_id = "No"
movie_id = "Film"
given_rating = "Points"

[rating]
lowest = 0
highest = 20
"""
EXPORT = "No,Film,Body,Points\n7,tt1,good film,20\n8,tt1,bad plot,0\n9,tt1, ,0\n"


def list_latest(home: Home) -> list[tuple[Any, ...]]:
    query = "select review_id, text, given_rating, source from latest_scores order by review_id, text"
    return ask(home.published, query)


def misread_export(home: Home) -> None:
    """Read an export by a wrong profile, and mend the profile."""
    copy_scoring_home(home)
    describe(home, WRONG, "shop-a")
    drop(home, "shop-a/2026-04.csv", EXPORT)
    run()
    describe(home, RIGHT, "shop-a")


@pytest.fixture
def misread(empty_home: Home) -> Home:
    """A home with an export that was read by a wrong profile; the profile is mended since."""
    return copy_home(empty_home, "misread", misread_export)


@pytest.fixture
def reread(empty_home: Home) -> Home:
    """The home after a run that read the export again by the mended profile."""

    def fill(home: Home) -> None:
        copy_home(home, "misread", misread_export)
        assert list_said(run(rescan="shop-a"), "unclear") == []

    return copy_home(empty_home, "reread", fill)


READ_WRONG = [(None, "bad plot", 1.0, "shop-a"), (None, "good film", 2.8, "shop-a")]
READ_RIGHT = [("7", "good film", 10.0, "shop-a"), ("8", "bad plot", 1.0, "shop-a")]


@pytest.mark.slow
def test_what_a_mended_profile_reads_again_counts_in_every_answer_in_place_of_the_reading_before(
    reread: Home,
) -> None:
    assert list_latest(reread) == READ_RIGHT
    answers = {
        "select sum(rows_scored) from daily_scores": 2,
        "select sum(rated_reviews) from live_accuracy": 2,
        "select round(avg(mean_given_rating), 1) from live_accuracy": 5.5,
        "select sum(reviews) from movie_ratings": 2,
        "select count(*) from open_quarantine": 1,
    }
    found = {query: float(ask(reread.published, query)[0][0]) for query in answers}
    assert found == answers
    history = "select count(*), count(distinct profile_version), count(superseded_at) from lineage"
    assert ask(reread.published, history) == [(4, 2, 2)]
    prove(reread)


def test_what_was_read_again_is_scored_by_no_later_run_or_rescan(reread: Home) -> None:
    assert run(rescan="shop-a").rows_scored == 0
    summary = run(rescore=True)
    assert (summary.rows_scored, summary.rows_rescored) == (0, 0)


@pytest.mark.slow
def test_a_profile_that_is_changed_back_lets_its_own_reading_count_again_without_scoring(
    reread: Home,
) -> None:
    describe(reread, WRONG, "shop-a")
    summary = run(rescan="shop-a")
    assert (list_latest(reread), summary.rows_scored) == (READ_WRONG, 0)
    prove(reread)


def test_files_that_are_gone_keep_their_reading_and_are_named(misread: Home) -> None:
    before = list_latest(misread)
    (misread.inbox / "shop-a/2026-04.csv").unlink()
    summary = run(rescan="shop-a")
    [skipped] = summary.skipped
    assert (skipped.uri, "shop-a/2026-04.csv" in skipped.reason) == ("1 file", True)
    assert list_latest(misread) == before


def test_of_copies_the_one_under_whose_name_the_file_arrived_is_read_again(misread: Home) -> None:
    arrived = misread.inbox / "shop-a/2026-04.csv"
    (misread.inbox / "shop-a/zz-copy.jsonl").write_bytes(arrived.read_bytes())  # no JSON lines
    run(rescan="shop-a")
    assert list_latest(misread) == READ_RIGHT


@pytest.mark.slow
def test_a_file_that_was_moved_to_the_scored_ones_is_read_again_from_there(misread: Home) -> None:
    folder = misread.scored / "2026-04-02/shop-a"
    folder.mkdir(parents=True)
    (misread.inbox / "shop-a/2026-04.csv").rename(folder / "0123-2026-04.csv")
    run(rescan="shop-a")
    assert list_latest(misread) == READ_RIGHT


@pytest.mark.slow
def test_a_file_that_was_scored_before_it_was_moved_into_a_source_is_of_that_source(
    scoring_home: Home,
) -> None:
    path = drop(scoring_home, "loose.csv", EXPORT.replace("Body", "text"))
    run()
    describe(scoring_home, RIGHT.replace("Body", "text"), "shop-a")
    (scoring_home.inbox / "shop-a").mkdir()
    path.rename(scoring_home.inbox / "shop-a/loose.csv")
    run(rescan="shop-a")
    assert list_latest(scoring_home) == READ_RIGHT
    prove(scoring_home)


@pytest.mark.slow
def test_a_file_that_the_present_profile_refuses_keeps_its_reading(misread: Home) -> None:
    before = list_latest(misread)
    describe(misread, RIGHT + '[file]\ndelimiter = "\\t"\n', "shop-a")
    run(rescan="shop-a")
    assert list_latest(misread) == before
    prove(misread)


@pytest.mark.slow
def test_a_file_that_the_profile_before_refused_is_read_again(scoring_home: Home) -> None:
    describe(scoring_home, RIGHT + '[file]\nencoding = "utf-16"\n', "shop-a")
    drop(scoring_home, "shop-a/2026-04.csv", EXPORT)
    assert run().files_refused == 1
    describe(scoring_home, RIGHT, "shop-a")
    run(rescan="shop-a")
    assert list_latest(scoring_home) == READ_RIGHT
    assert ask(scoring_home.published, "select distinct status from scored_files") == [("scored",)]


def test_a_refused_file_is_scored_by_the_next_run_once_its_source_has_another_profile(
    scoring_home: Home,
) -> None:
    drop(scoring_home, "shop-a/2026-04.csv", EXPORT.replace("Body", "Words"))
    assert (run().rows_scored, run().rows_scored) == (0, 0)
    describe(scoring_home, RIGHT.replace("Body", "Words"), "shop-a")
    assert run().rows_scored == 2


@pytest.mark.slow
def test_a_row_that_was_forgotten_stays_forgotten_when_its_file_is_read_again(misread: Home) -> None:
    [(name,)] = ask(misread.warehouse, "select left(source_sha256, 12) || ':1' from scored_files")
    forget_everywhere(misread, ForgetRequest(name, "row", "ann"), lambda line: None)
    run(rescan="shop-a")
    assert list_latest(misread) == READ_RIGHT[1:]
    prove(misread)


@pytest.mark.process
@pytest.mark.slow
def test_where_a_row_was_forgotten_another_part_with_as_many_rows_is_refused(scoring_home: Home) -> None:
    reviews = [{"No": "1", "Body": "good"}, {"No": "2", "Body": "bad"}]
    drop(scoring_home, "shop-a/lists.json", json.dumps({"new": reviews, "best": reviews[::-1]}))
    profile = '[columns]\ntext = "Body"\nreview_id = "No"\n[file]\njson_path = "{}"\n'
    describe(scoring_home, profile.format("new"), "shop-a")
    run()
    forget_everywhere(scoring_home, ForgetRequest("2", "review", "ann"), lambda line: None)
    describe(scoring_home, profile.format("best"), "shop-a")
    [refused] = list_refused(run(rescan="shop-a"))
    assert refused.startswith("shop-a/lists.json: rows_renumbered: ")
    assert [row[:2] for row in list_latest(scoring_home)] == [("1", "good")]


@pytest.mark.slow
def test_forgetting_deletes_a_review_from_all_readings(reread: Home) -> None:
    said: list[str] = []
    forget_everywhere(reread, ForgetRequest("7", "review", "ann"), said.append)
    assert "Forgot 1 row" in said[0]
    assert ask(reread.warehouse, "select count(*) from source_reviews where text = 'good film'") == [(0,)]
    prove(reread)


@pytest.mark.slow
def test_a_dry_run_names_what_would_be_read_again_of_its_source_and_changes_nothing(misread: Home) -> None:
    drop(misread, "shop-b/a.csv", "review_id,text\nr1,good film\n")
    run()
    before = list_latest(misread)
    [planned] = plan(rescan="shop-a").files
    assert (planned.uri, planned.why, planned.rows) == ("shop-a/2026-04.csv", "other profile", 3)
    assert list_latest(misread) == before


def test_a_source_without_a_profile_is_wrong_usage(scoring_home: Home) -> None:
    describe(scoring_home, RIGHT, "shop-b")
    with pytest.raises(UsageError, match="there is no such profile; there are those of: shop-b"):
        plan(rescan="shop-a")


@pytest.mark.slow
def test_a_source_whose_profile_was_deleted_is_read_again_by_what_its_files_show(reread: Home) -> None:
    (reread.sources / "shop-a.toml").unlink()
    drop(reread, "shop-a/2026-05.csv", "Film,Body\ntt2,a good plot\n")
    run()
    before, summary = list_latest(reread), run(rescan="shop-a")
    assert (len(before), summary.files_scored, summary.skipped) == (3, 1, ())
    texts = ("a good plot", "bad plot", "good film")
    assert list_latest(reread) == [(None, text, None, "shop-a") for text in texts]
    prove(reread)
    describe(reread, RIGHT, "shop-a")
    summary = run(rescan="shop-a")
    assert (summary.counting_again, summary.files_scored) == (("shop-a/2026-04.csv",), 0)
    assert [each.uri for each in summary.skipped] == ["shop-a/2026-05.csv"]


@pytest.mark.slow
def test_a_rescan_says_of_which_columns_it_has_read_fewer_values(reread: Home) -> None:
    without = RIGHT.replace('movie_id = "Film"\n', "").partition("given_rating")[0]
    describe(reread, without, "shop-a")
    movies, ratings = sorted(list_said(run(rescan="shop-a"), "unclear"), reverse=True)
    assert ratings.startswith(
        "given_rating: 2 rows of files that were read again had a value before, and none now"
    )
    assert movies.startswith("movie_id: 2 rows")
