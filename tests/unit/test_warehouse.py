"""Tests that the warehouse is opened by one process at a time, migrated, and never with a raw database error."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from data_contracts.errors import WarehouseError
from data_contracts.part_schemas import PART_ONLY, PART_SCHEMAS
from data_contracts.warehouse import Migration, list_migrations, read_views
from tasks.warehouse.database.migrating import bring_up_to_date
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support.forked import start

IS_NEW = pytest.mark.usefixtures("new_databases")
"""For what depends on how a database is made: others get a copy of one."""

HOLD = """
import sys, time
import duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def hold(path: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(path), str(seconds)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def end(holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.communicate()


def make_tables(path: Path) -> None:
    with open_warehouse(path, write=True):
        pass


@IS_NEW
def test_the_file_has_the_storage_format_that_older_tools_read(warehouse: Path) -> None:
    with open_warehouse(warehouse, write=True) as connection:
        query = (
            "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = current_database()"
        )
        assert connection.execute(query).fetchall() == [("v1.4.0+",)]


@pytest.mark.parametrize("table", sorted(PART_SCHEMAS))
def test_the_columns_of_a_part_are_those_of_its_table(warehouse: Path, table: str) -> None:
    with open_warehouse(warehouse, write=False) as connection:
        found = connection.sql(f"FROM {table} LIMIT 0").to_arrow_table().schema
    assert not {*PART_ONLY} & {*found.names}
    for column in (each for each in PART_SCHEMAS[table] if each.name not in PART_ONLY):
        stored = found.field(column.name).type
        expected = pa.string() if pa.types.is_string(stored) else stored
        # JSON comes as such, so that it is not parsed once more; DuckDB gives it back as text.
        kept = column.type.storage_type if isinstance(column.type, pa.JsonType) else column.type
        assert kept == expected, column.name


LATEST = list_migrations()[-1].version
ADD_LANGUAGE = Migration(LATEST + 1, "add_language", "ALTER TABLE source_reviews ADD COLUMN language VARCHAR")


@pytest.mark.slow
def test_an_older_database_is_brought_up_to_date_with_its_rows(warehouse: Path) -> None:
    with open_warehouse(warehouse, write=True) as connection:
        row = "INSERT INTO source_reviews (source_sha256, row_number, text, text_sha256) VALUES ('s', 1, 'good', 't')"
        connection.execute(row)
        bring_up_to_date(connection, [*list_migrations(), ADD_LANGUAGE], read_views())
        assert connection.execute("SELECT text, language FROM source_reviews").fetchall() == [("good", None)]
        applied = connection.execute(
            "SELECT version, name FROM schema_migrations ORDER BY version"
        ).fetchall()
    assert applied[0] == (4, "0004_tables_of_0_1_0")
    assert applied[-1] == (LATEST + 1, "add_language")


@pytest.mark.slow
def test_a_migration_that_fails_leaves_nothing_of_itself(warehouse: Path) -> None:
    broken = Migration(LATEST + 1, "broken", "CREATE TABLE half (a INTEGER); SELECT error('no')")
    with pytest.raises(WarehouseError, match="no"), open_warehouse(warehouse, write=True) as connection:
        bring_up_to_date(connection, [*list_migrations(), broken], read_views())
    with open_warehouse(warehouse, write=False) as connection:
        assert connection.execute("SELECT max(version) FROM schema_migrations").fetchall() == [(LATEST,)]
        assert connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'half'").fetchall() == []


def test_a_database_of_a_step_between_releases_is_refused_with_the_commit_that_knows_it(
    warehouse: Path,
) -> None:
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute("DELETE FROM schema_migrations")
        connection.execute("INSERT INTO schema_migrations VALUES (17, 'between', now(), NULL)")
    with (
        pytest.raises(WarehouseError, match=r"version 17, which no release.*Next: open it with commit"),
        open_warehouse(warehouse, write=False),
    ):
        pass


@pytest.mark.slow
def test_views_are_made_anew_when_they_differ(warehouse: Path) -> None:
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute("CREATE OR REPLACE VIEW movie_ratings AS SELECT 1 AS outdated")
        connection.execute("UPDATE schema_migrations SET views_sha256 = 'of an older version'")
    with open_warehouse(warehouse, write=False) as connection:
        columns = [name for name, *_ in connection.execute("DESCRIBE movie_ratings").fetchall()]
    assert columns[0] == "movie_id"


@pytest.mark.slow
def test_a_database_of_a_newer_version_is_refused_with_a_next_step(warehouse: Path) -> None:
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (99, '0099_later', now(), NULL)")
    for write in (True, False):
        with (
            pytest.raises(WarehouseError, match=r"version 99, this program knows \d+.*update this program"),
            open_warehouse(warehouse, write=write),
        ):
            pass


def test_a_database_of_another_program_is_refused(warehouse: Path) -> None:
    warehouse.parent.mkdir()
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("CREATE TABLE theirs (a INTEGER)")
    with (
        pytest.raises(WarehouseError, match=r"theirs.*another program"),
        open_warehouse(warehouse, write=True),
    ):
        pass


@pytest.mark.parametrize("damage", [b"", b"not a database" * 1000, None])
def test_a_file_that_is_no_sound_database_is_refused_and_left_as_it_is(
    warehouse: Path, damage: bytes | None
) -> None:
    make_tables(warehouse)
    whole = warehouse.read_bytes()
    content = whole[:20_000] + bytes(len(whole) - 20_000) if damage is None else damage
    warehouse.write_bytes(content)
    with pytest.raises(WarehouseError, match="reviews restore BACKUP"), open_warehouse(warehouse, write=True):
        pass
    assert warehouse.read_bytes() == content


@IS_NEW
def test_a_log_left_without_its_database_is_not_taken_for_that_of_a_new_one(warehouse: Path) -> None:
    warehouse.parent.mkdir()
    warehouse.with_name("reviews.duckdb.wal").write_bytes(b"of another database" * 100)
    with open_warehouse(warehouse, write=True) as connection:
        assert connection.execute("SELECT count(*) FROM models").fetchall() == [(0,)]


@IS_NEW
def test_a_half_made_database_of_a_killed_process_is_made_anew(warehouse: Path) -> None:
    warehouse.parent.mkdir()
    warehouse.with_name(".reviews.duckdb.999999999.tmp").write_bytes(b"half")
    make_tables(warehouse)
    assert [path.name for path in warehouse.parent.iterdir()] == ["reviews.duckdb"]


def test_a_database_error_in_the_block_comes_out_as_ours(warehouse: Path) -> None:
    with pytest.raises(WarehouseError, match=r"reviews\.duckdb: Catalog Error.*Next:") as caught:  # noqa: SIM117
        with open_warehouse(warehouse, write=True) as connection:
            connection.execute("SELECT * FROM nowhere")
    assert "\n" not in str(caught.value)


@pytest.mark.process
def test_it_waits_until_another_process_has_closed_the_database(warehouse: Path) -> None:
    make_tables(warehouse)
    holder = hold(warehouse, 1.0)
    started = time.monotonic()
    with open_warehouse(warehouse, write=True, wait_seconds=30):
        waited = time.monotonic() - started
    end(holder)
    assert 0.3 < waited < 25


@pytest.mark.process
def test_it_gives_up_after_the_time_given_and_names_the_process_that_has_it(warehouse: Path) -> None:
    make_tables(warehouse)
    holder = hold(warehouse, 60)
    message = rf"in use for more than 0\.2 s.*PID {holder.pid}"
    with (
        pytest.raises(WarehouseError, match=message),
        open_warehouse(warehouse, write=False, wait_seconds=0.2),
    ):
        pass
    end(holder)


def test_threads_of_one_process_take_turns(warehouse: Path) -> None:
    inside: list[int] = []
    most = []

    def visit(number: int) -> None:
        with open_warehouse(warehouse, write=bool(number % 2)):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.01)
            inside.remove(number)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def add_row(path: Path, uri: str) -> None:
    with open_warehouse(path, write=True) as connection:
        connection.execute("INSERT INTO inbox_files VALUES (?, 1, 2, 'x', now(), now(), NULL)", [uri])


@pytest.mark.process
def test_processes_that_make_the_database_at_once_lose_nothing(warehouse: Path) -> None:
    workers = [start(add_row, warehouse, f"uri-{number}") for number in range(3)]
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 3
    with open_warehouse(warehouse, write=False) as connection:
        assert connection.execute("SELECT count(*) FROM inbox_files").fetchall() == [(3,)]
