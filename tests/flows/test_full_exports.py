"""Tests of sources whose files replace each other: the answers have the last full export alone."""

import pytest

from data_contracts.storage.home import Home
from tasks.scoring import chunks
from tasks.scoring.run_outcome import REPLACED
from tests.support.scoring_runs import describe, drop, list_refused, prove, run
from tests.support.small_home import ask, copy_home, copy_scoring_home

ADDS = '[columns]\ntext = "Body"\nreview_id = "No"\nmovie_id = "Film"\n'
REPLACES = f'each_file = "replaces"\n{ADDS}'
HEAD = "No,Film,Body\n"
FIRST = f"{HEAD}7,tt1,good film\n8,tt1,bad plot\n"
SECOND = f"{HEAD}8,tt1,bad plot\n9,tt2,a good plot\n"


def list_latest(home: Home) -> list[str]:
    return [each for (each,) in ask(home.published, "select review_id from latest_scores order by 1")]


def send_two(home: Home) -> None:
    copy_scoring_home(home)
    describe(home, REPLACES, "shop")
    for name, content in (("1.csv", FIRST), ("2.csv", SECOND)):
        drop(home, f"shop/{name}", content)
        run()


@pytest.fixture
def exported(empty_home: Home) -> Home:
    """A home of which a source has sent two full exports."""
    return copy_home(empty_home, "two-exports", send_two)


@pytest.mark.slow
def test_the_last_full_export_counts_alone_in_every_answer_though_an_earlier_one_comes_again(
    exported: Home,
) -> None:
    drop(exported, "shop/4.csv", FIRST)
    [said] = run().skipped
    assert (said.uri, said.reason.partition(",")[0]) == ("shop/4.csv", REPLACED.partition(",")[0])
    assert run().skipped == ()
    assert list_latest(exported) == ["8", "9"]
    answers = {
        "select sum(rows_scored) from daily_scores": 2,
        "select sum(reviews) from movie_ratings": 2,
        "select count(*) from lineage": 4,
        "select count(superseded_at) from lineage": 2,
    }
    assert {query: ask(exported.published, query)[0][0] for query in answers} == answers
    prove(exported)


@pytest.mark.slow
def test_a_far_smaller_export_is_refused_until_the_profile_allows_it(exported: Home) -> None:
    path = drop(exported, "shop/3.csv", f"{HEAD}9,tt2,a good plot\n")
    describe(exported, REPLACES + "[limits]\nsmallest_share_of_last = 0.6\n", "shop")
    [refused] = list_refused(run())
    assert refused.startswith("shop/3.csv: export_too_small: it has 1 row, less than 60% of the 2 rows")
    assert list_latest(exported) == ["8", "9"]
    describe(exported, REPLACES + "[limits]\nsmallest_share_of_last = 0.1\n", "shop")
    run(files=[str(path)])
    assert list_latest(exported) == ["9"]


@pytest.mark.slow
def test_the_largest_share_of_bad_rows_of_a_profile_counts_for_its_files_alone(scoring_home: Home) -> None:
    describe(scoring_home, ADDS + "[limits]\nlargest_bad_share = 0.95\n", "shop")
    bad = "".join(f"{number},tt1,!!!\n" for number in range(11))
    drop(scoring_home, "shop/1.csv", FIRST + bad)
    drop(scoring_home, "other/1.csv", FIRST.replace("Body", "text") + bad)
    assert [each.partition(": ")[0] for each in list_refused(run())] == ["other/1.csv"]


@pytest.mark.slow
def test_a_profile_that_is_mended_to_replace_holds_from_the_next_file_or_rescan_on(
    scoring_home: Home,
) -> None:
    describe(scoring_home, ADDS, "shop")
    for name, content in (("1.csv", FIRST), ("2.csv", SECOND)):
        drop(scoring_home, f"shop/{name}", content)
    run()
    describe(scoring_home, REPLACES, "shop")
    run()
    assert list_latest(scoring_home) == ["7", "8", "9"]
    assert run(rescan="shop").files_scored == 1
    assert list_latest(scoring_home) == ["8", "9"]
    prove(scoring_home)


@pytest.mark.slow
def test_a_profile_that_is_mended_to_add_lets_replaced_files_count_again_by_a_rescan(exported: Home) -> None:
    describe(exported, ADDS, "shop")
    run()
    assert list_latest(exported) == ["8", "9"]
    run(rescan="shop")
    assert list_latest(exported) == ["7", "8", "9"]
    prove(exported)
    describe(exported, REPLACES, "shop")
    summary = run(rescan="shop")
    assert (list_latest(exported), summary.rows_scored) == (["8", "9"], 0)
    prove(exported)


def test_a_full_export_out_of_proportion_does_not_come_after_a_later_one(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(scoring_home, REPLACES, "shop")
    monkeypatch.setattr(chunks, "GROUP_BYTES", 20_000)
    monkeypatch.setattr(chunks, "MOST_UNPACKED_RATIO", 0)
    drop(scoring_home, "shop/1.csv", f"{FIRST}7,tt1,{5000 * 'good film '}\n")
    drop(scoring_home, "shop/2.csv", SECOND)
    run()
    assert list_latest(scoring_home) == ["8", "9"]
