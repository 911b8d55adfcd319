"""Tests of exports: every scored row once, in a folder per day, after any kills; and no formulas in spreadsheets."""

import csv
import errno
import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from data_contracts.errors import ReviewsError, SourceError, UsageError, WarehouseError
from data_contracts.storage.faults import FAULT_POINTS
from data_contracts.storage.home import Home
from flows.command.actions.export import export as export_command
from flows.command.cli import main
from tasks.exports import by_day
from tasks.exports.by_day import export_reviews
from tasks.exports.export_files import FORMATS, Exported, ExportRequest
from tasks.exports.export_ledger import LEDGER, LEDGER_VERSION, ExportFormat
from tasks.support.locking import hold_folder
from tasks.warehouse.publishing import publish
from tests.support.databases import open_copy
from tests.support.exported_homes import HOSTILE, add, change
from tests.support.forked import run_to_fault
from tests.support.once import copy_once
from tests.support.warehouse_parts import NOON, hash_text

NEXT_DAY = NOON + timedelta(days=1)
CSV = ExportRequest(form="csv")
OLD_MANNER = {"form": "parquet", "with_text": True, "raw": False}
OLD_FORMAT = ExportFormat(with_extra=False, with_source=False)
KEYS = "source_sha256, row_number, model_id, run_id, score, text, day"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def run(
    home: Home, request: ExportRequest | None = None, start_progress: Any = None, **changes: Any
) -> Exported:
    request = replace(request or ExportRequest(), **changes)
    further = [start_progress] if start_progress else []
    return export_reviews(home.published, home.exports, request, *further)


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
    assert (done.rows, done.files) == (2, 2)
    assert read(home) == expect(home)
    assert [row[-1] for row in read(home)] == [date(2026, 3, 1), date(2026, 3, 2)]
    assert list_files(home) == [
        LEDGER,
        "day=2026-03-01/reviews-000001.parquet",
        "day=2026-03-02/reviews-000001.parquet",
    ]


@pytest.mark.slow
def test_a_day_is_that_of_utc(home: Home) -> None:
    last = datetime.fromisoformat("2026-03-01T23:59:59.999999+00:00")
    add(home, "f.csv", [{"scored_at": last}, {"scored_at": last + timedelta(microseconds=1)}])
    run(home)
    assert [row[-1] for row in read(home)] == [date(2026, 3, 1), date(2026, 3, 2)]


def test_a_row_has_what_its_file_said_and_what_the_model_found(home: Home) -> None:
    given = {"review_id": "r1", "movie_id": "tt1", "reviewed_at": NOON, "given_label": "positive"}
    extra = '{"user":{"name":"Ann"}}'
    add(home, "f.csv", [{**given, "given_rating": 8.0, "score": 0.75, "text": "fine", "extra": extra}])
    run(home)
    path = home.exports / "day=2026-03-01" / "reviews-000001.parquet"
    [row] = pq.ParquetFile(path).read().to_pylist()
    assert row == {
        **given,
        "source_sha256": hash_text("f.csv"),
        "row_number": 1,
        "given_rating": 8.0,
        "model_id": "model-a",
        "score": 0.75,
        "sentiment": "positive",
        "predicted_rating": 7.75,
        "token_count": 4,
        "oov_rate": 0.25,
        "truncated": False,
        "scored_at": NOON,
        "run_id": "run-1",
        "uri": "f.csv",
        "member": None,
        "source": "default",
        "extra": '{"user":{"name":"Ann"}}',
        "text": "fine",
    }


@pytest.mark.slow
def test_a_folder_of_an_earlier_version_keeps_its_columns(home: Home) -> None:
    add(home, "f.csv", [{}])
    run(home, no_extra=True)
    make_old_ledger(home)
    add(home, "g.csv", [{}])
    told = export_command(home, None, ExportRequest(only_new=True))
    assert "begun without the columns source and extra" in told
    names = pq.read_schema(home.exports / "day=2026-03-01" / "reviews-000002.parquet").names
    assert {"source", "extra"} & set(names) == set()
    run(home)
    assert json.loads((home.exports / LEDGER).read_text())["manner"]["with_source"] is True


def test_the_columns_of_the_files_can_be_left_out_but_the_source_stays(home: Home) -> None:
    add(home, "f.csv", [{}])
    run(home, no_extra=True)
    names = pq.read_schema(home.exports / "day=2026-03-01" / "reviews-000001.parquet").names
    assert ("extra" in names, "source" in names) == (False, True)


