"""Tests that the files of a source are read by its profile, and `reviews sources`."""

import json
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from data_contracts.errors import UsageError
from data_contracts.expectations import CheckResult
from data_contracts.sources.profile import parse_profile
from data_contracts.storage.home import Home
from flows import score_reviews as flow
from flows.command.cli import main
from tasks.sources.accepted_findings import accept_findings
from tasks.sources.accuracy import describe_agreement, measure_agreement
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support.scoring_runs import DoneRun, drop, plan, run, run_once
from tests.support.small_home import ask, copy_scoring_home

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


def describe(home: Home, source: str, profile: str = PROFILE) -> None:
    """Write the profile of a source."""
    home.sources.mkdir(exist_ok=True)
    (home.sources / f"{source}.toml").write_text(profile, "utf-8")


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


WRONG_PROFILE = "[columns]\ntitel = 'a'\n"
SHARED_IDS = '[columns]\ntext = "text"\nreview_id = "review_id"\n[severity]\nshared_ids = "{}"\n'


def fill_home(home: Home) -> None:
    """Make a home with files of many sources."""
    copy_scoring_home(home)
    for source, profile in (("shop-a", PROFILE), ("wrong", WRONG_PROFILE), ("lacking", PROFILE)):
        describe(home, source, profile)
    drop(home, "shop-a/2026-04.csv", EXPORT)
    drop(home, "wrong/2026-04.csv", EXPORT.replace("\n7|", "\n17|").replace("\n8|", "\n18|"))
    drop(home, "lacking/no-text.csv", "No|Text\n1|good film\n")
    drop(home, "lacking/no-rating.csv", "No|Title|Body|Day\n1|good film\n")
    drop(home, "loose.csv", "text\ngood film\n")
    drop(home, "left/a.csv", "review_id,movie_id,text\n1,tt1,good film\n2,tt1,bad plot\n3,tt2,good plot\n")
    drop(home, "again/a.csv", "review_id,movie_id,text\n21,tt1,good film\n")
    drop(
        home,
        "several.csv",
        "review_id,movie_id,text\n4,tt3,good\n4,tt3,bad\n4,tt4,fine\n5,tt3,long\n5,tt3,long\n",
    )
    drop(home, "shop-b/b.csv", "review_id,text\n31,bad plot\n")
    drop(home, "rated-a/a.csv", "text,label,rating\ngood film,pos,8/10\nbad plot,neg,2/10\nfilm,,\n")
    drop(home, "rated-b/b.csv", "text,rating\ngood plot,6/10\n")


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> DoneRun:
    """A run of files of many sources."""
    return run_once(tmp_path_factory.mktemp("first"), fill_home)


@pytest.fixture(scope="module")
def later_run(first_run: DoneRun, tmp_path_factory: pytest.TempPathFactory) -> DoneRun:
    """A later run, of further files, after a profile was mended."""

    def fill(home: Home) -> None:
        first_run.copy_home(home)
        for source, profile in (
            ("wrong", PROFILE),
            *((name, SHARED_IDS.format(name)) for name in ("warn", "accept")),
        ):
            describe(home, source, profile)
        drop(
            home, "right/b.csv", "review_id,movie_id,text\n1,tt1,bad film\n2,tt1,bad plot\n3,tt1,a bad plot\n"
        )
        drop(home, "again/c.csv", "review_id,movie_id,text\n21,tt1,a good film\n")
        drop(home, "warn/a.csv", "review_id,text\n31,good film\n")
        drop(home, "accept/a.csv", "review_id,text\n31,good plot\n")
        drop(home, "rated-a/b.csv", "text,label\na long good plot,pos\nbad dull film,neg\nfilm,pos\n")

    return run_once(tmp_path_factory.mktemp("later"), fill)


@pytest.mark.slow
def test_a_file_in_a_sources_folder_is_read_by_its_profile(first_run: DoneRun) -> None:
    assert [row for row in list_rows(first_run.home) if row[-1] == "shop-a"] == ROWS


