"""Tests of `reviews sources rescan`: what a mended profile reads again counts in place of the reading before."""

import json
from typing import Any

import duckdb
import pytest

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from flows.scoring_message import describe_scoring
from tasks.delivery.delivering import ExportRequest, export
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.snapshots.home_backup import back_up_home, restore_home
from tasks.warehouse.row_names import ROW_NAME
from tests.support.scoring_runs import DoneRun, describe, drop, list_refused, plan, prove, run, run_once
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


@pytest.fixture(scope="module")
def rereading(tmp_path_factory: pytest.TempPathFactory) -> DoneRun:
    """The run that read the export again by the mended profile."""
    folder = tmp_path_factory.mktemp("reread")
    return run_once(folder, lambda home: copy_home(home, "misread", misread_export), rescan="shop-a")


@pytest.fixture
def reread(rereading: DoneRun, empty_home: Home) -> Home:
    """The home after that run."""
    return rereading.copy_home(empty_home)


READ_WRONG = [(None, "bad plot", 1.0, "shop-a"), (None, "good film", 2.8, "shop-a")]
READ_RIGHT = [("7", "good film", 10.0, "shop-a"), ("8", "bad plot", 1.0, "shop-a")]


@pytest.mark.slow
def test_what_a_mended_profile_reads_again_counts_in_place_of_the_reading_before(reread: Home) -> None:
    assert list_latest(reread) == READ_RIGHT
    prove(reread)


def test_every_answer_counts_a_file_that_was_read_again_once(reread: Home) -> None:
    answers = {
        "select sum(rows_scored) from daily_scores": 2,
        "select sum(rated_reviews) from live_accuracy": 2,
        "select round(avg(mean_given_rating), 1) from live_accuracy": 5.5,
        "select sum(reviews) from movie_ratings": 2,
        "select count(*) from open_quarantine": 1,
    }
    found = {query: float(ask(reread.published, query)[0][0]) for query in answers}
    assert found == answers


@pytest.mark.slow
def test_a_profile_that_is_changed_back_lets_its_own_reading_count_again_without_scoring(
    reread: Home,
) -> None:
    describe(reread, WRONG, "shop-a")
    summary = run(rescan="shop-a")
    assert (list_latest(reread), summary.rows_scored) == (READ_WRONG, 0)
    said = describe_scoring(summary).splitlines()
    assert said[0].startswith("Read in this way before, and count so again: 1 file;")
    assert said[1] == "  shop-a/2026-04.csv"
    assert "`reviews export --new` brings an export up to date" in said[2]
    prove(reread)


def test_files_that_are_gone_keep_their_reading_and_are_named(misread: Home) -> None:
    before = list_latest(misread)
    (misread.inbox / "shop-a/2026-04.csv").unlink()
    summary = run(rescan="shop-a")
    [skipped] = summary.skipped
    assert (skipped.uri, "shop-a/2026-04.csv" in skipped.reason) == ("1 file", True)
    assert list_latest(misread) == before


@pytest.mark.slow
def test_a_file_that_was_moved_to_the_scored_ones_is_read_again_from_there(misread: Home) -> None:
    folder = misread.scored / "2026-04-02/shop-a"
    folder.mkdir(parents=True)
    (misread.inbox / "shop-a/2026-04.csv").rename(folder / "0123-2026-04.csv")
    run(rescan="shop-a")
    assert list_latest(misread) == READ_RIGHT


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


@pytest.mark.slow
def test_a_row_that_was_forgotten_stays_forgotten_when_its_file_is_read_again(misread: Home) -> None:
    [(name,)] = ask(misread.warehouse, "select left(source_sha256, 12) || ':1' from scored_files")
    forget_everywhere(misread, ForgetRequest(name, "row", "ann"), lambda line: None)
    run(rescan="shop-a")
    assert list_latest(misread) == READ_RIGHT[1:]
    prove(misread)