def test_csv_is_read_by_duckdb_with_its_days(home: Home) -> None:
    add(home, "f.csv", [{}, {"scored_at": NEXT_DAY}])
    run(home, CSV)
    assert read(home, "csv") == expect(home)


def test_a_second_new_export_gives_nothing(home: Home) -> None:
    add(home, "f.csv", [{}, {}])
    assert run(home, only_new=True).rows == 2
    before = {name: (home.exports / name).stat().st_mtime_ns for name in list_files(home)}
    assert run(home, only_new=True) == Exported(0, 0, 0, ExportFormat())
    assert {name: (home.exports / name).stat().st_mtime_ns for name in list_files(home)} == before


@pytest.mark.slow
def test_a_new_export_adds_what_came_in_and_leaves_the_rest(home: Home) -> None:
    add(home, "f.csv", [{}, {}])
    run(home)
    first = home.exports / "day=2026-03-01" / "reviews-000001.parquet"
    before = first.read_bytes()
    add(home, "g.csv", [{}])
    assert run(home, only_new=True).rows == 1
    assert first.read_bytes() == before
    assert read(home) == expect(home)


@pytest.mark.slow
def test_scores_of_another_model_come_with_the_next_new_export(home: Home) -> None:
    add(home, "f.csv", [{}, {}])
    run(home, only_new=True)
    add(home, "f.csv", [{"score": 0.1}, {}], model_id="model-b")
    assert run(home, only_new=True).rows == 2
    assert read(home) == expect(home)


@pytest.mark.slow
def test_released_rows_come_with_the_next_new_export(home: Home) -> None:
    add(home, "f.csv", [{}])
    run(home, only_new=True)
    change(
        home,
        *(
            f"INSERT INTO {table} SELECT * REPLACE (2 AS row_number{also}) FROM {table}"
            for table, also in (("source_reviews", ""), ("scored_reviews", ", 'run-2' AS run_id"))
        ),
    )
    assert run(home, only_new=True).rows == 1
    assert read(home) == expect(home)


def test_a_row_without_a_run_is_exported_once(home: Home) -> None:
    add(home, "f.csv", [{}])
    change(home, "UPDATE scored_reviews SET run_id = NULL")
    assert [run(home, only_new=True).rows for _ in range(2)] == [1, 0]


@pytest.mark.slow
def test_since_leaves_out_days_which_a_later_new_export_brings(home: Home) -> None:
    add(home, "f.csv", [{}, {"scored_at": NEXT_DAY}])
    assert run(home, since=NEXT_DAY.date()).rows == 1
    assert [row[-1] for row in read(home)] == [NEXT_DAY.date()]
    assert run(home, only_new=True, since=NEXT_DAY.date()).rows == 0
    assert run(home, only_new=True).rows == 1
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
    monkeypatch.setattr(by_day, "CHUNK_ROWS", 3)
    for name in ("f.csv", "g.csv"):
        add(home, name, [{}] * 5)
    for form in FORMATS:
        assert run(home, ExportRequest(form)).rows == 10
        assert read(home, form) == expect(home)


def test_the_progress_is_told_of_all_rows_and_of_each_chunk(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_day, "CHUNK_ROWS", 2)
    add(home, "f.csv", [{}] * 3)
    told: list[int] = []

    class Progress:
        def __init__(self, total: int) -> None:
            told.append(total)

        def __enter__(self) -> Any:
            return told.append

        def __exit__(self, *raised: object) -> None: ...

    run(home, start_progress=Progress)
    assert told[0] == sum(told[1:]) == 3
    assert len(told) > 2


def export_and_add(home: Home) -> None:
    """Export a file of two days, then add another one."""
    add(home, "f.csv", [{}, {"scored_at": NEXT_DAY}])
    run(home)
    add(home, "g.csv", [{}, {"scored_at": NEXT_DAY}])


@pytest.mark.process
@pytest.mark.parametrize("only_new", [False, True])
@pytest.mark.parametrize("point", [point for point in FAULT_POINTS if point.startswith("export:")])
def test_an_export_that_is_killed_is_completed_by_the_next(home: Home, point: str, only_new: bool) -> None:
    copy_once("exported, and scored since", home.folder, lambda folder: export_and_add(Home(folder)))
    run_to_fault(point, export_command, home, None, ExportRequest(only_new=only_new))
    assert len(read(home)) == len(set(read(home)))
    export_command(home, None, ExportRequest(only_new=only_new))
    assert read(home) == expect(home)
    assert not [name for name in list_files(home) if ".tmp" in name]


