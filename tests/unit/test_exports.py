"""Tests of exports: every score once in a folder per day, or the current ones in one file; and no formulas in CSV."""

import csv
import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from data_contracts.errors import ReviewsError, SourceError, UsageError
from data_contracts.storage.faults import FAULT_POINTS
from data_contracts.storage.home import Home
from flows.command.cli import main
from tasks.delivery import places, rows
from tasks.delivery.columns import COLUMNS
from tasks.delivery.delivering import EXPORTED, ExportRequest, export
from tasks.delivery.folders import LEDGER
from tasks.delivery.results import Delivered
from tasks.store import object_operations
from tasks.store.folder_claim import LEASE
from tasks.support.locking import hold_folder
from tests.support.databases import open_copy
from tests.support.exported_homes import HOSTILE, add, change
from tests.support.forked import run_to_fault
from tests.support.once import copy_once
from tests.support.warehouse_parts import NOON, hash_text

NEXT_DAY = NOON + timedelta(days=1)
CSV, NEW, CURRENT = (
    ExportRequest("csv"),
    ExportRequest(only_new=True),
    ExportRequest(layout=replace(EXPORTED, rows="current")),
)
FORMS = ("parquet", "csv")
FIRST = "day=2026-03-01/reviews-000001.parquet"
KEYS = "source_sha256, row_number, model_id, run_id, score, text, day"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def run(home: Home, request: ExportRequest | None = None, **changes: Any) -> Delivered:
    request = request or ExportRequest()
    layout = {name: changes.pop(name) for name in [*changes] if hasattr(EXPORTED, name)}
    return export(home, None, replace(request, layout=replace(request.layout, **layout), **changes))[1]


def read(home: Home, form: str = "parquet") -> list[tuple[Any, ...]]:
    """Read all exported rows as an analyst does."""
    source = f"read_{form}('{home.exports}/**/*.{form}', hive_partitioning = true)"
    return duckdb.execute(f"SELECT {KEYS} FROM {source} ORDER BY ALL").fetchall()


def expect(home: Home) -> list[tuple[Any, ...]]:
    """Return the rows of the database that an export should have."""
    with open_copy(home.published) as connection:
        day = "scored_at::DATE AS day"
        joined = "scored_reviews JOIN source_reviews USING (source_sha256, row_number)"
        return connection.execute(f"SELECT {KEYS.replace('day', day)} FROM {joined} ORDER BY ALL").fetchall()


def list_files(home: Home) -> list[str]:
    return sorted(
        path.relative_to(home.exports).as_posix() for path in home.exports.rglob("*") if path.is_file()
    )


@pytest.mark.slow
def test_every_scored_row_is_there_in_the_folder_of_its_day(home: Home) -> None:
    add(home, "f.csv", [{}, {"scored_at": NEXT_DAY}])
    done = run(home)
    assert (done.rows, done.files) == (2, 1)
    assert read(home) == expect(home)
    assert [row[-1] for row in read(home)] == [date(2026, 3, 1), date(2026, 3, 2)]
    assert list_files(home) == [LEDGER, FIRST, FIRST.replace("03-01", "03-02")]


def test_a_row_has_what_its_file_said_and_what_the_model_found(home: Home) -> None:
    given = {"review_id": "r1", "movie_id": "tt1", "reviewed_at": NOON, "given_label": "positive"}
    extra = '{"user":{"name":"Ann"}}'
    add(home, "f.csv", [{**given, "given_rating": 8.0, "score": 0.75, "text": "fine", "extra": extra}])
    run(home)
    [row] = pq.ParquetFile(home.exports / FIRST).read().to_pylist()
    found = {"score": 0.75, "sentiment": "positive", "predicted_rating": 7.75, "model_id": "model-a"}
    file = {"source_sha256": hash_text("f.csv"), "row_number": 1, "uri": "f.csv", "source": "default"}
    assert (
        row.items() >= {**given, **found, **file, "given_rating": 8.0, "text": "fine", "extra": extra}.items()
    )