REVIEWS = [{"No": "1", "Body": "good"}, {"No": "2", "Body": "bad"}]
LISTS = json.dumps({"new": REVIEWS, "best": REVIEWS[::-1]})


def read_list(home: Home, path: str, rescan: str | None = None) -> list[str]:
    """Read the list at this path of the file of a source; return the rules by which it was refused."""
    profile = f'[columns]\ntext = "Body"\nreview_id = "No"\n[file]\njson_path = "{path}"\n'
    describe(home, profile, "shop-a")
    summary = run(rescan=rescan)
    said = [*list_refused(summary), *(f"{each.uri}: {each.reason}" for each in summary.skipped)]
    return [line.split(": ")[1] for line in said]


@pytest.fixture
def listed(scoring_home: Home) -> Home:
    """A home with a file of two lists of the same reviews, of which one was read."""
    drop(scoring_home, "shop-a/lists.json", LISTS)
    assert read_list(scoring_home, "new") == []
    return scoring_home


@pytest.mark.process
@pytest.mark.slow
def test_where_a_row_was_forgotten_another_part_with_as_many_rows_is_refused(listed: Home) -> None:
    forget_everywhere(listed, ForgetRequest("2", "review", "ann"), lambda line: None)
    assert read_list(listed, "best", "shop-a") == ["rows_renumbered"]
    assert [row[:2] for row in list_latest(listed)] == [("1", "good")]


@pytest.mark.process
@pytest.mark.slow
def test_forgetting_deletes_all_of_an_earlier_reading_of_another_part_which_counts_no_more(
    listed: Home,
) -> None:
    assert read_list(listed, "best", "shop-a") == []
    [(name,)] = ask(
        listed.warehouse, f"select {ROW_NAME} from source_reviews where review_id = '2' and row_number = 1"
    )
    forget_everywhere(listed, ForgetRequest(name, "row", "ann"), lambda line: None)
    assert ask(listed.warehouse, "select review_id, row_number from source_reviews") == [("1", 2)]
    assert read_list(listed, "new", "shop-a") == ["rows_renumbered"]


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("way", ["the profile of before", "the file without the row"])
def test_a_file_that_is_refused_after_a_restore_since_a_row_was_forgotten_is_read_in_two_ways(
    scoring_home: Home, way: str
) -> None:
    backup = back_up_home(scoring_home, None, lambda said: None)
    drop(scoring_home, "shop-a/lists.json", LISTS)
    assert read_list(scoring_home, "new") == []
    forget_everywhere(scoring_home, ForgetRequest("2", "review", "ann"), lambda line: None)
    restore_home(scoring_home, backup, lambda said: None)
    assert read_list(scoring_home, "best") == ["rows_renumbered"]
    if way == "the profile of before":
        assert read_list(scoring_home, "new") == []
    else:
        drop(scoring_home, "shop-a/lists.json", json.dumps({"best": REVIEWS[:1]}))
        assert read_list(scoring_home, "best") == []
    assert [row[:2] for row in list_latest(scoring_home)] == [("1", "good")]
    prove(scoring_home)


@pytest.mark.slow
def test_forgetting_deletes_a_review_from_all_readings(reread: Home) -> None:
    said: list[str] = []
    forget_everywhere(reread, ForgetRequest("7", "review", "ann"), said.append)
    assert "Forgot 1 row" in said[0]
    assert ask(reread.warehouse, "select count(*) from source_reviews where text = 'good film'") == [(0,)]
    prove(reread)


@pytest.mark.slow
def test_an_export_of_what_is_new_replaces_the_earlier_reading(misread: Home) -> None:
    export(misread, None, ExportRequest(only_new=True))
    run(rescan="shop-a")
    export(misread, None, ExportRequest(only_new=True))
    query = f"select given_rating from read_parquet('{misread.exports}/*/*.parquet') order by 1"
    assert duckdb.execute(query).fetchall() == [(1.0,), (10.0,)]


def test_a_dry_run_names_what_would_be_read_again_and_changes_nothing(misread: Home) -> None:
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