@pytest.mark.process
def test_a_first_export_that_is_killed_leaves_nothing_that_counts(home: Home) -> None:
    add(home, "f.csv", [{}])
    run_to_fault("export: before ledger", export_command, home, None, ExportRequest())
    assert list_files(home) == ["day=2026-03-01/.reviews-000001.parquet.tmp"]
    run(home, only_new=True)
    assert read(home) == expect(home)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["write_ledger", "make_durable"])
def test_a_full_disk_leaves_the_export_before_it(
    home: Home, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    add(home, "f.csv", [{}])
    run(home)
    before, rows = list_files(home), read(home)
    add(home, "g.csv", [{}])

    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(by_day, step, fail)
        with pytest.raises(OSError, match="No space left"):
            run(home)
    assert run(home, only_new=True).rows == 1
    assert [name for name in list_files(home) if name in before] == before
    assert [row for row in read(home) if row in rows] == rows
    assert read(home) == expect(home)


@pytest.mark.slow
def test_files_that_were_taken_away_are_not_exported_again(home: Home) -> None:
    add(home, "f.csv", [{}])
    run(home, only_new=True)
    (home.exports / "day=2026-03-01" / "reviews-000001.parquet").unlink()
    add(home, "g.csv", [{}])
    assert run(home, only_new=True).rows == 1
    assert [row[0] for row in read(home)] == [hash_text("g.csv")]


def test_files_of_others_are_left_alone(home: Home) -> None:
    add(home, "f.csv", [{}])
    kept = [home.exports / "notes.txt", home.exports / "day=2026-03-01" / "mine.parquet"]
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    run(home)
    run(home, CSV)
    assert [path.read_text() for path in kept] == ["mine", "mine"]


def test_hostile_texts_are_whole_in_parquet(home: Home) -> None:
    add(home, "f.csv", [{"text": text} for text in HOSTILE])
    run(home)
    assert [row[5] for row in read(home)] == HOSTILE


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


def test_raw_csv_has_texts_as_they_are(home: Home) -> None:
    add(home, "f.csv", [{"text": text} for text in HOSTILE])
    run(home, ExportRequest("csv", raw=True))
    assert read_cells(home, "text") == HOSTILE


def test_numbers_stay_numbers_in_csv(home: Home) -> None:
    add(home, "f.csv", [{}])
    change(
        home,
        "UPDATE source_reviews SET given_rating = 8.0",
        "UPDATE scored_reviews SET score = 0.1, predicted_rating = -1.5",
    )
    run(home, CSV)
    assert [
        read_cells(home, name) for name in ("given_rating", "score", "predicted_rating", "truncated")
    ] == [
        ["8.0"],
        ["0.1"],
        ["-1.5"],
        ["false"],
    ]


def test_lines_of_csv_end_in_lf(home: Home) -> None:
    add(home, "f.csv", [{}])
    run(home, CSV)
    [path] = home.exports.glob("*/*.csv")
    assert (path.read_bytes().count(b"\r"), path.read_bytes().count(b"\n")) == (0, 2)


@pytest.mark.parametrize("form", FORMATS)
def test_a_date_out_of_this_world_stops_no_export(home: Home, form: str) -> None:
    moments = ["infinity", "-infinity", "290000-01-01"]
    add(home, "f.csv", [{} for _ in moments])
    change(
        home,
        *(
            f"UPDATE source_reviews SET reviewed_at = '{moment}'::TIMESTAMPTZ WHERE row_number = {number}"
            for number, moment in enumerate(moments, 1)
        ),
    )
    assert run(home, ExportRequest(form)).rows == 3


def test_texts_can_be_left_out(home: Home) -> None:
    add(home, "f.csv", [{}])
    run(home, ExportRequest(no_text=True))
    path = home.exports / "day=2026-03-01" / "reviews-000001.parquet"
    assert "text" not in pq.read_schema(path).names
    assert not [
        each for each in home.exports.rglob("*") if each.is_file() and b"text 1 of f.csv" in each.read_bytes()
    ]


@pytest.mark.slow
def test_a_new_export_keeps_to_the_manner_of_the_folder(home: Home) -> None:
    add(home, "f.csv", [{}])
    run(home, ExportRequest("csv", no_text=True))
    add(home, "g.csv", [{}])
    assert run(home, only_new=True).export_format == ExportFormat("csv", with_text=False)


@pytest.mark.parametrize(
    "request_made",
    [
        ExportRequest("csv"),
        ExportRequest(no_text=True),
        ExportRequest(raw=True),
        ExportRequest(no_extra=True),
    ],
)
def test_a_new_export_in_another_manner_is_refused(home: Home, request_made: ExportRequest) -> None:
    add(home, "f.csv", [{}])
    run(home)
    with pytest.raises(UsageError, match="holds an export made as --format parquet, and --new adds"):
        run(home, request_made, only_new=True)


def test_an_export_without_its_ledger_is_not_touched(home: Home) -> None:
    add(home, "f.csv", [{}])
    run(home)
    (home.exports / LEDGER).unlink()
    with pytest.raises(UsageError, match=f"belongs to an export whose {LEDGER} is missing"):
        run(home)
    assert read(home) == expect(home)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is damaged"),
        ("{}", "is damaged"),
        ('{"version": 99}', "a newer version"),
        (
            '{"version": 2, "number": 1, "manner": {}, "files": [], "keys": [["day", "a", "m", "r", "1-x"]]}',
            "is damaged",
        ),
    ],
)
def test_a_ledger_that_can_not_be_read_is_named(home: Home, content: str, message: str) -> None:
    add(home, "f.csv", [{}])
    run(home)
    (home.exports / LEDGER).write_text(content)
    with pytest.raises(UsageError, match=message):
        run(home)


