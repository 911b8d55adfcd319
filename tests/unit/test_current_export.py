"""Tests of exports of the current scores: one row per review, in one file that is always whole."""

import csv
import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from data_contracts.errors import SourceError, UsageError
from data_contracts.storage.home import Home
from flows.command.actions.export import export as export_command
from flows.command.cli import main
from tasks.exports import current
from tasks.exports.by_day import export_reviews
from tasks.exports.current import FILES, export_current
from tasks.exports.export_files import CHUNK_ROWS, COLUMNS, Exported, ExportRequest
from tasks.exports.export_ledger import LEDGER
from tasks.support.locking import hold_folder
from tasks.warehouse.publishing import publish
from tests.support.databases import open_copy
from tests.support.exported_homes import HOSTILE, add, change
from tests.support.forked import run_to_fault
from tests.support.once import copy_once
from tests.support.warehouse_parts import NOON

SHARED = (
    "review_id, movie_id, text, score, sentiment, predicted_rating, given_label, given_rating, model_id, uri, "
    "source_sha256, row_number, reviewed_at, scored_at, source"
)
"""The columns of latest_scores."""
SCHEMA = {
    "source_sha256": "string",
    "row_number": "int64",
    "review_id": "string",
    "movie_id": "string",
    "reviewed_at": "timestamp[us, tz=UTC]",
    "given_label": "string",
    "given_rating": "double",
    "model_id": "string",
    "score": "double",
    "sentiment": "string",
    "predicted_rating": "double",
    "token_count": "int32",
    "oov_rate": "float",
    "truncated": "bool",
    "scored_at": "timestamp[us, tz=UTC]",
    "uri": "string",
    "member": "string",
    "source": "string",
    "extra": "string",
    "text": "string",
}
ROWS: list[dict[str, Any]] = [
    {"review_id": "r1", "extra": '{"shop":"a"}'},
    {"review_id": "r2"},
    {"reviewed_at": NOON},
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with three reviews, scored by a model that was promoted."""
    home = Home(tmp_path / "home")
    copy_once("current export", home.folder, lambda folder: fill(Home(folder)))
    return home


def fill(home: Home) -> None:
    change(home, "INSERT INTO promotions VALUES (1, 'promote', 'model-a', '', NULL, now(), NULL, NULL)")
    add(home, "f.csv", ROWS)


def run(home: Home, form: str = "parquet", **options: Any) -> Exported:
    return export_current(home.published, home.current_export, ExportRequest(form, current=True, **options))


def find_file(home: Home, form: str = "parquet") -> Path:
    return home.current_export / FILES[form]


def read(home: Home, columns: str = SHARED, form: str = "parquet") -> list[tuple[Any, ...]]:
    query = f"SELECT {columns} FROM read_{form}('{find_file(home, form)}') ORDER BY ALL"
    return duckdb.execute(query).fetchall()


def expect(home: Home) -> list[tuple[Any, ...]]:
    with open_copy(home.published) as connection:
        return connection.execute(f"SELECT {SHARED} FROM latest_scores ORDER BY ALL").fetchall()


def list_files(home: Home) -> list[str]:
    return sorted(path.name for path in home.current_export.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("form", FILES)
def test_the_rows_are_those_of_latest_scores(home: Home, form: str) -> None:
    add(home, "g.csv", [{"review_id": "r1", "text": "newer", "score": 0.1}])
    assert run(home, form).rows == 3
    assert read(home, form=form) == expect(home)
    assert [row[2] for row in read(home, form=form)].count("newer") == 1


def test_the_schema_is_the_documented_one(home: Home) -> None:
    run(home)
    schema = pq.read_schema(find_file(home))
    assert {field.name: str(field.type) for field in schema} == SCHEMA


def test_a_row_has_the_other_columns_of_its_file_as_json(home: Home) -> None:
    run(home)
    assert read(home, "review_id, extra->>'shop', source")[0] == ("r1", "a", "default")


@pytest.mark.parametrize("form", FILES)
def test_without_a_review_the_file_has_its_columns(tmp_path: Path, form: str) -> None:
    home = Home(tmp_path / "home")
    publish(home)
    assert run(home, form).rows == 0
    described = duckdb.execute(f"DESCRIBE FROM read_{form}('{find_file(home, form)}')").fetchall()
    assert [name for name, *_ in described] == list(SCHEMA)


def test_the_next_export_replaces_the_file(home: Home) -> None:
    run(home)
    change(home, "DELETE FROM source_reviews WHERE review_id = 'r1'")
    run(home)
    assert read(home) == expect(home)
    assert list_files(home) == [LEDGER, "latest_scores.parquet"]


def test_another_format_takes_the_place_of_the_one_before(home: Home) -> None:
    run(home)
    run(home, "csv")
    assert list_files(home) == [LEDGER, "latest_scores.csv"]
    assert json.loads((home.current_export / LEDGER).read_text())["files"] == ["latest_scores.csv"]


def test_rows_are_read_in_chunks_without_loss(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "CHUNK_ROWS", 2)
    run(home)
    assert read(home) == expect(home)
    assert pq.ParquetFile(find_file(home)).num_row_groups == 2
    assert CHUNK_ROWS < 100_000


def fail(*arguments: object) -> Iterator[int]:
    yield 1
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.slow
def test_a_full_disk_leaves_the_file_before_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    run(home)
    before = find_file(home).read_bytes()
    add(home, "g.csv", [{"review_id": "r9"}])
    with monkeypatch.context() as patch:
        patch.setattr(current, "write_chunks", fail)
        with pytest.raises(OSError, match="No space left"):
            run(home)
    assert find_file(home).read_bytes() == before
    assert list_files(home) == [LEDGER, "latest_scores.parquet"]


@pytest.mark.process
def test_an_export_that_is_killed_before_its_file_is_there_is_completed_by_the_next(home: Home) -> None:
    run_to_fault("export: after ledger", export_command, home, None, ExportRequest(current=True))
    assert list_files(home) == [LEDGER]
    run(home)
    assert read(home) == expect(home)


def test_what_a_killed_export_left_is_removed_by_the_next(home: Home) -> None:
    run(home)
    (home.current_export / ".latest_scores.csv.1.tmp").write_text("half")
    run(home)
    assert list_files(home) == [LEDGER, "latest_scores.parquet"]


def test_both_files_of_an_export_killed_while_its_format_changed_are_still_its_own(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(home)
    with monkeypatch.context() as patch:
        patch.setattr(current, "_drop_other_files", lambda *arguments: None)
        run(home, "csv")
    assert list_files(home) == [LEDGER, "latest_scores.csv", "latest_scores.parquet"]
    run(home, "csv")
    assert list_files(home) == [LEDGER, "latest_scores.csv"]


def test_a_folder_with_an_export_of_every_score_is_left_as_it_is(home: Home) -> None:
    export_reviews(home.published, home.current_export, ExportRequest())
    before = list_files(home)
    with pytest.raises(UsageError, match="holds an export of every score"):
        run(home)
    assert list_files(home) == before


@pytest.mark.parametrize("only_new", [False, True])
def test_a_folder_with_the_current_scores_is_left_as_it_is(home: Home, only_new: bool) -> None:
    run(home)
    before = list_files(home)
    with pytest.raises(UsageError, match="holds an export of the current scores"):
        export_reviews(home.published, home.current_export, ExportRequest(only_new=only_new))
    assert list_files(home) == before


def test_an_export_of_every_score_without_its_ledger_is_left_as_it_is(home: Home) -> None:
    export_reviews(home.published, home.current_export, ExportRequest())
    (home.current_export / LEDGER).unlink()
    with pytest.raises(UsageError, match=f"belongs to an export whose {LEDGER} is missing"):
        run(home)


def test_a_file_of_that_name_that_is_no_export_is_left_as_it_is(home: Home) -> None:
    home.current_export.mkdir()
    find_file(home).write_text("mine")
    with pytest.raises(UsageError, match="is there, but belongs to no export"):
        run(home)
    assert find_file(home).read_text() == "mine"
    assert list_files(home) == ["latest_scores.parquet"]


def test_a_ledger_that_lists_files_elsewhere_deletes_none(home: Home) -> None:
    kept = home.folder / "kept.txt"
    kept.write_text("mine")
    run(home)
    ledger = home.current_export / LEDGER
    content = json.loads(ledger.read_text())
    ledger.write_text(json.dumps({**content, "files": [*content["files"], "../kept.txt"]}))
    run(home, "csv")
    assert kept.read_text() == "mine"


def test_texts_that_a_spreadsheet_would_run_are_neutralised_and_lines_end_in_lf(home: Home) -> None:
    add(home, "g.csv", [{"text": text} for text in HOSTILE[:4]])
    run(home, "csv")
    with find_file(home, "csv").open(newline="", encoding="utf-8") as stream:
        texts = [row["text"] for row in csv.DictReader(stream, strict=True)]
    assert {f"'{text}" for text in HOSTILE[:4]} < set(texts)
    assert b"\r" not in find_file(home, "csv").read_bytes()


def test_texts_and_other_columns_can_be_left_out(home: Home) -> None:
    run(home, no_text=True, no_extra=True)
    assert pq.read_schema(find_file(home)).names == [name for name in SCHEMA if name not in ("text", "extra")]


def test_two_exports_to_one_folder_at_a_time_are_refused(home: Home) -> None:
    home.current_export.mkdir()
    with hold_folder(home.current_export), pytest.raises(SourceError, match="another run is writing there"):
        run(home)


def test_a_date_out_of_this_world_stops_no_export(home: Home) -> None:
    change(home, "UPDATE source_reviews SET reviewed_at = 'infinity'::TIMESTAMPTZ")
    assert [run(home, form).rows for form in FILES] == [3, 3]


def test_the_command_tells_how_to_read_the_file(home: Home) -> None:
    told = export_command(home, None, ExportRequest(current=True))
    assert told.startswith("Exported 3 reviews with their texts (1 file, 0.0 MiB):")
    assert len(duckdb.execute(told.split("To read it in SQL: ")[1]).fetchall()) == 3


@pytest.mark.parametrize("option", [["--new"], ["--since", "2026-03-01"]])
def test_options_for_parts_of_the_scores_are_refused(home: Home, option: list[str]) -> None:
    environment = {"REVIEWS_HOME": str(home.folder)}
    done = CliRunner().invoke(main, ["export", "--current", *option], env=environment)
    assert (done.exit_code, f"so {option[0]} does not fit" in done.stderr) == (2, True)
    assert not home.current_export.exists()


def test_the_columns_are_typed_as_duckdb_reads_them(home: Home) -> None:
    run(home)
    described = duckdb.execute(f"DESCRIBE FROM '{find_file(home)}'").fetchall()
    types = {name: kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for name, kind, *_ in described}
    assert types == {name: COLUMNS[name] for name in SCHEMA}