@pytest.mark.slow
def test_the_ledger_and_the_lineage_name_the_source_and_the_version_of_its_profile(
    first_run: DoneRun,
) -> None:
    named = "source in ('default', 'shop-a')"
    query = f"select distinct source, profile_version is null from {{}} where {named} order by source"
    for table in ("scored_files", "lineage"):
        assert ask(first_run.home.published, query.format(table)) == [("default", True), ("shop-a", False)]


@pytest.mark.slow
def test_a_named_file_is_read_by_the_profile_that_is_named(scoring_home: Home, tmp_path: Path) -> None:
    describe(scoring_home, "shop-a")
    path = tmp_path / "backfill.csv"
    path.write_text(EXPORT)
    run(files=[str(path)], source="shop-a")
    assert list_rows(scoring_home) == ROWS


@pytest.mark.slow
def test_a_wrong_profile_delays_its_own_files_alone(first_run: DoneRun) -> None:
    sources = {row[-1] for row in list_rows(first_run.home)}
    assert {"shop-a", "shop-b", "default"} <= sources
    assert "wrong" not in sources
    [skipped] = [each for each in first_run.summary.skipped if each.uri == "wrong/2026-04.csv"]
    assert "wrong.toml: line 2: columns.titel is not a key of a profile" in skipped.reason


@pytest.mark.slow
def test_the_status_names_files_that_the_last_run_left_unread(first_run: DoneRun) -> None:
    said = CliRunner().invoke(main, ["--home", str(first_run.home.folder), "status"]).output
    lines = [line for line in said.splitlines() if line.startswith("  skipped")]
    assert any("wrong/2026-04.csv" in line for line in lines)


