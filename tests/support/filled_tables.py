"""Fills tables in memory as scoring runs fill a database, for tests of what is read from them.

To insert the rows of a run takes a tenth of the time of its commit.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import duckdb

from data_contracts.expectations import CheckResult
from data_contracts.part_schemas import PART_ONLY
from tasks.pages.sections import Rows
from tasks.queries.run_query import make_ask
from tasks.report.run_choice import find_run
from tasks.report.writing import make_report, read_report
from tasks.warehouse.latest_scores import rebuild
from tasks.warehouse.run_log import make_check_rows
from tests.support.databases import borrow_tables
from tests.support.report_homes import RUN, key_by_query, name_run
from tests.support.warehouse_parts import NOON, PartFile, make_part

_HOUR = timedelta(hours=1)
_INSERT_RUN = """
INSERT INTO runs (run_id, flow, parameters, code_version, started_at, ended_at, status, counts)
VALUES (?, ?, '{}', '0.1.0+code', ?, ?, ?, ?)
"""
_INSERT_MODEL = """
INSERT INTO models (
    model_id, variant, seed, dataset, data_fingerprint, code_fingerprint, bundle_fingerprint, test_accuracy, trained_at
) VALUES (?, 'lstm', 0, 'stanford', 'd', 'c', 'b', 0.8, ?)
"""
_PROMOTE = (
    "INSERT INTO promotions SELECT count(*) + 1, 'promote', ?, 'first', NULL, ?, NULL, NULL FROM promotions"
)
# Texts and rows in quarantine are stored once, whichever models score their file.
_OF_NEW = (
    "FROM part WHERE source_sha256 NOT IN (SELECT source_sha256 FROM scored_files WHERE status = 'scored')"
)
_ROWS = {
    "source_reviews": _OF_NEW,
    "quarantined_rows": _OF_NEW,
    "scored_files": f"""
        SELECT * EXCLUDE ({", ".join(PART_ONLY)}) REPLACE (coalesce(source, 'default') AS source),
        getvariable('committed_at') AS committed_at, epoch_us(getvariable('committed_at')) AS commit_number FROM part
    """,
    "scored_reviews": "FROM part JOIN (SELECT source_sha256, model_id, source FROM scored_files) "
    "USING (source_sha256, model_id)",
}
"""SQL: the rows of each table, in the order in which they are inserted."""
_LIST_TEMPORARY = """
SELECT 'VIEW', view_name FROM duckdb_views() WHERE temporary AND NOT internal
UNION ALL SELECT 'TABLE', table_name FROM duckdb_tables() WHERE temporary ORDER BY ALL DESC
"""


class FilledTables:
    """Tables with runs, each an hour after the one before it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.ask = make_ask(connection)
        last = "SELECT coalesce(max(started_at), ?) FROM runs"
        [(self.moment,)] = connection.execute(last, [NOON]).fetchall()

    def run(
        self,
        files: Sequence[PartFile] = (),
        run_id: str = RUN,
        *,
        flow: str = "score-reviews",
        status: str = "completed",
        model_id: str = "model-a",
    ) -> None:
        """Record a run, and insert the rows of its files."""
        self.moment += _HOUR
        counts = json.dumps({"files_scored": len(files)})
        times = [self.moment, self.moment + _HOUR / 2]
        self.connection.execute(_INSERT_RUN, [run_id, flow, *times, status, counts])
        self.connection.execute("SET VARIABLE committed_at = ?::TIMESTAMPTZ", [self.moment + _HOUR / 4])
        part = make_part([name_run(file, run_id) for file in files], model_id)
        for name, rows in _ROWS.items() if files else ():
            self.connection.register("part", part[name])
            self.connection.execute(f"INSERT INTO {name} BY NAME {rows}")

    def promote(self, model_id: str = "model-a") -> None:
        """Make a model the champion, after the last run."""
        moment = self.moment + _HOUR * 3 / 4
        self.connection.execute(_INSERT_MODEL, [model_id, moment])
        self.connection.execute(_PROMOTE, [model_id, moment])

    def change(self, *statements: str) -> None:
        """Run SQL."""
        for statement in statements:
            self.connection.execute(statement)

    def settle(self) -> None:
        """Set what commits maintain beside the rows."""
        rebuild(self.connection)

    def record(self, results: Sequence[CheckResult], run_id: str = RUN) -> None:
        """Record results of checks."""
        self.connection.register("checks", make_check_rows(run_id, results))
        self.connection.execute("INSERT INTO contract_results BY NAME FROM checks")

    def read_report(self, run_id: str = RUN) -> dict[str, Rows]:
        """Return the rows of the sections of a run's report, by the names of their queries."""
        rows = key_by_query(read_report(self.ask, *find_run(self.ask, run_id)))
        self.drop_temporary()
        return rows

    def make_report(self, run_id: str = RUN) -> str:
        """Return the report of a run."""
        page = make_report(self.ask, *find_run(self.ask, run_id))
        self.drop_temporary()
        return page

    def drop_temporary(self) -> None:
        """Drop what a reader made, as if its connection was closed."""
        for kind, name in self.connection.execute(_LIST_TEMPORARY).fetchall():
            self.connection.execute(f'DROP {kind} "{name}"')


@contextmanager
def fill_tables() -> Iterator[FilledTables]:
    """Lend empty tables, which are emptied again when the block ends."""
    with borrow_tables() as connection:
        yield FilledTables(connection)
