"""Tests of sources whose files replace each other: the answers have the last full export alone."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from data_contracts.storage.home import Home
from flows.scoring_message import ScoringSummary, describe_scoring
from tasks.delivery.delivering import EXPORTED, ExportRequest, export
from tasks.explain.history import find_history
from tasks.scoring import chunks
from tasks.scoring.run_outcome import REPLACED
from tests.support.scoring_runs import describe, drop, list_refused, prove, run
from tests.support.small_home import ask, copy_scoring_home

ADDS = '[columns]\ntext = "Body"\nreview_id = "No"\nmovie_id = "Film"\n'
REPLACES = f'each_file = "replaces"\n{ADDS}'
HEAD = "No,Film,Body\n"
FIRST = f"{HEAD}7,tt1,good film\n8,tt1,bad plot\n"
SECOND = f"{HEAD}8,tt1,bad plot\n9,tt2,a good plot\n"


def list_latest(home: Home) -> list[str]:
    return [each for (each,) in ask(home.published, "select review_id from latest_scores order by 1")]


@dataclass(frozen=True)
class Sent:
    """A home of which a source has sent two full exports, then one that is too small and the first one again."""

    home: Home
    exported: Path
    """The folder of the home after the first two."""
    second: ScoringSummary
    """What the run with the second export did."""
    answers: dict[str, Any]
    """What queries said after it."""
    last: ScoringSummary
    next: ScoringSummary
    """What a further run did."""


ANSWERS = {
    "select sum(rows_scored) from daily_scores": 2,
    "select sum(reviews) from movie_ratings": 2,
    "select count(*) from lineage": 4,
    "select count(superseded_at) from lineage": 2,
}


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    folder = tmp_path_factory.mktemp("sent")
    home = copy_scoring_home(Home(folder / "home"))
    describe(home, REPLACES, "shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_HOME", str(home.folder))
        drop(home, "shop/1.csv", FIRST)
        run()
        drop(home, "shop/2.csv", SECOND)
        second = run()
        answers = {query: ask(home.published, query)[0][0] for query in ANSWERS}
        exported = shutil.copytree(home.folder, folder / "exported")
        drop(home, "shop/3.csv", HEAD)
        drop(home, "shop/4.csv", FIRST)
        return Sent(home, exported, second, answers, run(), run())


@pytest.fixture
def exported(sent: Sent, empty_home: Home) -> Home:
    """A home of which a source has sent two full exports."""
    shutil.copytree(sent.exported, empty_home.folder)
    return empty_home


@pytest.mark.slow
def test_a_full_export_counts_alone_in_every_answer_and_the_run_says_so(sent: Sent) -> None:
    assert list_latest(sent.home) == ["8", "9"]
    assert "replaced    1 earlier file of the same source" in describe_scoring(sent.second)
    assert sent.answers == ANSWERS
    prove(sent.home)


@pytest.mark.slow
def test_an_export_of_the_current_scores_has_the_last_full_export_alone(exported: Home) -> None:
    assert export(exported, None, ExportRequest(layout=replace(EXPORTED, rows="current")))[1].rows == 2


@pytest.mark.slow
def test_the_history_of_a_review_names_the_export_that_lacks_it(sent: Sent) -> None:
    [history] = find_history(sent.home.published, "7")
    assert [(row["counts"], row["decided_by"]) for row in history["rows"]] == [(False, "export")]


@pytest.mark.slow
def test_a_far_smaller_export_is_refused_until_the_profile_allows_it(sent: Sent, exported: Home) -> None:
    [refused] = list_refused(sent.last)
    assert refused.startswith(
        "shop/3.csv: export_too_small: it has 0 reviews, less than 50% of the 2 reviews"
    )
    assert list_latest(sent.home) == ["8", "9"]
    path = drop(exported, "shop/3.csv", f"{HEAD}9,tt2,a good plot\n")
    describe(exported, REPLACES + "[limits]\nsmallest_share_of_last = 0.6\n", "shop")
    [refused] = list_refused(run())
    assert "it has 1 review, less than 60% of the 2 reviews" in refused
    describe(exported, REPLACES + "[limits]\nsmallest_share_of_last = 0.1\n", "shop")
    run(files=[str(path)])
    assert list_latest(exported) == ["9"]


@pytest.mark.slow
def test_a_rescan_reads_only_the_export_that_counts(exported: Home) -> None:
    describe(exported, REPLACES + '[dates]\nformat = "iso"\n', "shop")
    assert run(rescan="shop").files_scored == 1
    assert list_latest(exported) == ["8", "9"]
    prove(exported)


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


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a run refused of sources whose profiles have limits, and of one without a profile."""
    home = copy_scoring_home(Home(tmp_path_factory.mktemp("limits") / "home"))
    describe(home, ADDS + "[limits]\nfewest_rows = 3\n", "few")
    describe(home, ADDS + "[limits]\nlargest_bad_share = 0.95\n", "shop")
    bad = "".join(f"{number},tt1,!!!\n" for number in range(11))
    drop(home, "few/1.csv", FIRST)
    drop(home, "shop/1.csv", FIRST + bad)
    drop(home, "other/1.csv", FIRST.replace("Body", "text") + bad)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_HOME", str(home.folder))
        return sorted(list_refused(run()))


@pytest.mark.slow
def test_a_file_with_fewer_rows_than_its_profile_wants_is_refused(refused: list[str]) -> None:
    assert refused[0].startswith("few/1.csv: too_few_rows: it has 2 rows, fewer than 3.")


@pytest.mark.slow
def test_the_largest_share_of_bad_rows_of_a_profile_counts_for_its_files_alone(refused: list[str]) -> None:
    assert [each.partition(": ")[0] for each in refused] == ["few/1.csv", "other/1.csv"]


@pytest.mark.slow
def test_an_export_that_comes_again_after_another_replaced_it_is_named_once(sent: Sent) -> None:
    [said] = sent.last.skipped
    assert (said.uri, said.reason.partition(",")[0]) == ("shop/4.csv", REPLACED.partition(",")[0])
    assert list_latest(sent.home) == ["8", "9"]
    assert sent.next.skipped == ()


@pytest.mark.slow
def test_a_file_that_was_moved_into_the_source_of_a_later_export_counts_no_more_after_a_rescan(
    exported: Home,
) -> None:
    drop(exported, "old.csv", f"{HEAD}5,tt1,good film\n")
    assert run().rows_scored == 1
    drop(exported, "shop/3.csv", f"{SECOND}6,tt2,a bad plot\n")
    run()
    (exported.inbox / "old.csv").rename(exported.inbox / "shop" / "old.csv")
    run()
    run(rescan="shop")
    assert list_latest(exported) == ["6", "8", "9"]
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
