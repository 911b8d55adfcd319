"""Tests of what one run of `score-reviews` refuses, calls unclear and keeps of many files, each in its own source."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from data_contracts.storage.home import Home
from flows.command.cli import main
from tests.support.scoring_runs import DoneRun, describe, drop, list_said, run_once
from tests.support.small_home import ask, copy_scoring_home

pytestmark = pytest.mark.slow

TURNED = [f"good film {n},{n % 2},{(9, 2)[n % 2]}/10" for n in range(8)]
"""Rows whose labels contradict their ratings."""
GERMAN = "review_id,text\n{0}1,good film\n{0}2,Der Film ist zu lang und nicht gut\n{0}3,bad plot\n"
UNREAD = "text,Day\n{0} film,2026-04-03\n{0} plot,soon\n"
UNREAD_DATE = (
    "warn/a.csv: 1 date, in no form that can be read, in the future or a placeholder: kept in `extra`"
)
REFUSED_DATE = "refuse/a.csv: values_not_read: row 2 has a date that can't be read, 'soon'."
FATES: dict[str, tuple[int, int, list[str], list[str]]] = {
    "warn": (2, 0, [UNREAD_DATE], []),
    "accept": (2, 0, [], []),
    "quarantine": (1, 1, [], []),
    "refuse": (0, 0, [], [REFUSED_DATE]),
}
"""By the severity that a source gives to dates: rows scored and quarantined, what is unclear, and what was refused."""
_STRICT = 'other_languages = "quarantine"\n[columns]\ntext = "text"\nreview_id = "review_id"\n'
_DATED = '[columns]\ntext = "text"\nreviewed_at = "Day"\n[severity]\ndates = "{}"\n'
PROFILES = {
    "strict": _STRICT,
    "german": _STRICT,
    "babel": _STRICT.replace("quarantine", "accept"),
    **{each: _DATED.format(each) for each in FATES},
}


def list_rows(*rows: str) -> str:
    return "\n".join(rows) + "\n"


FILES: dict[str, str | bytes] = {
    "rules/a.csv": "text\n" + "good,bad\n" * 12 + "good\n" * 20 + "...\n" * 3,
    "share/a.csv": "text\n" + "good\n" * 20 + "...\n" * 11,
    "gaps/shop.csv": list_rows("rating,review", *["9,"] * 30, "8,good film"),
    "shop.csv": list_rows("id,rating,review", *(f"{number},5,good film {number}" for number in range(24))),
    "turned/turned.csv": list_rows("text,label,rating", *TURNED),
    "turned/right.csv": list_rows("text,label,rating", *(row[:-4] + "5/10" for row in TURNED)),
    "alike/alike.csv": list_rows("text,by", *(f"good film,{n}" for n in range(6))),
    "alike/ids.csv": list_rows("text,review_id", *(f"good film,r{n}" for n in range(6))),
    "alike/movies.csv": list_rows("text,movie_id", *(f"good film,tt{n}" for n in range(6))),
    "settled/a.csv": "date,rating (1-10),review\n2026-11-01,8,good film\n2026-11-02,2,bad plot\n",
    "empty/empty.csv": "review,date\n",
    "empty/blank.jsonl": "\n\n",
    "unknown/swapped.csv": "movie,review\ntt1,12\ntt1,13\n",
    "bonjour/a.csv": GERMAN.format("b"),
    "strict/a.csv": GERMAN.format("s"),
    "babel/a.csv": GERMAN.format("a"),
    "german/a.csv": list_rows(
        "review_id,text", *(f"g{number},Der Film ist nicht gut" for number in range(30))
    ),
    **{f"{severity}/a.csv": UNREAD.format(f"good {severity}") for severity in FATES},
}


def ask_of(scored: DoneRun, uri: str, query: str) -> list[tuple[Any, ...]]:
    """Query the published copy about a file, which `{}` stands for."""
    is_file = f"source_sha256 = (select source_sha256 from scored_files where uri = '{uri}')"
    return ask(scored.home.published, query.format(is_file))


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> DoneRun:
    """A run that has read all files."""

    def fill(home: Home) -> None:
        copy_scoring_home(home)
        for source, profile in PROFILES.items():
            describe(home, profile, source)
        for name, content in FILES.items():
            drop(home, name, content)

    return run_once(tmp_path_factory.mktemp("said"), fill)


def test_a_refusal_for_bad_rows_counts_them_by_rule_and_says_what_to_do(scored: DoneRun) -> None:
    [said] = scored.list_refused("rules/")
    assert "15 of 35 rows are bad (row_shape 12, text_no_words 3). The first is row 1 (row_shape): " in said
    assert "where the header has 1. Too large a share of the rows is bad; look at their rules" in said


def test_too_large_a_share_of_bad_rows_refuses_the_file(scored: DoneRun) -> None:
    [said] = scored.list_refused("share/")
    assert "too_many_bad_rows: 11 of 31 rows are bad (text_no_words 11). The first is row 21 (text_n" in said
    assert ask_of(scored, "share/a.csv", "select count(*) from quarantined_rows where {}") == [(0,)]


def test_a_file_of_many_ratings_without_a_text_is_scored_where_there_is_one(scored: DoneRun) -> None:
    assert scored.list_refused("gaps/") == []
    kept = [
        ask_of(scored, "gaps/shop.csv", f"select count(*) from {table} where {{}}")
        for table in ("scored_reviews", "quarantined_rows")
    ]
    assert kept == [[(1,)], [(30,)]]


def test_columns_that_are_not_used_are_named_with_their_values_and_the_command_that_says_what_they_are(
    scored: DoneRun,
) -> None:
    [said] = scored.list_unclear("shop.csv")
    path: Path = scored.home.inbox / "shop.csv"
    assert said.startswith("shop.csv: not used: 'id' (0, 1, 2), 'rating' (5). Next: ")
    assert f"`reviews sources init default {path}`" in said
    query = "select severity, success from contract_results where rule = 'columns_used' and {}"
    assert ask_of(scored, "shop.csv", query) == [("warning", False)]
    query = "select distinct given_rating from source_reviews where {}"
    assert ask_of(scored, "shop.csv", query) == [(None,)]


def test_labels_that_contradict_the_ratings_of_their_rows_are_said(scored: DoneRun) -> None:
    [said] = scored.list_unclear("turned/")
    assert said.startswith("turned/turned.csv: 8 of 8 labels contradict the rating of their row")


def test_equal_texts_without_ids_are_said_since_they_count_once(scored: DoneRun) -> None:
    said = [each for each in scored.list_unclear("alike/") if "repeat the text" in each]
    assert [each.partition(" without")[0] for each in said] == ["alike/alike.csv: 5 rows"]


def test_a_file_of_which_every_column_is_used_is_nothing_to_look_at(scored: DoneRun) -> None:
    assert scored.list_unclear("settled/") == []
    query = "select rule, success from contract_results where boundary = 'readings' and {}"
    assert ask_of(scored, "settled/a.csv", query) == [("columns_used", True)]


def test_a_file_without_rows_is_named(scored: DoneRun) -> None:
    names = ["empty/blank.jsonl", "empty/empty.csv"]
    said = scored.list_unclear("empty/")
    assert [each.partition(". Next: ")[0] for each in said] == [f"{name}: it has no rows" for name in names]
    statuses = [ask_of(scored, name, "select status from scored_files where {}") for name in names]
    assert statuses == [[("scored",)], [("scored",)]]


def test_a_file_of_which_no_row_was_scored_is_named_with_the_rule(scored: DoneRun) -> None:
    [unclear] = scored.list_unclear("unknown/")
    assert unclear.startswith(
        "unknown/swapped.csv: none of its 2 rows was scored, most by the rule text_no_known_word."
    )


def list_counting(home: Home, source: str) -> list[tuple[Any, ...]]:
    query = (
        "select review_id, in_english, counts, best_score is not null from scored_reviews join source_reviews "
        "using (source_sha256, row_number) where file_source = '{}' order by review_id"
    )
    return ask(home.published, query.format(source))


def test_rows_in_another_language_are_scored_but_do_not_count_and_a_run_says_so(scored: DoneRun) -> None:
    [said] = list_said(scored.summary, "language")
    assert said.startswith("bonjour/a.csv: 1 row not in English, so in no rating or share. Next: ")
    yes, no = (True, True, True), (False, False, False)
    assert list_counting(scored.home, "bonjour") == [("b1", *yes), ("b2", *no), ("b3", *yes)]
    query = "select source, observed, success from contract_results where rule = 'not_english' and {}"
    assert ask_of(scored, "bonjour/a.csv", query) == [("bonjour", "1 of 3 rows are not in English", False)]


def test_rows_in_another_language_count_where_the_profile_of_their_source_accepts_them(
    scored: DoneRun,
) -> None:
    assert list_counting(scored.home, "babel")[1] == ("a2", False, True, True)


def test_a_source_can_quarantine_rows_in_another_language_which_refuses_no_file(scored: DoneRun) -> None:
    query = "select row_number, rule from quarantined_rows where {}"
    assert ask_of(scored, "strict/a.csv", query) == [(2, "not_english")]
    assert [row[0] for row in list_counting(scored.home, "strict")] == ["s1", "s3"]
    assert scored.list_refused("german/") == []
    assert len(ask_of(scored, "german/a.csv", query)) == 30


@pytest.mark.parametrize("severity", FATES)
def test_a_source_says_what_becomes_of_values_that_can_not_be_read(scored: DoneRun, severity: str) -> None:
    rows, quarantined, unclear, refused = FATES[severity]
    uri = f"{severity}/a.csv"
    assert ask_of(scored, uri, "select count(*) from scored_reviews where {}") == [(rows,)]
    assert [said.partition(". Next: ")[0] for said in scored.list_unclear(uri)] == unclear
    assert [said.partition(" By ")[0] for said in scored.list_refused(uri)] == refused
    details = ask_of(scored, uri, "select detail from quarantined_rows where {}")
    assert [detail.startswith("'soon': The date can't be read") for (detail,) in details] == [
        True
    ] * quarantined


def release(scored: DoneRun, folder: Path, rule: str) -> Home:
    """Release the rows that broke a rule, in a copy of the home."""
    home = scored.copy_home(Home(folder))
    done = CliRunner().invoke(main, ["--home", str(home.folder), "quarantine", "release", "--rule", rule])
    assert done.exit_code == 0, done.output
    return home


def test_rows_in_another_language_count_when_they_are_released(scored: DoneRun, tmp_path: Path) -> None:
    home = release(scored, tmp_path / "home", "not_english")
    assert list_counting(home, "strict")[1] == ("s2", False, True, True)


def test_rows_with_a_date_that_can_not_be_read_are_scored_when_they_are_released(
    scored: DoneRun, tmp_path: Path
) -> None:
    home = release(scored, tmp_path / "home", "date_not_read")
    query = "select count(*) from latest_scores where source = 'quarantine'"
    assert ask(home.published, query) == [(2,)]