@pytest.mark.slow
def test_a_file_that_waits_is_in_the_name_the_message_and_the_log_of_its_run(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: dict[str, str] = {}
    monkeypatch.setattr(flow, "name_run", partial(said.__setitem__, "name"))
    monkeypatch.setattr(flow, "end_completed", lambda message, result: said.update(message=message) or result)
    monkeypatch.setattr(flow, "log_warning", partial(said.__setitem__, "log"))
    describe(scoring_home, "shop-a", "[columns]\ntitel = 'a'\n")
    drop(scoring_home, "shop-a/2026-04.csv", EXPORT)
    run()
    assert said["name"] == "score-reviews nothing new 1 file not read"
    reason = f"{scoring_home.sources / 'shop-a.toml'}: line 2: columns.titel is not a key of a profile"
    named = f"Not read: shop-a/2026-04.csv: {reason}"
    assert named in said["message"]
    assert said["log"].startswith(named)


@pytest.mark.slow
def test_after_its_profile_was_mended_a_waiting_file_is_read(later_run: DoneRun) -> None:
    found = [row for row in list_rows(later_run.home) if row[-1] == "wrong"]
    assert found == [(f"1{number}", *values, "wrong") for number, *values, _ in ROWS]


@pytest.mark.slow
def test_a_file_without_a_column_of_its_profile_waits_until_one_of_them_is_mended(
    first_run: DoneRun,
) -> None:
    skipped = [each for each in first_run.summary.skipped if each.uri.startswith("lacking/")]
    assert [each.uri for each in skipped] == ["lacking/no-rating.csv", "lacking/no-text.csv"]
    for each in skipped:
        assert "profile_column_missing" not in each.reason
        assert "The profile of the file's source names that column" in each.reason


def test_a_source_without_a_profile_can_not_be_chosen(scoring_home: Home, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(EXPORT)
    with pytest.raises(UsageError, match=r"shop-z\.toml: there is no such profile"):
        run(files=[str(path)], source="shop-z")


@pytest.mark.slow
def test_review_ids_that_another_source_gave_to_other_texts_are_named(
    first_run: DoneRun, later_run: DoneRun
) -> None:
    assert first_run.list_unclear("left/") == []
    [collision] = later_run.list_unclear("right/")
    assert collision.startswith(
        "right/b.csv: 1 review id of the source left too, for other texts on the same movie"
    )
    assert "Next: ids_hold_across_files = false" in collision


def test_a_plan_reads_by_the_profile_too(scoring_home: Home) -> None:
    describe(scoring_home, "shop-a")
    drop(scoring_home, "shop-a/2026-04.csv", EXPORT)
    [file] = plan().files
    assert (file.rows, file.trouble) == (2, None)


def call(home: Home, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["--home", str(home.folder), "sources", *arguments])
    return done.exit_code, done.output


def test_several_sources_are_read_again_in_one_call_unless_one_is_unknown(scoring_home: Home) -> None:
    for source in ("shop-a", "shop-b"):
        drop(scoring_home, f"{source}/a.csv", EXPORT.replace("Body", "review").replace("7|", f"{source}|"))
    run()
    for source in ("shop-a", "shop-b"):
        describe(scoring_home, source, PROFILE.replace('"Body"', '"review"'))
    status, said = call(scoring_home, "rescan", "shop-a", "shop-b", "--dry-run")
    assert (status, [f"{source}/a.csv" in said for source in ("shop-a", "shop-b")]) == (0, [True, True])
    assert call(scoring_home, "rescan", "shop-a", "shop-c", "--dry-run")[0] == 2


def test_a_check_shows_how_a_file_is_read(scoring_home: Home, tmp_path: Path) -> None:
    describe(scoring_home, "shop-a")
    path = tmp_path / "a.csv"
    path.write_text(EXPORT + "9|so|so|never|15\n")
    status, said = call(scoring_home, "check", "shop-a", str(path))
    assert status == 0, said
    assert "2026-04-03" in said
    assert "seem" not in said
    assert "reviewed_at    in 2 of 3 rows, 1 can't be read and is kept as found: never" in said


def test_a_check_says_that_a_run_would_refuse_the_file_for_blank_texts(
    scoring_home: Home, tmp_path: Path
) -> None:
    path = tmp_path / "survey.csv"
    path.write_text("comment,colour\n" + "A fine film,red\n" * 25 + ",blue\n" * 25)
    said = call(scoring_home, "init", "survey", str(path), "--yes")[1]
    assert "text           in 25 of 50 rows" in said
    assert (
        "would refuse the file: 25 of 50 rows are bad (text_blank 25); if people may leave the text out, "
        in said
    )
    profile = scoring_home.sources / "survey.toml"
    profile.write_text(profile.read_text() + "\n[limits]\nlargest_bad_share = 0.5\n")
    assert "would refuse" not in call(scoring_home, "check", "survey", str(path))[1]


@pytest.mark.parametrize("rows_unread", [10, 30])
def test_a_check_says_that_a_run_would_refuse_the_file_for_values_that_the_profile_quarantines(
    scoring_home: Home, tmp_path: Path, rows_unread: int
) -> None:
    described = '[columns]\ntext = "text"\nreviewed_at = "Day"\n[severity]\ndates = "quarantine"\n'
    describe(scoring_home, "shop-a", described)
    path = tmp_path / "a.csv"
    path.write_text("text,Day\n,never\n" + "good film,never\n" * (rows_unread - 1) + "bad plot,2026-03-27\n")
    said = call(scoring_home, "check", "shop-a", str(path))[1]
    assert f"{rows_unread - 1} rows would be quarantined: date_not_read" in said
    refused = "would refuse the file: 30 of 31 rows are bad (date_not_read 29, text_blank 1). Next: "
    assert (refused in said) is (rows_unread == 30)


def test_a_check_counts_rows_in_another_language_that_the_profile_quarantines(
    scoring_home: Home, tmp_path: Path
) -> None:
    describe(scoring_home, "shop-a", 'other_languages = "quarantine"\n[columns]\ntext = "text"\n')
    path = tmp_path / "a.csv"
    path.write_text("text\ngood film\n" + "Der Film war leider nicht so gut wie ich gedacht habe.\n" * 30)
    said = call(scoring_home, "check", "shop-a", str(path))[1]
    assert "30 rows would be quarantined: not_english" in said
    assert "would refuse" not in said


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


@pytest.mark.parametrize(
    ("severity", "done"),
    [
        ("warn", "and is kept as found"),
        ("quarantine", "its row would be quarantined"),
        ("refuse", "the file would be refused"),
    ],
)
def test_a_check_says_what_a_run_would_do_with_dates_that_can_not_be_read(
    scoring_home: Home, tmp_path: Path, severity: str, done: str
) -> None:
    describe(scoring_home, "shop-a")
    with (scoring_home.sources / "shop-a.toml").open("a", encoding="utf-8") as profile:
        profile.write(f'\n[severity]\ndates = "{severity}"\n')
    path = tmp_path / "a.csv"
    path.write_text(EXPORT + "9|so|so|never|15\n")
    status, said = call(scoring_home, "check", "shop-a", str(path))
    assert status == 0, said
    [line] = [each for each in said.splitlines() if each.startswith("reviewed_at")]
    assert done in line


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
    describe(scoring_home, "shop-a")
    describe(scoring_home, "shop-b", "[columns]\n")
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


def test_a_source_may_accept_findings_on_all_that_it_sends(scoring_home: Home) -> None:
    describe(scoring_home, "shop-a", '[columns]\ntext = "text"\n[severity]\ndeliveries = "accept"\n')
    late = [
        CheckResult("deliveries", "files_on_time", "", "", "warning", False, "", "", 1, source=name)
        for name in ("shop-a", "shop-b")
    ]
    assert [result.success for result in accept_findings(scoring_home, late)] == [True, False]


@pytest.mark.slow
def test_a_run_tells_of_each_source_how_often_its_labels_agree_with_the_scores(first_run: DoneRun) -> None:
    accuracy = first_run.summary.accuracy
    rated_a, rated_b = [said for said in accuracy if not said.startswith("shop-a: ")]
    assert re.fullmatch(
        r"rated-a: (0|50|100)\.0% of 2 reviews with a label or a clear rating are called right; "
        r"predicted stars are \d\.\d\d off on average, of 2 given",
        rated_a,
    )
    assert re.fullmatch(r"rated-b: predicted stars are \d\.\d\d off on average, of 1 given", rated_b)


@pytest.mark.slow
def test_the_accuracy_of_a_run_is_that_of_the_view(later_run: DoneRun) -> None:
    warehouse = later_run.home.warehouse
    run_ids = [run_id for (run_id,) in ask(warehouse, "select run_id from runs")]
    with open_warehouse(warehouse, write=False) as connection:
        by_run = measure_agreement(connection, run_ids)
    view = "select sum(labelled_reviews), round(sum(accuracy * labelled_reviews)) from live_accuracy"
    found = (sum(each["labelled"] for each in by_run), sum(each["right"] for each in by_run))
    assert ask(warehouse, view) == [found]
    assert found[0] == 9


def test_the_accuracy_of_a_run_tells_of_labels_that_the_model_may_have_learnt(
    later_run: DoneRun, tmp_path: Path
) -> None:
    warehouse = shutil.copyfile(later_run.home.warehouse, tmp_path / "reviews.duckdb")
    run_ids = [run_id for (run_id,) in ask(warehouse, "select run_id from runs")]
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute("update models set own_labels_until = now()")
        found = measure_agreement(connection, run_ids)
    assert sum(each["learnt"] for each in found) == sum(each["labelled"] for each in found) == 9
    labelled = next(each for each in found if each["labelled"])
    words = f"the model may have learnt from {labelled['learnt']} of these {labelled['labelled']}"
    assert words in describe_agreement(labelled)