def test_the_ledger_holds_keys_alone(home: Home) -> None:
    add(home, "f.csv", [{"review_id": "r1", "text": "a secret"}])
    run(home)
    ledger = json.loads((home.exports / LEDGER).read_text())
    assert ledger["keys"] == [["2026-03-01", hash_text("f.csv"), "model-a", "run-1", "1"]]
    assert ledger["files"] == ["day=2026-03-01/reviews-000001.parquet"]


def test_after_a_restore_rows_scored_anew_are_not_added_twice(home: Home) -> None:
    add(home, "f.csv", [{}])
    run(home)
    change(home, "UPDATE scored_reviews SET run_id = 'run-after-restore'")
    with pytest.raises(UsageError, match="an older backup was restored"):
        run(home, only_new=True)
    run(home)
    assert read(home) == expect(home)


FORGET = "INSERT INTO forgotten_rows VALUES ('{}', {}, false, NULL, 'ann', now(), NULL, NULL)"


def forget_row(home: Home, row: int) -> None:
    chosen = f"source_sha256 = '{hash_text('f.csv')}' AND row_number = {row}"
    deleted = [f"DELETE FROM {table} WHERE {chosen}" for table in ("source_reviews", "scored_reviews")]
    change(home, *deleted, FORGET.format(hash_text("f.csv"), row))


def make_old_ledger(home: Home) -> None:
    """Change the ledger to version 1, which had no numbers of rows."""
    path = home.exports / LEDGER
    content = json.loads(path.read_text())
    keys = [key[:4] for key in content["keys"]]
    path.write_text(json.dumps({**content, "version": 1, "manner": OLD_MANNER, "keys": keys}))


def test_the_numbers_of_exported_rows_are_kept_as_ranges(home: Home) -> None:
    add(home, "f.csv", [{}] * 6)
    for row in (2, 6):
        forget_row(home, row)
    run(home)
    [key] = json.loads((home.exports / LEDGER).read_text())["keys"]
    assert key[4] == "1,3-5"


@pytest.mark.parametrize("forgotten", [[2], [2, 3, 4]])
def test_rows_scored_anew_after_a_restore_are_not_added_twice_though_others_of_their_file_were_forgotten(
    home: Home, forgotten: list[int]
) -> None:
    add(home, "f.csv", [{}] * 3)
    forget_row(home, 3)
    run(home)
    exported = read(home)
    change(
        home,
        *(FORGET.format(hash_text("f.csv"), row) + " ON CONFLICT DO NOTHING" for row in forgotten),
        f"DELETE FROM scored_reviews WHERE row_number IN ({', '.join(map(str, forgotten))})",
        "UPDATE scored_reviews SET run_id = 'run-after-restore'",
    )
    with pytest.raises(UsageError, match="an older backup was restored"):
        run(home, only_new=True)
    assert read(home) == exported


