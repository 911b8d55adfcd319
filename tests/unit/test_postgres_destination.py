"""Tests of deliveries to a real PostgreSQL: every row once, whatever is killed, changed by hand or forgotten."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_contracts.errors import DestinationError, DestinationUnreachableError
from data_contracts.storage.home import Home
from tasks.delivery import changes, postgres
from tasks.delivery.columns import Layout
from tasks.delivery.delivering import deliver, inspect, read_standing
from tasks.delivery.destinations import Destination
from tasks.delivery.results import Delivered
from tasks.warehouse.publishing import publish
from tests.support.databases import open_copy
from tests.support.deliveries import ALL, CURRENT, OF_TABLES, ROW, change, make_history, select_wanted
from tests.support.histories import CHANGES, History
from tests.support.postgres import PostgresServer, run_postgres_or_skip

if TYPE_CHECKING:
    import psycopg

pytestmark = [pytest.mark.process, pytest.mark.slow]

WANTED = select_wanted("source_sha256, row_number, model_id, score, sentiment")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with run_postgres_or_skip() as running:
        yield running


@pytest.fixture
def connection(server: PostgresServer) -> Iterator["psycopg.Connection[Any]"]:
    """A connection to the database of the destinations, which is empty again afterwards."""
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as made:
        yield made
        made.execute("DROP SCHEMA IF EXISTS bi CASCADE")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> History:
    return make_history(tmp_path_factory.mktemp("history"))


@pytest.fixture
def history(made: History, tmp_path: Path) -> History:
    return made.copy(tmp_path)


@pytest.fixture
def home(history: History) -> Home:
    return make_home(history)


def make_home(history: History) -> Home:
    home = Home(history.folder)
    home.destinations.mkdir()
    publish(home)
    return home


def make(server: PostgresServer, layout: Layout = CURRENT) -> Destination:
    return Destination("bi", "postgres", layout, f"bi.scores_{layout.rows}", server.url)


def read(connection: "psycopg.Connection[Any]", rows: str = "current") -> list[tuple[Any, ...]]:
    query = (
        f"SELECT source_sha256, row_number, model_id, score, sentiment FROM bi.scores_{rows} ORDER BY 1, 2, 3"
    )
    return connection.execute(query).fetchall()


def expect(home: Home, rows: str = "current") -> list[tuple[Any, ...]]:
    with open_copy(home.published) as opened:
        return sorted(opened.execute(WANTED[rows]).fetchall())


@settings(max_examples=1)
@given(steps=st.lists(CHANGES, min_size=6, max_size=9))
@example(
    steps=[("forget", 1), ("add", [[ROW]]), ("export", [[{**ROW, "review_id": "r9"}]]), ("bring back", 0)]
)
def test_after_any_history_the_tables_equal_the_home(
    server: PostgresServer, steps: list[tuple[str, Any]]
) -> None:
    import psycopg

    with TemporaryDirectory() as folder, psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS bi CASCADE")
        history = History(Path(folder))
        home = make_home(history)
        history.add([[ROW, {**ROW, "review_id": "r2"}], [ROW]])
        for step in [None, *steps]:
            if step is not None:
                history.apply(step)
            publish(home)
            for layout in (ALL, CURRENT):
                deliver(home, make(server, layout))
                assert sorted(read(connection, layout.rows)) == expect(home, layout.rows)
        assert deliver(home, make(server)) == Delivered()
        connection.execute("DROP SCHEMA IF EXISTS bi CASCADE")


def test_a_forgotten_row_is_gone_from_everywhere_and_leaves_its_number(
    server: PostgresServer, connection: "psycopg.Connection[Any]", home: Home, history: History
) -> None:
    destination = make(server, replace(ALL, texts=True))
    deliver(home, destination)
    change(history, ("forget", 0))
    assert deliver(home, destination).removed == 1
    forgotten = history.files[0][0].source_sha256
    removed = connection.execute("SELECT source_sha256, row_number FROM bi.scores_all_removed").fetchall()
    assert removed == [(forgotten, 1)]
    assert (forgotten, 1) not in [row[:2] for row in read(connection, "all")]


def test_a_transaction_that_is_cut_off_leaves_nothing_and_the_next_delivery_goes_on(
    server: PostgresServer, connection: "psycopg.Connection[Any]", home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends the connection in the second of two transactions."""
    monkeypatch.setattr(changes, "BATCH_ROWS", 1)
    passed: list[str] = []

    def cut(point: str) -> None:
        passed.append(point)
        if passed.count(OF_TABLES[0]) == 2:
            passed.append(point)
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reviews'"
            )

    with monkeypatch.context() as patch:
        patch.setattr(postgres, "pass_fault_point", cut)
        with pytest.raises(DestinationUnreachableError, match="check the server"):
            deliver(home, make(server))
    assert [
        row[0] for row in connection.execute("SELECT count(*) FROM bi.scores_current_files").fetchall()
    ] == [1]
    assert read_standing(home, "bi").error is not None
    assert deliver(home, make(server)).files == 1
    assert read(connection) == expect(home)