@pytest.mark.slow
def test_since_leaves_out_days_which_a_later_new_export_brings(home: Home) -> None:
    add(home, "f.csv", [{}, {"scored_at": NEXT_DAY}])
    assert run(home, since=str(NEXT_DAY.date())).rows == 1
    assert [row[-1] for row in read(home)] == [NEXT_DAY.date()]
    assert run(home, only_new=True, since=str(NEXT_DAY.date())) == Delivered()
    run(home, only_new=True)
    assert read(home) == expect(home)
    run(home, only_new=True, since=str(NEXT_DAY.date()))
    assert read(home) == expect(home)


@pytest.mark.slow
def test_an_export_of_everything_takes_the_place_of_the_one_before(home: Home) -> None:
    add(home, "f.csv", [{}, {"scored_at": NEXT_DAY}])
    run(home)
    change(home, "DELETE FROM scored_reviews WHERE row_number = 1")
    run(home, CSV)
    assert read(home, "csv") == expect(home)
    assert list_files(home) == [LEDGER, "day=2026-03-02/reviews-000002.csv"]
    assert not (home.exports / "day=2026-03-01").exists()


@pytest.mark.slow
def test_rows_are_read_in_chunks_without_loss(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "CHUNK_TEXTS", 3)
    for name in ("f.csv", "g.csv"):
        add(home, name, [{}] * 5)
    assert run(home).rows == 10
    assert read(home) == expect(home)


def export_and_add(home: Home) -> None:
    """Export a file of two days, then add another one."""
    add(home, "f.csv", [{}, {"scored_at": NEXT_DAY}])
    run(home)
    add(home, "g.csv", [{}, {"scored_at": NEXT_DAY}])


@pytest.mark.process
@pytest.mark.parametrize("only_new", [False, True])
@pytest.mark.parametrize("point", [point for point in FAULT_POINTS if point.startswith("deliver:")])
def test_an_export_that_is_killed_is_completed_by_the_next(home: Home, point: str, only_new: bool) -> None:
    copy_once("exported, and scored since", home.folder, lambda folder: export_and_add(Home(folder)))
    run_to_fault(point, export, home, None, ExportRequest(only_new=only_new))
    assert len(read(home)) == len(set(read(home)))
    run(home, only_new=True)
    assert read(home) == expect(home)
    assert not [name for name in list_files(home) if ".tmp" in name]


def test_files_of_others_are_left_alone(home: Home) -> None:
    add(home, "f.csv", [{}])
    kept = [home.exports / "notes.txt", home.exports / "day=2026-03-01" / "mine.parquet"]
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    run(home)
    run(home, CSV)
    assert [path.read_text() for path in kept] == ["mine", "mine"]


def read_cells(home: Home, column: str) -> list[str]:
    [path] = home.exports.glob("*/*.csv")
    with path.open(newline="", encoding="utf-8") as stream:
        return [row[column] for row in csv.DictReader(stream, strict=True)]


