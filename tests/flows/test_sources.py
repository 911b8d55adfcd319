"""Tests that the files of a source are read by its profile, and `reviews sources`."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from data_contracts.errors import UsageError
from data_contracts.sources.profile import parse_profile
from data_contracts.storage.home import Home
from flows.command.cli import main
from tests.support.scoring_runs import describe, drop, list_said, run
from tests.support.small_home import ask

PROFILE = """
ids_hold_across_files = true
movie = "tt7"

[columns]
text = ["Title", "Body"]
review_id = "No"
reviewed_at = "Day"
given_rating = "Points"

[dates]
format = "day-first"

[rating]
lowest = 0
highest = 20

[file]
delimiter = "|"
"""
EXPORT = "No|Title|Body|Day|Points\n7|good|film|03/04/2026|20\n8|bad|plot|04/04/2026|0\n"
"""Two reviews that only a person can read: a scale of 20, days before months, two columns of text."""


def list_rows(home: Home) -> list[tuple[Any, ...]]:
    return ask(
        home.published,
        "select review_id, movie_id, text, given_rating, strftime(reviewed_at, '%Y-%m-%d'), source "
        "from latest_scores order by review_id",
    )


ROWS = [
    ("7", "tt7", "good\n\nfilm", 10.0, "2026-04-03", "shop-a"),
    ("8", "tt7", "bad\n\nplot", 1.0, "2026-04-04", "shop-a"),
]


@pytest.mark.slow
def test_a_wrong_profile_delays_the_files_of_its_source_alone_until_it_is_mended(scoring_home: Home) -> None:
    describe(scoring_home, PROFILE, "shop-a")
    describe(scoring_home, "[columns]\ntitel = 'a'\n", "wrong")
    drop(scoring_home, "shop-a/2026-04.csv", EXPORT)
    drop(scoring_home, "wrong/2026-04.csv", EXPORT.replace("\n7|", "\n17|").replace("\n8|", "\n18|"))
    [skipped] = run().skipped
    assert skipped.uri == "wrong/2026-04.csv"
    assert "wrong.toml: line 2: columns.titel is not a key of a profile" in skipped.reason
    assert list_rows(scoring_home) == ROWS
    query = "select distinct source, profile_version is null from {}"
    for table in ("scored_files", "lineage"):
        assert ask(scoring_home.published, query.format(table)) == [("shop-a", False)]
    describe(scoring_home, PROFILE, "wrong")
    run()
    mended = [(f"1{number}", *values, "wrong") for number, *values, _ in ROWS]
    assert list_rows(scoring_home) == [*mended, *ROWS]


@pytest.mark.slow
def test_a_named_file_is_read_by_the_profile_that_is_named(scoring_home: Home, tmp_path: Path) -> None:
    describe(scoring_home, PROFILE, "shop-a")
    path = tmp_path / "backfill.csv"
    path.write_text(EXPORT)
    run(files=[str(path)], source="shop-a")
    assert list_rows(scoring_home) == ROWS


def test_a_file_without_a_column_of_its_profile_waits_until_one_of_them_is_mended(scoring_home: Home) -> None:
    describe(scoring_home, PROFILE, "shop-a")
    drop(scoring_home, "shop-a/no-text.csv", "No|Text\n1|good film\n")
    drop(scoring_home, "shop-a/no-rating.csv", "No|Title|Body|Day\n1|good film\n")
    skipped = run().skipped
    assert [each.uri for each in skipped] == ["shop-a/no-rating.csv", "shop-a/no-text.csv"]
    for each in skipped:
        assert "The profile of the file's source names that column" in each.reason


@pytest.mark.slow
def test_review_ids_that_another_source_gave_to_other_texts_are_named(scoring_home: Home) -> None:
    drop(scoring_home, "left/a.csv", "review_id,movie_id,text\n1,tt1,good film\n2,tt1,bad plot\n")
    run()
    drop(scoring_home, "right/b.csv", "review_id,movie_id,text\n1,tt1,bad film\n2,tt1,bad plot\n")
    [collision] = list_said(run(), "unclear")
    assert collision.startswith(
        "right/b.csv: 1 review id of the source left too, for other texts on the same movie"
    )
    assert "Next: ids_hold_across_files = false" in collision


@pytest.mark.slow
def test_a_run_tells_of_each_source_how_often_its_labels_agree_with_the_scores(scoring_home: Home) -> None:
    drop(scoring_home, "rated-a/a.csv", "text,label,rating\ngood film,pos,8/10\nbad plot,neg,2/10\nfilm,,\n")
    drop(scoring_home, "rated-b/b.csv", "text,rating\ngood plot,6/10\n")
    rated_a, rated_b = run().accuracy
    assert re.match(
        r"rated-a: (0|50|100)\.0% of 2 reviews .* are called right; .* off on average, of 2 given", rated_a
    )
    assert re.match(r"rated-b: .* off on average, of 1 given", rated_b)


def test_a_source_without_a_profile_can_not_be_chosen(scoring_home: Home, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(EXPORT)
    with pytest.raises(UsageError, match=r"shop-z\.toml: there is no such profile"):
        run(files=[str(path)], source="shop-z")


def call(home: Home, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["--home", str(home.folder), "sources", *arguments])
    return done.exit_code, done.output


def test_a_check_shows_how_a_file_is_read(scoring_home: Home, tmp_path: Path) -> None:
    describe(scoring_home, PROFILE, "shop-a")
    path = tmp_path / "a.csv"
    path.write_text(EXPORT + "9|so|so|never|15\n")
    status, said = call(scoring_home, "check", "shop-a", str(path))
    assert status == 0, said
    assert "2026-04-03" in said
    assert "seem" not in said
    assert "reviewed_at    in 2 of 3 rows, 1 can't be read and is kept as found: never" in said


@pytest.mark.parametrize("rows_unread", [10, 30])
def test_a_check_says_that_a_run_would_refuse_the_file_for_values_that_the_profile_quarantines(
    scoring_home: Home, tmp_path: Path, rows_unread: int
) -> None:
    described = '[columns]\ntext = "text"\nreviewed_at = "Day"\n[severity]\ndates = "quarantine"\n'
    describe(scoring_home, described, "shop-a")
    path = tmp_path / "a.csv"
    path.write_text("text,Day\n,never\n" + "good film,never\n" * (rows_unread - 1) + "bad plot,2026-03-27\n")
    said = call(scoring_home, "check", "shop-a", str(path))[1]
    assert f"{rows_unread - 1} rows would be quarantined: date_not_read" in said
    refused = "would refuse the file: 30 of 31 rows are bad (date_not_read 29, text_blank 1). Next: "
    assert (refused in said) is (rows_unread == 30)


CRM = "comment,testimonial\n" + "".join(
    f"we called them on a Monday at {number},I liked this film a great deal and saw it {number} times\n"
    for number in range(6)
)
"""A file with two columns that may be the text."""


@pytest.mark.parametrize(("typed", "text"), [("\ny\n", ("testimonial",)), ("2\ny\n", ("comment",))])
def test_in_a_terminal_what_is_open_is_asked_and_enter_takes_the_likely_answer(
    scoring_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, text: tuple[str, ...]
) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda stream: True, raising=False)
    path = tmp_path / "crm.csv"
    path.write_text(CRM)
    arguments = ["--home", str(scoring_home.folder), "sources", "init", "crm", str(path)]
    done = CliRunner().invoke(main, arguments, input=typed)
    assert done.exit_code == 0, done.output
    assert parse_profile(scoring_home.sources / "crm.toml").columns.text == text


def test_init_and_check_read_an_object_of_a_store(scoring_home: Home, tmp_path: Path) -> None:
    (tmp_path / "shop-a.csv").write_text("Product,Review\ntt1,A fine film\n", "utf-8")
    uri = f"file://{tmp_path}/shop-a.csv"
    assert "A fine film" in call(scoring_home, "init", "shop-a", uri, "--yes")[1]
    assert "shop-a.csv: 1 row; the first 1" in call(scoring_home, "check", "shop-a", uri)[1]
    assert not any(path.is_file() for path in scoring_home.uploads.rglob("shop-a.csv"))


def test_without_a_terminal_a_proposal_is_written_with_yes_alone(scoring_home: Home, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text\ngood film\n")
    arguments = ["--home", str(scoring_home.folder), "sources", "init", "shop-a", str(path)]
    done = CliRunner().invoke(main, arguments, input="y\n")
    assert done.exit_code == 2
    assert "--yes" in done.output
    assert list(scoring_home.sources.glob("*")) == []


@pytest.mark.slow
def test_a_proposal_whose_text_the_user_names_is_written_and_read(scoring_home: Home, tmp_path: Path) -> None:
    path = tmp_path / "antworten.csv"
    path.write_text("Nummer,Titel,Meinung\n1,gut,good film\n")
    status, said = call(scoring_home, "init", "umfrage", str(path), "--yes")
    assert status == 2
    assert (
        f"Next: name the text: reviews --home {scoring_home.folder} sources init umfrage {path} --text COLUMN"
        in said
    )
    status, said = call(
        scoring_home, "init", "umfrage", str(path), "--yes", "--text", "Titel", "--text", "Meinung"
    )
    assert status == 0, said
    drop(scoring_home, "umfrage/antworten.csv", path.read_text())
    run()
    assert ask(scoring_home.published, "select text, source from latest_scores") == [
        ("gut\n\ngood film", "umfrage")
    ]


@pytest.mark.process
def test_a_proposal_keeps_the_array_that_the_user_names(scoring_home: Home, tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    rows = [{"text": "A good film", "rating": 4}]
    path.write_text(json.dumps({"old": rows, "new": [{**rows[0], "text": "A bad film"}]}))
    status, said = call(scoring_home, "init", "shop-a", str(path), "--yes", "--json-path", "new")
    assert (status, "A bad film" in said) == (0, True), said
    assert "A bad film" in call(scoring_home, "check", "shop-a", str(path))[1]


def test_the_list_has_folders_profiles_and_what_is_wrong_with_them(scoring_home: Home) -> None:
    describe(scoring_home, PROFILE, "shop-a")
    describe(scoring_home, "[columns]\n", "shop-b")
    drop(scoring_home, "shop-c/a.csv", "text\ngood film\n")
    status, said = call(scoring_home, "list")
    lines = dict(line.split(maxsplit=1) for line in said.splitlines())
    assert status == 0
    assert lines.keys() == {"default", "shop-a", "shop-b", "shop-c"}
    assert lines["shop-a"].startswith("profile ")
    assert "columns.text is missing" in lines["shop-b"]
    assert lines["shop-c"].startswith("no profile")


@pytest.mark.parametrize("name", ["../escape", "a/b", ".hidden", ""])
def test_what_is_no_name_of_a_source_is_wrong_usage(scoring_home: Home, name: str) -> None:
    status, said = call(scoring_home, "show", name)
    assert status == 2, said
    assert "is no name of a source" in said
