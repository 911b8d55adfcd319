"""Tests of the database of a shared home, which follows the copy in a store, here a folder at a file:// URI."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import SourceError, StoreError
from data_contracts.expectations import CheckResult
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id, read_home_id
from tasks.labelling.intake import take_labels
from tasks.sharing.machine_turn import hold_turn
from tasks.sharing.newer_database import follow
from tasks.sharing.shared_bundles import list_shared
from tasks.sharing.shared_files import SHARED_FILES
from tasks.store import published_download, published_upload
from tasks.store.published_chunks import LATEST
from tasks.store.published_download import fetch_copy
from tasks.store.published_upload import find_faults, renew_copy, upload_copy
from tasks.warehouse import publishing
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.publishing import publish
from tasks.warehouse.run_log import Run, end_run, record_checks, start_run
from tests.support.exported_homes import add, change, make_home
from tests.support.forked import run_to_fault
from tests.support.shared_homes import MODEL, copy_machine, name_store, take_turn
from tests.support.small_home import ask

CHECK = CheckResult("archive", "counts_fit", "expect_x", "reviews", "error", True, "1", "1", 0)
ROWS = "select count(*) from scored_reviews"


@pytest.fixture
def uri(tmp_path: Path) -> str:
    (tmp_path / "store").mkdir()
    return name_store(tmp_path)


@pytest.fixture
def first(tmp_path: Path, uri: str) -> Home:
    """The home on the first machine, whose two rows are in the store."""
    return copy_machine("first", tmp_path)


@pytest.fixture
def second(tmp_path: Path, first: Home) -> Home:
    """The home on another machine, which has the two rows."""
    return copy_machine("second", tmp_path)


@pytest.fixture
def ahead(tmp_path: Path, first: Home) -> Home:
    """The home on another machine, which has written and uploaded a third row."""
    return copy_machine("second", tmp_path, ahead=True)


def count_rows(home: Home) -> int:
    return int(ask(home.warehouse, ROWS)[0][0])


def test_a_new_machine_gets_the_id_and_the_rows_of_the_home(first: Home, second: Home) -> None:
    assert read_home_id(second) == read_home_id(first)
    assert count_rows(second) == 2


@pytest.mark.slow
def test_a_machine_follows_only_if_another_one_has_written(first: Home, second: Home, uri: str) -> None:
    assert not take_turn(first, uri)
    add(second, "b.csv")
    assert not take_turn(second, uri)
    assert take_turn(first, uri)
    assert count_rows(first) == 3


@pytest.mark.slow
def test_a_machine_that_was_killed_before_it_uploaded_goes_on_with_what_it_has(
    first: Home, second: Home, uri: str
) -> None:
    add(first, "b.csv")
    assert not take_turn(first, uri)
    assert take_turn(second, uri)
    assert count_rows(second) == 3


@pytest.mark.process
@pytest.mark.parametrize(
    "point", ["share: database fetched", "share: database replaced", "share: before upload"]
)
def test_a_machine_that_dies_while_it_follows_another_one_follows_it_in_its_next_turn(
    tmp_path: Path, second: Home, uri: str, point: str
) -> None:
    copy_machine("first", tmp_path, ahead=True)
    run_to_fault(point, _hold_turn, str(second.folder), uri)
    take_turn(second, uri)
    assert count_rows(second) == 3


def _hold_turn(folder: str, uri: str) -> None:
    with hold_turn(Home(Path(folder)), uri, print):
        pass


@pytest.mark.slow
def test_what_was_not_uploaded_before_another_machine_wrote_is_dropped(
    first: Home, ahead: Home, uri: str
) -> None:
    add(first, "lost.csv")
    assert take_turn(first, uri)
    assert ask(first.warehouse, "select uri from scored_files order by uri") == [("a.csv",), ("b.csv",)]


@pytest.mark.slow
def test_what_was_written_beside_another_machine_can_t_be_uploaded(
    first: Home, ahead: Home, uri: str
) -> None:
    add(first, "c.csv")
    with pytest.raises(SourceError, match="since this machine took its turn"):
        upload_copy(first, uri)


@pytest.mark.slow
def test_a_training_keeps_what_it_records_while_others_write(first: Home, second: Home, uri: str) -> None:
    start_run(first.warehouse, "uploaded", "train-model", {}, None)
    publish(first)
    take_turn(first, uri)
    take_turn(second, uri)
    add(second, "b.csv")
    take_turn(second, uri)
    start_run(first.warehouse, "new", "train-model", {}, None)
    end_run(first.warehouse, "uploaded", "failed", {})
    record_checks(Run(first, "uploaded"), [CHECK])
    assert follow(first, uri)
    assert ask(first.warehouse, "select run_id, status from runs order by run_id") == [
        ("new", "running"),
        ("uploaded", "failed"),
    ]
    assert ask(first.warehouse, "select run_id from contract_results where rule = 'counts_fit'") == [
        ("uploaded",)
    ]


@pytest.mark.slow
def test_a_model_that_was_trained_here_is_still_known_here(first: Home, ahead: Home, uri: str) -> None:
    with open_warehouse(first.warehouse, write=True) as connection:
        connection.execute(
            "INSERT INTO models BY NAME SELECT 'new' AS model_id, 'lstm' AS variant, 0 AS seed, 'x' AS dataset, '' AS "
            "data_fingerprint, '' AS code_fingerprint, '' AS bundle_fingerprint, 0.9 AS validation_accuracy, 0.9 AS "
            "test_accuracy, now() AS trained_at"
        )
        connection.execute("INSERT INTO reference_measures VALUES ('new', 'text_length', 1, 1.0, 1.0)")
    assert follow(first, uri)
    assert ask(first.warehouse, "select model_id from models order by 1") == [("model-a",), ("new",)]
    assert ask(first.warehouse, "select model_id from reference_measures where model_id = 'new'") == [
        ("new",)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("is_newest", [True, False])
def test_a_damaged_database_is_replaced_by_the_copy_of_the_store_and_kept(
    first: Home, second: Home, uri: str, is_newest: bool
) -> None:
    if not is_newest:
        add(second, "b.csv")
        take_turn(second, uri)
    first.warehouse.write_bytes(b"damaged")
    assert follow(first, uri)
    assert count_rows(first) == (2 if is_newest else 3)
    [kept] = first.folder.glob("reviews.replaced-*.duckdb")
    assert kept.read_bytes() == b"damaged"


def test_a_database_that_is_gone_comes_back_from_the_store(first: Home, uri: str) -> None:
    first.warehouse.unlink()
    assert take_turn(first, uri)
    assert count_rows(first) == 2


@pytest.mark.slow
def test_a_home_that_published_alone_goes_on_with_its_own_database_when_it_is_shared(
    tmp_path: Path, uri: str
) -> None:
    home = make_home(tmp_path / "alone")
    change(home, MODEL)
    upload_copy(home, uri)
    add(home, "b.csv")
    assert not take_turn(home, uri)
    assert count_rows(home) == 3


@pytest.mark.slow
def test_a_machine_that_began_an_empty_database_before_its_first_turn_gets_that_of_the_others(
    first: Home, tmp_path: Path, uri: str
) -> None:
    late = Home(tmp_path / "late")
    start_run(late.warehouse, "failed", "score-reviews", {}, None)
    assert take_turn(late, uri)
    assert count_rows(late) == 2


def test_a_home_with_scores_of_its_own_is_never_replaced(first: Home, tmp_path: Path, uri: str) -> None:
    other = make_home(tmp_path / "other")
    other.id_file.unlink(missing_ok=True)
    with pytest.raises(SourceError, match=r"another home publishes there .* begin with an empty folder"):
        take_turn(other, uri)
    assert count_rows(other) == 2


def test_a_home_without_a_model_is_not_begun_in_the_store(tmp_path: Path, uri: str) -> None:
    home = Home(tmp_path / "empty")
    start_run(home.warehouse, "run", "score-reviews", {}, None)
    publish(home)
    take_turn(home, uri)
    assert not (tmp_path / "store" / LATEST).exists()


def test_a_database_that_lost_its_models_does_not_take_the_place_of_the_others(first: Home, uri: str) -> None:
    change(first, "DELETE FROM promotions")
    with pytest.raises(SourceError, match="has no promoted model, unlike the copy of the other machines"):
        upload_copy(first, uri)


@pytest.mark.slow
def test_a_machine_that_takes_no_turns_can_t_replace_the_copy_of_a_shared_home(
    first: Home, second: Home, uri: str
) -> None:
    first.base.unlink()
    add(first, "b.csv")
    with pytest.raises(SourceError, match="several machines share this home"):
        upload_copy(first, uri)


@pytest.mark.slow
def test_an_upload_whose_answer_was_lost_is_known_as_this_machine_s_own(
    first: Home, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*arguments: object) -> None:
        raise KeyboardInterrupt

    add(first, "b.csv")
    with monkeypatch.context() as patch:
        patch.setattr(published_upload, "_note_shared", die)
        with pytest.raises(KeyboardInterrupt):
            upload_copy(first, uri)
    add(first, "c.csv")
    assert not take_turn(first, uri)
    assert count_rows(first) == 4


@pytest.mark.slow
def test_a_reader_that_was_slow_does_not_undo_what_a_turn_has_published_meanwhile(
    first: Home, ahead: Home, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_copy = publishing.replace_copy

    def wait_for_turn(*arguments: Any) -> None:
        monkeypatch.setattr(published_download, "replace_copy", replace_copy)
        take_turn(first, uri)
        add(first, "c.csv")
        upload_copy(first, uri)
        replace_copy(*arguments)

    monkeypatch.setattr(published_download, "replace_copy", wait_for_turn)
    fetch_copy(first, uri)
    assert not first.fetched.exists()
    assert ask(first.published, ROWS) == [(4,)]


def test_nothing_of_a_refused_home_comes_to_the_others(first: Home, tmp_path: Path, uri: str) -> None:
    other = make_home(tmp_path / "other")
    other.sources.mkdir()
    (other.sources / "shop.toml").write_text("", "utf-8")
    with pytest.raises(SourceError, match="another home publishes there"), hold_turn(other, uri, print):
        pass
    assert not (tmp_path / "store" / SHARED_FILES).exists()


@pytest.mark.parametrize("name", ["../secrets", "/etc", "..", ".", "a/b"])
def test_no_folder_but_a_bundle_is_uploaded_whatever_the_database_says(
    first: Home, tmp_path: Path, uri: str, name: str
) -> None:
    (tmp_path / "secrets").mkdir()
    change(first, f"UPDATE models SET model_id = '{name}'", f"UPDATE promotions SET model_id = '{name}'")
    assert list_shared(first) == []


def test_labels_of_two_machines_stay_beside_each_other(first: Home) -> None:
    query = "select text_sha256 from source_reviews order by row_number"
    first.labels.mkdir(parents=True)
    for number, (text,) in enumerate(ask(first.warehouse, query)):
        first.place_file.write_text(f"machine-{number}", "utf-8")
        (first.labels / "sheet.csv").write_text(f"label_of,label,stars\n{text},positive,\n", "utf-8")
        assert take_labels(first).labels == 1
    assert ask(first.warehouse, "select count(*) from review_labels") == [(2,)]


def test_a_home_with_another_id_is_refused(first: Home, tmp_path: Path, uri: str) -> None:
    other = make_home(tmp_path / "other")
    ensure_home_id(other)
    with pytest.raises(SourceError, match="another home publishes there"):
        take_turn(other, uri)
    assert count_rows(other) == 2


def test_if_the_copy_of_the_store_is_gone_the_message_says_how_to_go_on(
    first: Home, tmp_path: Path, uri: str
) -> None:
    shutil.rmtree(tmp_path / "store" / "published")
    with pytest.raises(
        StoreError, match=r"is missing, though this home was shared by it.* delete .*shared-base.json"
    ):
        take_turn(first, uri)
    first.base.unlink()
    take_turn(first, uri)
    assert (tmp_path / "store" / LATEST).is_file()


@pytest.mark.slow
def test_a_state_of_before_the_sharing_that_comes_back_gets_the_newest_and_is_kept(
    tmp_path: Path, uri: str
) -> None:
    home = make_home(tmp_path / "first")
    change(home, MODEL)
    ensure_home_id(home)
    shutil.copytree(home.folder, tmp_path / "before")
    take_turn(home, uri)
    add(home, "b.csv")
    take_turn(home, uri)
    shutil.rmtree(home.folder)
    shutil.copytree(tmp_path / "before", home.folder)
    assert take_turn(home, uri)
    assert count_rows(home) == 3
    [kept] = home.folder.glob("reviews.replaced-*.duckdb")
    assert ask(kept, ROWS) == [(2,)]


@pytest.mark.slow
def test_a_machine_is_told_that_what_it_could_not_upload_counts_no_more(
    first: Home, second: Home, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise StoreError("access is refused.")

    told: list[str] = []
    add(first, "lost.csv")
    with monkeypatch.context() as patch:
        patch.setattr(published_upload, "find_copy", fail)
        with pytest.raises(StoreError), hold_turn(first, uri, told.append):
            add(first, "later.csv")
    assert "is on this machine alone so far" in told[-1]
    with hold_turn(second, uri, told.append):
        add(second, "b.csv")
    with hold_turn(first, uri, told.append):
        pass
    assert "could not upload counts no more" in told[-1]
    with hold_turn(first, uri, told.append):
        add(first, "c.csv")
    with hold_turn(second, uri, told.append):
        add(second, "d.csv")
    with hold_turn(first, uri, told.append):
        pass
    assert told[-1] == "Another machine has written this home since: its database was fetched."


@pytest.mark.slow
def test_what_a_turn_could_not_upload_the_next_one_of_its_machine_uploads_at_its_begin(
    first: Home, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(published_upload, "find_copy", die)
        with pytest.raises(KeyboardInterrupt), hold_turn(first, uri, print):
            add(first, "b.csv")
    with hold_turn(first, uri, print):
        assert find_faults(first, uri) == []
        assert count_rows(first) == 3


@pytest.mark.slow
def test_a_part_that_was_left_over_goes_with_the_database_to_which_it_belongs(
    first: Home, ahead: Home, uri: str
) -> None:
    (first.parts / "left").mkdir(parents=True)
    assert follow(first, uri)
    assert list(first.parts.iterdir()) == []


@pytest.mark.slow
def test_a_damaged_published_copy_does_not_stop_the_turns_of_its_machine(
    first: Home, ahead: Home, uri: str
) -> None:
    first.published.write_bytes(first.published.read_bytes()[:8192])
    with hold_turn(first, uri, print):
        assert count_rows(first) == 3


def test_forgetting_leaves_nothing_in_a_store_that_the_home_had_before_it_was_shared(
    tmp_path: Path, uri: str
) -> None:
    home = make_home(tmp_path / "home")
    change(home, MODEL)
    (tmp_path / "earlier").mkdir()
    upload_copy(home, f"file://{tmp_path}/earlier")
    take_turn(home, uri)
    renew_copy(home, f"file://{tmp_path}/earlier")
    assert not [path for path in (tmp_path / "earlier").rglob("*") if path.is_file()]
    assert not take_turn(home, uri)
