"""Tests of `reviews sources rescan`: what a mended profile reads again counts in place of the reading before."""

import json
from typing import Any

import duckdb
import pytest

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from flows.scoring_message import describe_plan, describe_scoring
from tasks.delivery.delivering import ExportRequest, export
from tasks.explain.history import find_history
from tasks.maintenance.forgetting import ForgetRequest, find_forgettable
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.queries.named_queries import embed_query
from tasks.scoring.plan import EARLIER_READING, PlannedFile, ScoringPlan
from tasks.snapshots.home_backup import back_up_home, restore_home
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.row_names import ROW_NAME
from tests.support.scoring_runs import (
    DoneRun,
    describe,
    drop,
    list_refused,
    list_said,
    plan,
    prove,
    run,
    run_once,
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


def test_the_reading_before_stays_in_the_history_with_the_version_of_its_profile(reread: Home) -> None:
    query = "select count(*), count(distinct profile_version), count(superseded_at) from lineage"
    assert ask(reread.published, query) == [(4, 2, 2)]


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


def test_a_rescan_lets_rows_in_another_language_count_if_the_profile_accepts_them_since(
    empty_home: Home,
) -> None:
    copy_scoring_home(empty_home)
    drop(empty_home, "shop-a/a.csv", "review_id,text\n1,good film\n2,Der Film ist zu lang und nicht gut\n")
    run()
    before = [name for name, *_ in list_latest(empty_home)]
    describe(
        empty_home,
        'other_languages = "accept"\n[columns]\ntext = "text"\nreview_id = "review_id"\n',
        "shop-a",
    )
    run(rescan="shop-a")
    assert (before, [name for name, *_ in list_latest(empty_home)]) == (["1"], ["1", "2"])
    prove(empty_home)


def test_a_second_rescan_scores_nothing(reread: Home) -> None:
    assert run(rescan="shop-a").rows_scored == 0


def test_a_later_run_does_not_score_a_file_that_was_read_again(reread: Home) -> None:
    summary = run(rescore=True)
    assert (summary.rows_scored, summary.rows_rescored) == (0, 0)


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


@pytest.fixture(scope="module")
def without_refused(tmp_path_factory: pytest.TempPathFactory) -> DoneRun:
    """A run that read the export again after two files of its source were refused, one corrected and one deleted."""

    def fill(home: Home) -> None:
        copy_home(home, "misread", misread_export)
        for name in ("corrected.csv", "deleted.csv"):
            drop(home, f"shop-a/{name}", "No,Film,Body,Points\n" + f"1,{name}, ,0\n" * 12)
        assert run().files_refused == 2
        drop(home, "shop-a/corrected.csv", EXPORT.replace("film", "plot"))
        (home.inbox / "shop-a/deleted.csv").unlink()
        run()

    return run_once(tmp_path_factory.mktemp("refused"), fill, rescan="shop-a")


@pytest.mark.slow
def test_refused_files_that_were_corrected_or_deleted_are_not_named_since_they_have_no_reading(
    without_refused: DoneRun,
) -> None:
    assert without_refused.summary.skipped == ()


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
def test_files_of_other_sources_are_not_read_again(misread: Home) -> None:
    drop(misread, "shop-b/a.csv", "review_id,text\nr1,good film\n")
    run()
    assert [file.uri for file in plan(rescan="shop-a").files] == ["shop-a/2026-04.csv"]


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
def test_a_refused_file_that_the_present_profile_can_not_read_is_said_to_stay_refused(
    scoring_home: Home,
) -> None:
    describe(scoring_home, RIGHT + '[file]\nencoding = "utf-16"\n', "shop-a")
    drop(scoring_home, "shop-a/2026-04.csv", EXPORT)
    run()
    describe(scoring_home, RIGHT.replace('review_id = "No"', 'review_id = "Nr"'), "shop-a")
    [planned] = plan(rescan="shop-a").files
    assert str(planned.trouble).startswith("would stay refused: profile_column_missing")
    [skipped] = run(rescan="shop-a").skipped
    assert "It stays refused until `reviews score FILE`, or a rescan of its source" in skipped.reason
    [skipped] = run(files=["shop-a/2026-04.csv"]).skipped
    assert "It waits for the next run" in skipped.reason


def test_a_refused_file_is_scored_by_the_next_run_once_its_source_has_another_profile(
    scoring_home: Home,
) -> None:
    drop(scoring_home, "shop-a/2026-04.csv", EXPORT.replace("Body", "Words"))
    assert (run().rows_scored, run().rows_scored) == (0, 0)
    describe(scoring_home, RIGHT.replace("Body", "Words"), "shop-a")
    assert run().rows_scored == 2


@pytest.mark.slow
def test_a_row_whose_rating_only_the_profile_before_could_not_read_has_it_after_a_rescan_as_advised(
    scoring_home: Home,
) -> None:
    short_scale = RIGHT.replace("highest = 20", "highest = 10")
    describe(scoring_home, short_scale + '[severity]\nratings = "quarantine"\n', "shop-a")
    drop(scoring_home, "shop-a/2026-04.csv", EXPORT)
    run()
    query = "select rule, detail from quarantined_rows where row_number = 1"
    [(rule, detail)] = ask(scoring_home.published, query)
    assert rule == "rating_not_read"
    assert "correct the profile, then `reviews sources rescan NAME`, or the file" in detail
    assert detail.endswith("a row that is released has no rating.")
    describe(scoring_home, RIGHT, "shop-a")
    run(rescan="shop-a")
    assert list_latest(scoring_home) == READ_RIGHT


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
def test_a_movie_that_only_an_earlier_reading_named_makes_no_second_review_of_an_id(reread: Home) -> None:
    earlier = "(SELECT source_sha256 FROM scored_files WHERE superseded_at IS NOT NULL)"
    with open_warehouse(reread.warehouse, write=True) as connection:
        moved = f"UPDATE source_reviews SET movie_id = 'tt9' WHERE source_sha256 IN {earlier}"
        assert connection.execute(moved).fetchall() != [(0,)]
    assert find_forgettable(reread.warehouse, "7", None).kind == "review"


@pytest.mark.slow
def test_an_export_of_what_is_new_replaces_the_earlier_reading(misread: Home) -> None:
    export(misread, None, ExportRequest(only_new=True))
    run(rescan="shop-a")
    export(misread, None, ExportRequest(only_new=True))
    query = f"select given_rating from read_parquet('{misread.exports}/*/*.parquet') order by 1"
    assert duckdb.execute(query).fetchall() == [(1.0,), (10.0,)]


@pytest.mark.slow
def test_the_history_of_a_review_names_the_reading_that_no_longer_counts(reread: Home) -> None:
    describe(reread, RIGHT.replace("highest = 20", "highest = 40"), "shop-a")
    run(rescan="shop-a")
    [history] = find_history(reread.published, "7")
    decided = {(row["counts"], row["decided_by"], row["given_rating"]) for row in history["rows"]}
    assert decided == {(False, "reading", 10.0), (True, "only_reading", 5.5)}


def test_a_dry_run_names_what_would_be_read_again_and_changes_nothing(misread: Home) -> None:
    before = list_latest(misread)
    [planned] = plan(rescan="shop-a").files
    assert (planned.uri, planned.why, planned.rows) == ("shop-a/2026-04.csv", "other profile", 3)
    assert list_latest(misread) == before


@pytest.mark.slow
def test_a_file_that_lacks_a_column_now_is_said_to_keep_its_reading(misread: Home) -> None:
    describe(misread, RIGHT.replace('review_id = "No"', 'review_id = "Nr"'), "shop-a")
    [planned] = plan(rescan="shop-a").files
    assert str(planned.trouble).startswith("would keep its reading: profile_column_missing")
    [skipped] = run(rescan="shop-a").skipped
    assert skipped.reason.endswith("It keeps the reading that it has.")


def test_a_dry_run_of_readings_that_count_again_says_that_nothing_is_scored() -> None:
    files = (PlannedFile("shop-a/a.csv", EARLIER_READING, 3),)
    said = describe_plan(ScoringPlan("inbox", 1, "model", files, ()))
    assert said.startswith("Would score nothing, but let earlier readings count again; nothing was changed.")


def test_a_source_without_a_profile_is_wrong_usage(scoring_home: Home) -> None:
    describe(scoring_home, RIGHT, "shop-b")
    with pytest.raises(UsageError, match="there is no such profile; there are those of: shop-b"):
        plan(rescan="shop-a")


def test_files_can_not_be_named_in_a_rescan(misread: Home) -> None:
    with pytest.raises(UsageError, match="leave out files"):
        run(rescan="shop-a", files=[str(misread.inbox / "shop-a/2026-04.csv")])


@pytest.mark.slow
def test_sources_name_no_profile_after_it_was_deleted_and_the_files_were_read_again(
    without_refused: DoneRun, empty_home: Home
) -> None:
    home = without_refused.copy_home(empty_home)
    query = f"select last_profile is null from {embed_query('sources')} where source = 'shop-a'"
    assert ask(home.published, query) == [(False,)]
    (home.sources / "shop-a.toml").unlink()
    run(rescan="shop-a")
    assert ask(home.published, query) == [(True,)]


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


@pytest.mark.slow
def test_a_rescan_that_reads_more_says_nothing(rereading: DoneRun) -> None:
    assert list_said(rereading.summary, "unclear") == []
