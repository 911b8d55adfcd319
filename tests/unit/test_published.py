"""Tests of the published copy: replaced atomically, readable at any time, and read-only."""

import io
import os
import threading
import time
from pathlib import Path

import duckdb
import pytest

from data_contracts.errors import UsageError, WarehouseError
from data_contracts.storage.home import Home
from tasks.queries.run_query import ask_published, query_published, write_answer
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.migrating import name_log
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.latest_scores import rebuild
from tasks.warehouse.publishing import needs_publishing, publish
from tests.support.once import copy_once
from tests.support.warehouse_parts import PartFile, write_part
from tests.unit.view_tables import add_source_row

HOSTILE = "\x1b[31mred\x1b[0m"


@pytest.fixture
def published(warehouse: Path, tmp_path: Path) -> Path:
    """A published copy for one test."""
    copy_once("published", tmp_path, lambda folder: make_copy(folder / "home" / warehouse.name, folder))
    return Home(warehouse.parent).published


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published copy that tests only read."""
    folder = tmp_path_factory.mktemp("shared")
    return make_copy(folder / "home" / "reviews.duckdb", folder)


def make_copy(warehouse: Path, folder: Path) -> Path:
    """Publish two reviews of one file, scored by a promoted model."""
    rows = [{"review_id": "r1", "text": HOSTILE}, {"review_id": "r2"}]
    commit_parts(warehouse, write_part(folder / "part", [PartFile("f.csv", rows)]))
    promote_and_publish(Home(warehouse.parent))
    return Home(warehouse.parent).published


def promote_and_publish(home: Home) -> None:
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute(
            "INSERT INTO promotions VALUES (1, 'promote', 'model-a', 'first', NULL, now(), NULL, NULL)"
        )
        rebuild(connection)
    publish(home)


def publish_without_review(folder: Path) -> None:
    """Publish a row in quarantine and a refused file, with a champion."""
    home = Home(folder / "home")
    files = [PartFile("f.csv", bad_rows=[1]), PartFile("g.csv", status="refused")]
    commit_parts(home.warehouse, write_part(folder / "part", files))
    promote_and_publish(home)


def ask(path: Path, sql: str) -> str:
    return "".join(query_published(path, sql, "csv"))


def count_sources(path: Path) -> str:
    return ask(path, "SELECT count(*) FROM source_reviews").split()[1]


@pytest.mark.slow
def test_the_copy_changes_only_by_publishing(warehouse: Path, published: Path) -> None:
    with open_warehouse(warehouse, write=True) as connection:
        add_source_row(connection, "g.csv", 1)
    assert count_sources(published) == "2"
    publish(Home(warehouse.parent))
    assert count_sources(published) == "3"


def test_a_copy_has_what_a_killed_command_left_in_the_log(warehouse: Path, published: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("DELETE FROM source_reviews WHERE review_id = 'r1'")
    publish(Home(warehouse.parent))
    assert count_sources(published) == "1"


def test_an_open_reader_does_not_lock_the_writer_out(
    warehouse: Path, published: Path, tmp_path: Path
) -> None:
    answer = query_published(published, "SELECT * FROM range(1000000)", "csv")
    next(answer)
    part = write_part(tmp_path / "next", [PartFile("g.csv", [{}])])
    assert commit_parts(warehouse, part).files_scored == 1
    answer.close()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_every_copy_is_whole_while_others_commit_and_publish(
    warehouse: Path, published: Path, tmp_path: Path
) -> None:
    def work() -> None:
        for number in range(4):
            part = write_part(tmp_path / f"part-{number}", [PartFile(f"{number}.csv", [{}, {}])])
            commit_parts(warehouse, part)
            publish(Home(warehouse.parent))

    worker = threading.Thread(target=work)
    worker.start()
    seen = []
    while worker.is_alive():
        query = "SELECT (SELECT count(*) FROM source_reviews), (SELECT sum(rows_read) FROM scored_files)"
        seen.append(ask(published, query).splitlines()[1].split(","))
    worker.join()
    assert seen
    assert all(texts == rows for texts, rows in seen)
    assert count_sources(published) == "10"


@pytest.mark.slow
def test_what_readers_do_not_see_yet_needs_publishing(
    warehouse: Path, published: Path, tmp_path: Path
) -> None:
    assert not needs_publishing(Home(warehouse.parent))
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute("INSERT INTO inbox_files VALUES ('a', 1, 2, 'x', now(), now(), NULL)")
    assert not needs_publishing(Home(warehouse.parent))
    commit_parts(warehouse, write_part(tmp_path / "next", [PartFile("g.csv", [{}])]))
    assert needs_publishing(Home(warehouse.parent))
    publish(Home(warehouse.parent))
    assert not needs_publishing(Home(warehouse.parent))


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO promotions VALUES (2, 'promote', 'model-b', 'better', NULL, now(), NULL, NULL)",
        "UPDATE quarantined_rows SET released_at = now()",
        # With the clock set back, or after a restore, neither the number of rows nor the newest moment need change.
        "UPDATE scored_files SET committed_at = committed_at - INTERVAL 1 DAY WHERE status = 'refused'",
        "UPDATE promotions SET model_id = 'model-b'",
        # The same change of the last column of an even number of rows.
        "UPDATE scored_files SET superseded_at = now()",
    ],
)
def test_a_promotion_a_release_and_a_file_tried_again_need_publishing(
    warehouse: Path, tmp_path: Path, statement: str
) -> None:
    copy_once("published without a review", tmp_path, publish_without_review)
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute(statement)
    assert needs_publishing(Home(warehouse.parent))


def test_a_copy_that_holds_what_was_forgotten_needs_publishing(warehouse: Path, published: Path) -> None:
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute(
            "INSERT INTO forgotten_rows VALUES ('f', 1, false, 'asked for', 'ann', now(), NULL, NULL, NULL, true)"
        )
        connection.execute("DELETE FROM source_reviews WHERE row_number = 1")
    assert needs_publishing(Home(warehouse.parent))


def test_a_copy_with_older_views_needs_publishing(warehouse: Path, published: Path) -> None:
    with duckdb.connect(str(published)) as connection:
        connection.execute("UPDATE schema_migrations SET views_sha256 = 'of an older version'")
    assert needs_publishing(Home(warehouse.parent))


def test_a_database_that_has_shrunk_is_published_once(warehouse: Path, published: Path) -> None:
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute("CREATE TABLE large AS SELECT hash(range)::VARCHAR AS words FROM range(200_000)")
        connection.execute("CHECKPOINT")
        connection.execute("DROP TABLE large")
    publish(Home(warehouse.parent))
    assert not needs_publishing(Home(warehouse.parent))


def test_the_log_of_an_older_copy_is_not_taken_for_that_of_the_new_one(
    warehouse: Path, published: Path
) -> None:
    with duckdb.connect(str(published)) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("DELETE FROM source_reviews")
    publish(Home(warehouse.parent))
    assert not name_log(published).exists()
    assert count_sources(published) == "2"


def test_before_the_first_publishing_the_message_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "published" / "reviews.duckdb"
    with pytest.raises(WarehouseError, match=r"published/reviews\.duckdb: there is no.*`reviews score`"):
        ask(path, "SELECT 1")
    assert not path.parent.exists()


def test_a_query_that_meets_a_lost_block_says_that_the_copy_is_damaged_and_what_to_do(
    warehouse: Path, published: Path
) -> None:
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute("CREATE TABLE large AS SELECT hash(range)::VARCHAR AS words FROM range(200_000)")
    publish(Home(warehouse.parent))
    os.truncate(published, published.stat().st_size - 2**20)
    with pytest.raises(WarehouseError, match=r"The published copy is damaged\. Next: .*`reviews score`"):
        ask(published, "SELECT max(words) FROM large")


@pytest.mark.parametrize("damage", ["garbage", "empty", "cut at its end", "a folder", "gone"])
def test_the_next_publishing_heals_a_broken_copy(warehouse: Path, published: Path, damage: str) -> None:
    whole = published.read_bytes()
    left = {"garbage": b"x" * len(whole), "empty": b"", "cut at its end": whole[:-4096]}
    published.unlink()
    if damage in left:
        published.write_bytes(left[damage])
    elif damage == "a folder":
        published.mkdir()
    assert needs_publishing(Home(warehouse.parent))
    publish(Home(warehouse.parent))
    assert not needs_publishing(Home(warehouse.parent))
    assert count_sources(published) == "2"


def test_a_broken_copy_advises_a_new_one_and_no_restore(published: Path) -> None:
    published.write_bytes(b"x" * 100_000)
    with pytest.raises(WarehouseError, match="move it away and run `reviews score`") as caught:
        ask(published, "select 1")
    assert "restore" not in str(caught.value)


def test_a_folder_with_files_in_the_place_of_the_copy_is_left_alone(warehouse: Path, published: Path) -> None:
    published.unlink()
    (published / "more").mkdir(parents=True)
    with pytest.raises(WarehouseError, match="move that folder away"):
        publish(Home(warehouse.parent))
    assert (published / "more").is_dir()


@pytest.mark.parametrize("sql", ["", "-- only a comment"])
def test_an_empty_query_is_wrong_usage(shared: Path, sql: str) -> None:
    with pytest.raises(UsageError, match="query is empty"):
        ask(shared, sql)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", 'Parser Error: syntax error at or near "SELEC"'),
        ("SELECT nope FROM models", '"nope" not found in FROM clause.\nCandidate bindings'),
        ("FROM Rejected_files", "The named query rejected-files answers that: reviews sql rejected-f"),
        (f"SELECT '{HOSTILE}'::INTEGER", r"\\x1b\[31mred"),
        ("SELECT if(i = 5000, error('late'), i) FROM range(10000) AS t(i)", "late"),
    ],
)
def test_a_query_that_fails_says_why_in_our_words(shared: Path, sql: str, message: str) -> None:
    with pytest.raises(WarehouseError, match=f"(?s)The query failed: .*{message}") as caught:
        ask(shared, sql)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM models",
        "INSERT INTO inbox_files VALUES ('a', 1, 2, 'x', now(), now(), NULL)",
        "DROP VIEW latest_scores",
        "BEGIN; DELETE FROM models; COMMIT",
    ],
)
def test_a_statement_that_writes_is_told_that_the_copy_is_read_only(shared: Path, sql: str) -> None:
    with pytest.raises(WarehouseError, match="The published copy can only be read"):
        ask(shared, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "FROM read_csv('{file}')",
        "FROM read_text('{file}')",
        "FROM read_parquet('{file}')",
        "FROM glob('/*')",
        "ATTACH '{file}.duckdb'",
        "COPY (SELECT 1) TO '{file}.csv'",
        "COPY models FROM '{file}'",
        "EXPORT DATABASE '{file}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "UPDATE EXTENSIONS",
        "COPY (SELECT 1) TO '{copy}.tmp/a.csv'",
        "COPY (SELECT 1) TO (current_setting('temp_directory') || '/a.csv')",
        "FROM read_text('{copy}.tmp/*')",
    ],
)
def test_files_and_extensions_are_out_of_reach(shared: Path, tmp_path: Path, sql: str) -> None:
    file = tmp_path / "secret"
    file.write_text("secret")
    with pytest.raises(WarehouseError, match="reaches the published tables alone"):
        ask(shared, sql.format(file=file, copy=shared))


@pytest.mark.slow
def test_what_killed_readers_wrote_beside_the_copy_goes_with_the_next_publishing(
    warehouse: Path, published: Path
) -> None:
    left = [published.with_name(name) for name in (".duckdb.spill.999999999", f"{published.name}.tmp")]
    kept = published.with_name(f".duckdb.spill.{os.getppid()}")
    for folder in (*left, kept):
        folder.mkdir()
        (folder / "spilled").write_text(HOSTILE)
    publish(Home(warehouse.parent))
    assert [folder.exists() for folder in (*left, kept)] == [False, False, True]


@pytest.mark.parametrize(
    "sql", ["SET enable_external_access = true", "SET lock_configuration = false", "RESET memory_limit"]
)
def test_the_settings_that_hold_this_can_not_be_changed(shared: Path, sql: str) -> None:
    with pytest.raises(WarehouseError, match=r"can't be changed|configuration"):
        ask(shared, sql)


def test_a_query_takes_at_most_a_quarter_of_the_memory(shared: Path) -> None:
    read_limit = "SELECT current_setting('memory_limit') AS most"
    with duckdb.connect(config={"memory_limit": "25%"}) as connection:
        [(quarter,)] = connection.execute(read_limit).fetchall()
    assert ask(shared, read_limit) == f"most\n{quarter}\n"


def test_a_name_in_a_query_is_never_a_variable_of_this_program(shared: Path) -> None:
    with pytest.raises(WarehouseError, match="columns does not exist"):
        ask(shared, "FROM columns")


def test_the_last_of_several_statements_is_answered(shared: Path) -> None:
    assert ask(shared, "CREATE TEMP TABLE t AS SELECT 7 AS a; SELECT a FROM t") == "a\n7\n"


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_no_code_that_steers_it_reaches_a_terminal(shared: Path, form: str) -> None:
    out = Terminal()
    write_answer(shared, "SELECT text FROM source_reviews ORDER BY row_number", form, out)
    assert "\x1b" not in out.getvalue()
    assert "red" in out.getvalue()


def test_a_large_answer_is_given_in_pieces(shared: Path) -> None:
    query = "SELECT i, repeat('x', 1000) FROM range(10000000) AS t(i)"
    started = time.monotonic()
    first = next(query_published(shared, query, "csv"))
    assert len(first) < 5_000_000
    assert time.monotonic() - started < 5


def test_no_progress_bar_of_a_slow_query_gets_into_its_answer(shared: Path) -> None:
    assert ask(shared, "SELECT current_setting('enable_progress_bar') AS drawn") == "drawn\nfalse\n"


def test_several_questions_are_answered_from_one_state(
    warehouse: Path, published: Path, tmp_path: Path
) -> None:
    with ask_published(published) as ask_it:
        ask_it("CREATE TEMP TABLE mine AS SELECT review_id FROM source_reviews")
        commit_parts(warehouse, write_part(tmp_path / "next", [PartFile("g.csv", [{}])]))
        publish(Home(warehouse.parent))
        assert ask_it("SELECT count(*) AS rows FROM source_reviews") == [{"rows": 2}]
        assert ask_it("FROM mine WHERE review_id = $name", {"name": "r1"}) == [{"review_id": "r1"}]
        with pytest.raises(WarehouseError, match="The published copy can only be read"):
            ask_it("DELETE FROM models")