@pytest.mark.parametrize("name", ["scores_current", "scores_current_files", "scores_current_removed"])
def test_a_table_of_somebody_else_is_refused_and_left_as_it_is(
    server: PostgresServer, connection: "psycopg.Connection[Any]", home: Home, name: str
) -> None:
    connection.execute(f"CREATE SCHEMA bi; CREATE TABLE bi.{name} AS SELECT 7 AS theirs")
    with pytest.raises(DestinationError, match=f"there is a table bi.{name} already"):
        deliver(home, make(server))
    assert connection.execute(f"SELECT * FROM bi.{name}").fetchall() == [(7,)]


def test_a_server_that_hangs_is_given_up(
    server: PostgresServer, connection: "psycopg.Connection[Any]", home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(home, make(server))
    monkeypatch.setattr(postgres, "TRANSACTION_SECONDS", 0.2)
    with connection.transaction():
        connection.execute("LOCK TABLE bi.scores_current_delivery")
        with pytest.raises(DestinationUnreachableError):
            deliver(home, make(server), repeats=True)


def test_a_column_that_is_gone_is_an_error_that_says_what_to_do_and_a_delivery_of_all_fills_it_again(
    server: PostgresServer, connection: "psycopg.Connection[Any]", home: Home, history: History
) -> None:
    deliver(home, make(server))
    connection.execute("ALTER TABLE bi.scores_current DROP COLUMN score")
    change(history, ("add", [[ROW]]))
    said = "column score was of type double precision, and is gone.*ADD COLUMN score.*deliver bi --again"
    with pytest.raises(DestinationError, match=said):
        deliver(home, make(server))
    connection.execute("ALTER TABLE bi.scores_current ADD COLUMN score double precision")
    connection.execute("DELETE FROM bi.scores_current WHERE row_number = 1")
    deliver(home, make(server), repeats=True)
    assert read(connection) == expect(home)


def test_texts_can_be_added_later_and_not_be_left_behind(
    server: PostgresServer, connection: "psycopg.Connection[Any]", home: Home
) -> None:
    deliver(home, make(server))
    deliver(home, make(server, replace(CURRENT, texts=True)))
    assert connection.execute("SELECT DISTINCT text FROM bi.scores_current").fetchall() == [("good",)]
    with pytest.raises(DestinationError, match="DROP COLUMN text, or set texts = true"):
        deliver(home, make(server))


def test_another_home_is_refused_until_it_takes_over(
    server: PostgresServer, connection: "psycopg.Connection[Any]", home: Home
) -> None:
    deliver(home, make(server))
    home.id_file.write_text("another")
    with pytest.raises(DestinationError, match="another home delivers"):
        deliver(home, make(server))
    deliver(home, make(server), repeats=True, takes_over=True)
    assert deliver(home, make(server)) == Delivered()


def test_values_that_postgresql_has_otherwise_are_delivered(
    server: PostgresServer, connection: "psycopg.Connection[Any]", home: Home, history: History
) -> None:
    rows = [{**ROW, "review_id": name} for name in ("", 'a "b", c\n\\N', "nul \x00", "\\.", "NULL", "dates")]
    change(history, ("add", [rows]))
    from tasks.warehouse.database.warehouse_connection import open_warehouse

    with open_warehouse(home.warehouse, write=True) as opened:
        for name, date in (
            ("", "44-03-15 (BC) 01:02:03"),
            ("\\.", "infinity"),
            ("NULL", "9999-12-31"),
            ("dates", "9000-01-01 (BC)"),
        ):
            opened.execute("UPDATE source_reviews SET reviewed_at = ? WHERE review_id = ?", [date, name])
    publish(home)
    deliver(home, make(server))
    query = "SELECT review_id, reviewed_at::text FROM bi.scores_current WHERE review_id NOT LIKE 'r_'"
    assert dict(connection.execute(query).fetchall()) == {
        "": "0044-03-15 01:02:03+00 BC",
        'a "b", c\n\\N': None,
        "nul \N{REPLACEMENT CHARACTER}": None,
        "\\.": "infinity",
        "NULL": "9999-12-31 00:00:00+00",
        "dates": "-infinity",
    }


def test_a_check_changes_nothing_and_counts(
    server: PostgresServer, connection: "psycopg.Connection[Any]", home: Home
) -> None:
    assert inspect(home, make(server)).rows_held is None
    assert connection.execute("SELECT to_regnamespace('bi')").fetchall() == [(None,)]
    deliver(home, make(server))
    connection.execute("DELETE FROM bi.scores_current WHERE row_number = 1")
    found = inspect(home, make(server))
    assert (found.rows_held, found.rows_wanted, found.files_lacking) == (2, 3, 0)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (None, "REVIEWS_DESTINATION_BI_URL is not set"),
        ("mysql://secret@h/d", "must be like postgresql://"),
        (
            "postgresql://me:secret@127.0.0.1:1/d",
            "check the server, the network and REVIEWS_DESTINATION_BI_URL",
        ),
        ("postgresql://me:pass@secret@127.0.0.1:1/d", "with %40 for @"),
    ],
)
def test_an_address_that_does_not_work_is_named_by_its_variable_alone(
    home: Home, server: PostgresServer, url: str | None, said: str
) -> None:
    with pytest.raises(DestinationError, match=said) as refused:
        deliver(home, replace(make(server), url=url))
    assert "secret" not in str(refused.value)