def test_texts_that_a_spreadsheet_would_run_are_neutralised_in_csv(home: Home) -> None:
    add(home, "=f.csv", [{"text": text, "review_id": text} for text in HOSTILE])
    run(home, CSV)
    safe = [f"'{text}" if text[0] in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20" else text for text in HOSTILE]
    assert read_cells(home, "text") == read_cells(home, "review_id") == safe
    assert set(read_cells(home, "uri")) == {"'=f.csv"}
    run(home, CSV, raw=True)
    assert read_cells(home, "text") == HOSTILE


@pytest.mark.parametrize("form", FORMS)
def test_a_date_out_of_this_world_stops_no_export(home: Home, form: str) -> None:
    moments = ["infinity", "-infinity", "290000-01-01"]
    add(home, "f.csv", [{} for _ in moments])
    change(home, f"UPDATE source_reviews SET reviewed_at = {moments}[row_number]::TIMESTAMPTZ")
    assert run(home, ExportRequest(form)).rows == 3


@pytest.mark.slow
def test_a_new_export_keeps_to_the_manner_of_the_folder(home: Home) -> None:
    add(home, "f.csv", [{}])
    run(home, CSV, texts=False)
    add(home, "g.csv", [{}])
    run(home, only_new=True)
    assert "text" not in duckdb.execute(f"FROM read_csv('{home.exports}/**/*.csv')").fetchdf().columns
    assert read_cells(home, "row_number") == ["1", "1"]
    with pytest.raises(UsageError, match="holds an export in another format"):
        run(home, only_new=True, raw=True)


def test_after_a_restore_rows_scored_anew_take_the_place_of_those_before(home: Home) -> None:
    add(home, "f.csv", [{}])
    run(home)
    change(
        home,
        "UPDATE scored_files SET run_id = 'later'",
        "UPDATE scored_reviews SET run_id = 'later', scored_at = scored_at + INTERVAL 1 DAY",
    )
    run(home, only_new=True)
    assert read(home) == expect(home)
    assert list_files(home) == [LEDGER, "day=2026-03-02/reviews-000001.parquet"]


@pytest.mark.process
def test_of_two_forms_one_is_there_after_a_kill_between_them(home: Home) -> None:
    add(home, "f.csv", [{}])
    run(home)
    run_to_fault("deliver: a ledger written", export, home, None, CSV)
    run(home, CSV)
    assert list_files(home) == [LEDGER, "day=2026-03-01/reviews-000002.csv"]
    assert read(home, "csv") == expect(home)


def test_a_score_without_its_text_is_told_and_nothing_is_exported(home: Home) -> None:
    add(home, "f.csv", [{}, {}])
    change(home, "DELETE FROM source_reviews WHERE row_number = 1")
    with pytest.raises(ReviewsError, match="1 rows were read, but the database counts 2"):
        run(home)
    assert list_files(home) == [LEDGER]


def test_two_exports_to_one_folder_at_a_time_are_refused(home: Home) -> None:
    add(home, "f.csv", [{}])
    home.exports.mkdir()
    with hold_folder(home.exports), pytest.raises(SourceError, match="another run is writing there"):
        run(home)


def call(home: Home, *options: str, status: int = 0) -> str:
    done = CliRunner().invoke(main, ["export", *options], env={"REVIEWS_HOME": str(home.folder)})
    assert done.exit_code == status, done.output
    return done.output


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_an_export_does_not_go_into_a_folder_of_the_home(home: Home, scheme: str) -> None:
    add(home, "f.csv", [{}])
    assert "must not be changed" in call(home, f"{scheme}{home.bundles}/out", status=2)


# The current scores


LATEST = "review_id, movie_id, text, score, sentiment, predicted_rating, model_id, source_sha256, row_number, source"
ABSENT = ("run_id", "review", "in_english", "text_sha256")
"""Columns that an export of the current scores has not."""


@pytest.fixture
def promoted(home: Home) -> Home:
    """A home with three reviews, scored by a model that was promoted."""
    change(home, "INSERT INTO promotions VALUES (1, 'promote', 'model-a', '', NULL, now(), NULL, NULL)")
    add(
        home,
        "f.csv",
        [{"review_id": "r1", "extra": '{"shop":"a"}'}, {"review_id": "r2"}, {"reviewed_at": NOON}],
    )
    return home


def read_current(home: Home, columns: str = LATEST, form: str = "parquet") -> list[tuple[Any, ...]]:
    query = f"SELECT {columns} FROM read_{form}('{home.current_export}/latest_scores.{form}') ORDER BY ALL"
    return duckdb.execute(query).fetchall()


def expect_current(home: Home) -> list[tuple[Any, ...]]:
    with open_copy(home.published) as connection:
        return connection.execute(f"SELECT {LATEST} FROM latest_scores ORDER BY ALL").fetchall()


@pytest.mark.slow
def test_the_current_scores_are_those_of_latest_scores_in_the_last_format_alone(promoted: Home) -> None:
    run(promoted, CURRENT)
    add(promoted, "g.csv", [{"review_id": "r1", "text": "newer", "score": 0.1}])
    for form in FORMS:
        assert run(promoted, CURRENT, form=form).rows == 3
        assert read_current(promoted, form=form) == expect_current(promoted)
        assert {path.name for path in promoted.current_export.iterdir()} == {LEDGER, f"latest_scores.{form}"}


def test_the_columns_are_typed_as_documented(promoted: Home) -> None:
    run(promoted, CURRENT)
    described = duckdb.execute(f"DESCRIBE FROM '{promoted.current_export}/latest_scores.parquet'").fetchall()
    types = {name: kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for name, kind, *_ in described}
    assert types == {name: kind for name, kind in COLUMNS.items() if name not in ABSENT}
    assert read_current(promoted, "review_id, extra->>'shop', source")[0] == ("r1", "a", "default")


def test_a_ledger_that_lists_files_elsewhere_deletes_none(promoted: Home) -> None:
    kept = promoted.folder / "kept.txt"
    kept.write_text("mine")
    run(promoted, CURRENT)
    ledger = promoted.current_export / LEDGER
    content = json.loads(ledger.read_text())
    ledger.write_text(json.dumps({**content, "outdated": ["../kept.txt"]}))
    run(promoted, CURRENT, form="csv")
    assert kept.read_text() == "mine"


def test_options_for_parts_of_the_scores_are_refused(promoted: Home) -> None:
    assert "so --new does not fit" in call(promoted, "--current", "--new", status=2)
    assert not promoted.current_export.exists()


# In a store


class KilledError(Exception):
    """Ends an export as a kill would: nothing of what follows in the program is done."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a store."""
    made = tmp_path / "scores"
    made.mkdir()
    return made


def store(home: Home, folder: Path, request: ExportRequest = NEW) -> int:
    return export(home, f"file://{folder}", request)[1].rows


def read_store(folder: Path) -> list[tuple[Any, ...]]:
    """Return the rows of all files, as an engine that knows no ledger reads them."""
    if not list(folder.rglob("*.parquet")):
        return []
    query = f"SELECT source_sha256, row_number FROM read_parquet('{folder}/**/*.parquet') ORDER BY ALL"
    return duckdb.execute(query).fetchall()


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
@pytest.mark.parametrize("request_", [NEW, ExportRequest()], ids=["new", "all"])
@pytest.mark.parametrize("steps", range(4))
def test_rows_are_in_a_store_once_after_an_export_that_was_killed(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch, request_: ExportRequest, steps: int
) -> None:
    add(home, "a.csv", [{}, {"scored_at": NEXT_DAY}])
    store(home, folder)
    add(home, "b.csv", [{}])
    with monkeypatch.context() as patch:
        kill_after(patch, steps)
        try:
            store(home, folder, request_)
        except KilledError:
            rows = read_store(folder)
            assert len(rows) == len(set(rows))
    store(home, folder)
    assert read_store(folder) == sorted(row[:2] for row in expect(home))
    assert not any(path.is_file() for path in home.uploads.rglob("*") if path.name != "id")


def kill_after(patch: pytest.MonkeyPatch, steps: int) -> None:
    """Let an export write so many times to its store; the next write is done, and ends it; no claim is given back."""
    done: list[str] = []

    def wrap(name: str) -> None:
        act = getattr(object_operations, name)

        def write(*arguments: Any) -> None:
            if len(done) > steps:
                raise KilledError
            act(*arguments)
            done.append(name)
            if len(done) > steps:
                raise KilledError

        patch.setattr(places, name, write)

    for name in ("put", "delete"):
        wrap(name)
    patch.setattr("tasks.store.folder_claim.delete", lambda *arguments: None)


@pytest.mark.slow
def test_another_home_does_not_write_into_a_store_at_the_same_time(home: Home, folder: Path) -> None:
    add(home, "a.csv", [{}])
    (folder / LEASE).write_text('{"id": "x", "host": "far", "home": "/away"}')
    with pytest.raises(SourceError, match="far:/away"):
        store(home, folder)
    (folder / LEASE).unlink()
    assert store(home, folder) == 1


def test_the_claim_of_a_killed_export_is_taken_over_by_its_home(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(home, "a.csv", [{}])
    with monkeypatch.context() as patch:
        patch.setattr("tasks.store.folder_claim.delete", lambda *arguments: None)
        store(home, folder)
    assert LEASE in list_names(folder)
    assert store(home, folder) == 0
    assert LEASE not in list_names(folder)