def test_the_numbers_that_an_older_ledger_lacks_are_added_by_the_next_export(home: Home) -> None:
    add(home, "f.csv", [{}, {}])
    run(home)
    make_old_ledger(home)
    assert run(home, only_new=True) == Exported(0, 0, 0, OLD_FORMAT)
    ledger = json.loads((home.exports / LEDGER).read_text())
    assert (ledger["version"], [key[4] for key in ledger["keys"]]) == (LEDGER_VERSION, ["1-2"])


def test_beside_rows_of_an_older_ledger_that_are_gone_the_same_rows_are_not_added(home: Home) -> None:
    add(home, "f.csv", [{}, {}])
    run(home)
    make_old_ledger(home)
    forget_row(home, 1)
    change(home, "UPDATE scored_reviews SET run_id = 'run-after-restore'")
    with pytest.raises(UsageError, match="export everything again"):
        run(home, only_new=True)


def test_what_was_forgotten_since_stops_no_new_export(home: Home) -> None:
    add(home, "f.csv", [{}])
    run(home)
    sha = hash_text("f.csv")
    change(
        home,
        "UPDATE scored_reviews SET row_number = 2, run_id = 'run-of-release'",
        "UPDATE source_reviews SET row_number = 2",
        f"INSERT INTO forgotten_rows VALUES ('{sha}', 1, false, NULL, 'ann', now(), NULL, NULL)",
    )
    assert run(home, only_new=True).rows == 1


def test_a_score_without_its_text_is_told_and_nothing_is_exported(home: Home) -> None:
    add(home, "f.csv", [{}, {}])
    change(home, "DELETE FROM source_reviews WHERE row_number = 1")
    with pytest.raises(ReviewsError, match="1 rows were read, but the database counts 2"):
        run(home)
    assert list_files(home) == []


def test_an_empty_database_gives_an_empty_export(home: Home) -> None:
    publish(home)
    assert run(home).rows == 0
    assert list_files(home) == [LEDGER]


def test_without_a_published_copy_the_next_step_is_named(home: Home) -> None:
    with pytest.raises(WarehouseError, match="there is no published copy"):
        run(home)


def test_two_exports_to_one_folder_at_a_time_are_refused(home: Home) -> None:
    add(home, "f.csv", [{}])
    home.exports.mkdir()
    with hold_folder(home.exports), pytest.raises(SourceError, match="another run is writing there"):
        run(home)


def test_the_command_says_what_is_there_and_how_to_read_it(home: Home) -> None:
    add(home, "f.csv", [{}, {}])
    exported = export_command(home, None, ExportRequest())
    assert exported.startswith("Exported 2 scored rows with their texts (1 file, 0.0 MiB):")
    query = exported.split("To read the whole folder in SQL: ")[1]
    assert len(duckdb.execute(query).fetchall()) == 2
    assert (
        export_command(home, None, ExportRequest(only_new=True)) == f"Nothing new to export: {home.exports}"
    )


def test_an_export_does_not_go_into_the_inbox(home: Home) -> None:
    with pytest.raises(UsageError, match="lies in `inbox/` of the home"):
        export_command(home, home.inbox / "out", ExportRequest())


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--raw"], "--raw needs --format csv"), (["--since", "24.11.2026"], "Write it as 2026-11-24")],
)
def test_wrong_usage_of_the_command_ends_with_status_2(home: Home, options: list[str], message: str) -> None:
    done = CliRunner().invoke(main, ["export", *options], env={"REVIEWS_HOME": str(home.folder)})
    assert (done.exit_code, message in done.stderr) == (2, True)


def test_the_command_writes_to_a_folder_that_is_named(home: Home, tmp_path: Path) -> None:
    add(home, "f.csv", [{}])
    command = ["export", str(tmp_path / "share"), "--format", "csv", "--no-text", "--since", "2026-03-01"]
    done = CliRunner().invoke(main, command, env={"REVIEWS_HOME": str(home.folder)})
    assert done.exit_code == 0
    assert (tmp_path / "share" / "day=2026-03-01" / "reviews-000001.csv").is_file()
