"""Tests that `reviews forget` deletes text and scores from all of the home's own files, and keeps a record."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import duckdb
import pytest
from click.testing import CliRunner

from data_contracts.errors import ReviewsError, StoreError, StoreUnreachableError, UsageError, WarehouseError
from data_contracts.storage.home import Home
from flows.command.cli import main
from flows.score_reviews import score_reviews
from tasks.delivery.delivering import EXPORTED, ExportRequest, export
from tasks.labelling.intake import list_stored_sheets
from tasks.maintenance import forgetting
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.maintenance.forgotten_record import write_record
from tasks.maintenance.verification import verify_home
from tasks.report.writing import write_report
from tasks.snapshots.home_backup import back_up_home, restore_home
from tasks.stages import score as score_stages
from tasks.store import inbox_objects
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.publishing import publish
from tests.support.scoring_runs import copy_scored_home, count, drop, run
from tests.support.small_home import ask, copy_home, promote_small_model
from tests.support.warehouse_parts import hash_text

SECRET = "zebrafish"
CSV = f"review_id,movie_id,text\nr1,tt1,good film\nr2,tt2,a bad {SECRET} plot\nr3,tt2,...\n"


def do_forget(home: Home, name: str, kind: str | None = None, store: str | None = None) -> str:
    said: list[str] = []
    forget_everywhere(home, ForgetRequest(name, kind, "ann", "asked for"), said.append, store)
    return "\n".join(said)


@pytest.fixture
def home(home: Home) -> Home:
    return copy_scored_home(home, {"a.csv": CSV})


@pytest.mark.slow
def test_rows_leave_every_table_and_the_copy(home: Home) -> None:
    for name, left in (("r3", 2), ("tt2", 1)):
        do_forget(home, name)
        for database in (home.warehouse, home.published):
            assert ask(database, "select count(*) from source_reviews") == [(left,)]
            assert ask(database, "select count(*) from scored_reviews") == [(left,)]
    columns = "row_number, was_quarantined, reason, forgotten_by"
    forgotten = [(2, False, "asked for", "ann"), (3, True, "asked for", "ann")]
    assert ask(home.published, f"select {columns} from forgotten_rows order by all") == forgotten
    verify_home(home, lambda said: None)


@pytest.mark.slow
def test_a_label_goes_with_the_last_row_of_its_text_and_is_not_taken_in_again(home: Home) -> None:
    drop(home, "b.csv", CSV.replace("r1", "r4").replace("r2", "r5"))
    labels = "".join(f"{hash_text(text)},p\n" for text in ("good film", f"a bad {SECRET} plot"))
    sheet = drop(home, "labels/sheet.csv", f"label_of,label\n{labels}")
    assert run().taken.labels == 2
    do_forget(home, "r2", "review")
    assert count(home, "review_labels") == 2
    assert str(sheet) in do_forget(home, "r5", "review")
    sheet.write_text(sheet.read_text().replace("p\n", "n\n"))
    assert run().taken.labels == 1
    found = ask(home.published, "select text_sha256, given_label from review_labels")
    assert found == [(hash_text("good film"), "negative")]


@pytest.mark.slow
def test_a_row_that_is_deleted_while_nothing_can_be_published_is_said_to_be_and_what_may_hold_it_named(
    home: Home,
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(30, "Read-only file system")

    said = list[str]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.warehouse.publishing.copy_warehouse", fail)
        with pytest.raises(WarehouseError, match=r"readers still see the copy before it.*next run publishes"):
            forget_everywhere(home, ForgetRequest("r2", "review", "ann"), said.append)
    assert said[0].startswith("Forgot 1 row")
    assert f"  may still hold it: {home.inbox / 'a.csv'}" in said
    run()
    assert SECRET.encode() not in home.published.read_bytes()


@pytest.mark.slow
def test_no_byte_of_it_is_left_in_the_databases(home: Home) -> None:
    text = SECRET.encode()
    assert text in home.warehouse.read_bytes() or text in home.published.read_bytes()
    do_forget(home, "r2", "review")
    assert not [path for path in home.folder.rglob("*.duckdb*") if text in path.read_bytes()]


@pytest.mark.slow
def test_what_findings_and_checks_show_of_it_goes_too_and_does_not_come_back_with_its_file(
    home: Home,
) -> None:
    secret = "okapi"
    rows = f"review_id,movie_id,text,mood\nr7,tt7,good film,{secret}\nr8,tt7,bad plot,calm\n"
    shown = drop(home, "b.csv", rows)
    run()
    find = f"select count(*) from {{}} where {{}} like '%{secret}%'"
    places = [find.format("findings", "what"), find.format("contract_results", "observed")]
    assert [ask(home.warehouse, each) for each in places] == [[(1,)], [(1,)]]
    report = write_report(home)
    assert secret in report.read_text("utf-8")
    assert report.name in do_forget(home, "r7")
    assert not report.exists()
    assert not [path for path in home.folder.rglob("*.duckdb*") if secret.encode() in path.read_bytes()]
    shown.write_text(rows + "r9,tt7,another plot,calm\n")
    run()
    assert [ask(home.warehouse, each) for each in places] == [[(0,)], [(0,)]]
    assert count(home, "source_reviews") == 5


@pytest.mark.slow
def test_what_a_killed_restore_unpacked_is_deleted(home: Home) -> None:
    work = home.uploads / "of-a-place" / "work"
    work.mkdir(parents=True)
    (work / "reviews.duckdb").write_bytes(home.warehouse.read_bytes())
    do_forget(home, "r2", "review")
    assert not work.exists()


@pytest.mark.slow
def test_a_file_is_forgotten_by_its_sha_and_is_not_scored_again(home: Home) -> None:
    [(sha,)] = ask(home.warehouse, "select source_sha256 from scored_files")
    assert "Forgot 3 rows (file" in do_forget(home, sha)
    assert run().files_scored == 0
    assert count(home, "source_reviews") == 0
    verify_home(home, lambda said: None)


@pytest.mark.slow
def test_what_was_forgotten_is_not_scored_by_a_later_model(home: Home) -> None:
    do_forget(home, "r2", "review")
    promote_small_model(home, seed=1)
    assert run(rescore=True).rows_rescored == 1
    verify_home(home, lambda said: None)


@pytest.mark.slow
def test_files_and_backups_that_may_still_hold_it_are_named_whatever_the_clock_says(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = back_up_home(home, None, lambda said: None)
    os.utime(backup, (1, 1))
    monkeypatch.setenv("REVIEWS_SCORED_FILES", "move")
    run()
    copy = drop(home, "late/copy.csv", CSV)
    said = do_forget(home, "r2", "review")
    for path in (backup, home.scored, copy):
        assert f"may still hold it: {path}" in said


@pytest.mark.slow
def test_what_is_forgotten_leaves_the_exports_of_the_home(home: Home) -> None:
    export(home, None, ExportRequest())
    export(home, None, ExportRequest("csv", replace(EXPORTED, rows="current")))
    assert "export" not in do_forget(home, "r2", "review")
    files = f"read_parquet('{home.exports}/**/*.parquet', hive_partitioning = true)"
    assert duckdb.execute(f"select row_number from {files}").fetchall() == [(1,)]
    assert SECRET not in (home.current_export / "latest_scores.csv").read_text()


@pytest.mark.slow
def test_an_export_of_an_earlier_version_may_still_hold_it(home: Home) -> None:
    export(home, None, ExportRequest())
    (home.exports / "_delivered.json").rename(home.exports / "_exported.json")
    assert f"may still hold it: export: {home.exports}" in do_forget(home, "r2", "review")


@pytest.mark.slow
def test_chunks_that_a_killed_backup_left_may_still_hold_it(home: Home) -> None:
    Path(back_up_home(home, None, lambda said: None)).unlink()
    assert f"may still hold it: {home.backups}/chunks\n" in do_forget(home, "r2", "review")


def test_a_folder_of_backups_that_can_t_be_read_may_still_hold_it(home: Home) -> None:
    home.backups.touch()
    assert f"may still hold it: {home.backups}\n" in do_forget(home, "r2", "review")


@pytest.mark.slow
def test_where_sheets_in_the_store_can_t_be_fetched_all_are_to_be_looked_through(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreUnreachableError("the store does not answer")

    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute("INSERT INTO label_files VALUES ('s3://was/inbox/labels/a.csv', 1, 1, 1, now())")
    (tmp_path / "store" / "inbox").mkdir(parents=True)
    monkeypatch.setattr(inbox_objects, "list_objects", fail)
    said = do_forget(home, "r2", "review", store=f"file://{tmp_path}/store")
    assert "look through its inbox/labels/: the store does not answer" in said
    assert "may still hold it: s3://was/inbox/labels/a.csv" in said


def test_a_store_whose_share_is_not_mounted_is_not_read_as_empty(home: Home, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    with pytest.raises(StoreError, match="mount its share"):
        list_stored_sheets(home, f"file://{tmp_path}/store", set())


def test_fewer_than_twelve_digits_of_a_sha_name_no_file(home: Home) -> None:
    [(sha,)] = ask(home.warehouse, "select source_sha256 from scored_files")
    with pytest.raises(UsageError, match="no row has it"):
        do_forget(home, sha[:11])


@pytest.fixture
def doubtful_home(empty_home: Home) -> Home:
    """A home in which a name is that of a review and of a movie, and rows without an id hold others."""
    two_kinds = "review_id,movie_id,text\ntt2,tt5,good film\nr9,tt6,good film\nr9,tt7,a bad plot\nr9,,...\n"
    shapeless = "review_id,text\nr7,good film\nr8,too,many,fields\n"
    kept = "guest,text\n4711,good plot\n4712,a bad film\n4713,...\n"
    files = {"a.csv": CSV, "b.csv": two_kinds, "kept.csv": kept, "shape.csv": shapeless}
    return copy_scored_home(empty_home, files)


def test_an_empty_name_is_wrong_usage_and_is_looked_for_in_no_row(empty_home: Home) -> None:
    with pytest.raises(UsageError, match="NAME is empty"):
        forgetting.find_forgettable(empty_home.warehouse, " ", None)


@pytest.mark.slow
def test_a_name_of_two_kinds_has_to_be_told_apart(doubtful_home: Home) -> None:
    with pytest.raises(UsageError, match="review and of a movie"):
        do_forget(doubtful_home, "tt2")
    assert "Forgot 1 row (review" in do_forget(doubtful_home, "tt2", "review")


@pytest.mark.slow
def test_an_id_of_reviews_of_several_movies_has_to_be_said_to_stand_for_all(doubtful_home: Home) -> None:
    rows = r"\w{12}:2 \(movie 'tt6'\), \w{12}:3 \(movie 'tt7'\), \w{12}:4 \(no movie\)"
    with pytest.raises(UsageError, match=f"several movies: {rows}. Next: .* --as review"):
        do_forget(doubtful_home, "r9")
    assert "Forgot 3 rows (review" in do_forget(doubtful_home, "r9", "review")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "table"), [("4712", "source_reviews"), ("4713", "quarantined_rows")])
def test_rows_that_have_a_name_in_another_column_are_named(
    doubtful_home: Home, name: str, table: str
) -> None:
    query = (
        f"select left(source_sha256, 12) || ':' || row_number from {table} where extra->>'guest' = '{name}'"
    )
    [(row,)] = ask(doubtful_home.warehouse, query)
    with pytest.raises(UsageError, match=f"Next: give each row that is meant .* in `extra`: {row}"):
        do_forget(doubtful_home, name)
    assert "Forgot 1 row (row" in do_forget(doubtful_home, row)


@pytest.mark.slow
def test_a_part_that_waits_for_its_commit_is_forgotten_too(home: Home) -> None:
    def die(part_dir: Path, warehouse: Path) -> None:
        raise KeyboardInterrupt

    drop(home, "late.csv", f"review_id,movie_id,text\nr9,tt9,the {SECRET} film\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score_stages, "commit_parts", die)
        with pytest.raises(KeyboardInterrupt):
            score_reviews()
    assert list(home.parts.iterdir())
    do_forget(home, "r9", "review")
    assert not list(home.parts.iterdir())
    run()
    assert count(home, "source_reviews where review_id = 'r9'") == 0


def forget_again(home: Home) -> None:
    again = CliRunner().invoke(main, ["forget", "r2", "--as", "review", "--yes"])
    assert "what it had left to delete is deleted now" in again.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "finish"),
    [
        ("rewrite_warehouse", lambda home: run()),
        ("publish", lambda home: run()),
        ("rewrite_warehouse", forget_again),
        ("deliver_forgotten", forget_again),
    ],
)
def test_a_command_that_is_killed_after_its_commit_is_finished_by_the_next_run_or_forget(
    home: Home, at: str, finish: Callable[[Home], object]
) -> None:
    report = write_report(home)
    export(home, None, ExportRequest("csv"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"tasks.maintenance.forgetting_everywhere.{at}", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            do_forget(home, "r2", "review")
    half_written = home.warehouse.with_name(f".{home.warehouse.name}.999999999.tmp")
    half_written.write_bytes(SECRET.encode())
    finish(home)
    left = [path for path in home.folder.rglob("*") if path.is_file() and path.parent != home.inbox]
    assert [path for path in left if SECRET.encode() in path.read_bytes()] == []
    assert report not in left


@pytest.mark.slow
def test_one_row_is_forgotten_by_its_name(home: Home) -> None:
    [(sha,)] = ask(home.warehouse, "select source_sha256 from scored_files")
    assert "Forgot 1 row (row" in do_forget(home, f"{sha[:12]}:3")
    assert count(home, "quarantined_rows") == 0
    verify_home(home, lambda said: None)


@pytest.mark.slow
def test_rows_without_an_id_that_hold_the_name_are_pointed_out(doubtful_home: Home) -> None:
    with pytest.raises(UsageError, match="1 quarantined row without a review id"):
        do_forget(doubtful_home, "r8")


@pytest.fixture
def restored_home(empty_home: Home) -> Home:
    """A home whose database was damaged, and its copy lost, and that went back to its backup.

    A row of before the backup, and one of after it, were forgotten before that.
    """

    def fill(made: Home) -> None:
        copy_scored_home(made, {"a.csv": CSV})
        back_up_home(made, made.folder / "backup", lambda said: None)
        drop(made, "later.csv", f"review_id,text\nr8,good film\nr9,the {SECRET} film\n")
        run()
        for name in ("r2", "r9"):
            do_forget(made, name, "review")
        made.warehouse.write_bytes(b"\0" * 5000)
        made.published.unlink()
        restore_home(made, made.folder / "backup", lambda said: None)

    return copy_home(empty_home, "restored", fill)


@pytest.mark.slow
def test_what_was_forgotten_stays_so_after_a_restore(restored_home: Home) -> None:
    assert count(restored_home, "source_reviews where review_id = 'r2'") == 0
    assert count(restored_home, "forgotten_rows semi join source_reviews using (source_sha256)") == 1
    for database in (restored_home.warehouse, restored_home.published):
        assert SECRET.encode() not in database.read_bytes()


@pytest.mark.slow
def test_what_was_forgotten_is_left_out_when_its_file_is_scored_anew_after_a_restore(
    restored_home: Home,
) -> None:
    assert run().rows_scored == 1
    assert count(restored_home, "source_reviews where review_id = 'r8'") == 1
    assert count(restored_home, "source_reviews where review_id = 'r9'") == 0
    verify_home(restored_home, lambda said: None)


@pytest.mark.slow
def test_a_backup_that_was_told_leaves_out_what_was_forgotten_in_another_home(
    restored_home: Home, tmp_path: Path
) -> None:
    other = Home(tmp_path / "other")
    restore_home(other, restored_home.folder / "backup", lambda said: None)
    assert count(other, "source_reviews where review_id = 'r2'") == 0
    assert SECRET.encode() not in other.warehouse.read_bytes()
    verify_home(other, lambda said: None)


@pytest.mark.slow
def test_what_was_forgotten_is_left_out_by_a_new_database(home: Home) -> None:
    do_forget(home, "r2", "review")
    home.warehouse.unlink()
    promote_small_model(home)
    run()
    for database in (home.warehouse, home.published):
        assert ask(database, "select review_id from source_reviews") == [("r1",)]
        assert ask(database, "select row_number, forgotten_by from forgotten_rows") == [(2, "ann")]
    verify_home(home, lambda said: None)


@pytest.mark.slow
def test_a_new_database_refuses_a_file_whose_forgotten_rows_have_other_numbers_now(home: Home) -> None:
    do_forget(home, "r2", "review")
    home.warehouse.unlink()
    promote_small_model(home)
    record = home.forgotten.read_text("utf-8")
    home.forgotten.write_text(record.replace('"rows_read":3', '"rows_read":4'), "utf-8")
    run()
    assert ask(home.published, "select rule from scored_files") == [("rows_renumbered",)]


@pytest.mark.slow
def test_a_command_that_is_killed_before_its_commit_is_finished_by_the_next_run(home: Home) -> None:
    back_up_home(home, None, lambda said: None)

    def die(connection: object, path: Path) -> None:
        write_record(connection, path)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forgetting, "write_record", die)
        with pytest.raises(KeyboardInterrupt):
            do_forget(home, "r2", "review")
    assert count(home, "source_reviews") == 2
    run()
    assert count(home, "source_reviews") == 1
    assert SECRET.encode() not in home.published.read_bytes()
    assert (home.backups / home.forgotten.name).read_bytes() == home.forgotten.read_bytes()


def check(home: Home) -> str:
    """Return what `reviews verify` finds broken, with its next step."""
    said = list[str]()
    with pytest.raises(ReviewsError) as raised:
        verify_home(home, said.append)
    return "\n".join([*(line for line in said if line.startswith("BROKEN")), str(raised.value)])


@pytest.mark.slow
def test_what_only_the_database_or_only_the_record_has_as_forgotten_is_found_and_mended_by_a_run(
    home: Home,
) -> None:
    before = home.warehouse.read_bytes()
    do_forget(home, "r2", "review")
    record = home.forgotten.read_bytes()
    home.forgotten.unlink()
    assert "1 promise broken. Next: `reviews score` mends that" in check(home)
    run()
    assert home.forgotten.read_bytes() == record
    home.warehouse.write_bytes(before)
    publish(home)
    assert "1 promise broken. Next: `reviews score` mends that" in check(home)
    run()
    assert count(home, "source_reviews") == 1
    verify_home(home, lambda said: None)


@pytest.mark.slow
def test_a_damaged_record_is_named_before_a_backup_is_restored_or_a_row_forgotten(home: Home) -> None:
    backup = back_up_home(home, None, lambda said: None)
    for damage in ("{", '{"source_sha256": "f"}\n'):
        home.forgotten.write_text(damage, "utf-8")
        with pytest.raises(ReviewsError, match=r"reviews.forgotten.jsonl: is damaged .* Next: correct"):
            restore_home(home, backup, lambda said: None)
        with pytest.raises(ReviewsError, match=r"reviews.forgotten.jsonl: is damaged .* Next: correct"):
            do_forget(home, "r2", "review")
    assert count(home, "source_reviews") == 2
