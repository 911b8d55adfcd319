"""Tests that `reviews verify` passes after normal runs, and names each kind of violation."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from data_contracts.errors import ReviewsError
from data_contracts.storage.home import Home
from flows.command.cli import main
from tasks.maintenance import verification
from tasks.maintenance.data_promises import (
    FLIPS_PROMISE,
    KEYS_PROMISE,
    PROMISES,
    READINGS_PROMISE,
    SHADOW_SUMS_PROMISE,
    SUMS_PROMISE,
)
from tasks.maintenance.verification import verify_home
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.publishing import publish
from tests.support.scoring_runs import CSV, copy_scored_home, prove
from tests.support.small_archive import write_archive
from tests.support.small_home import ingest

SOURCE = "(select source_sha256 from scored_files limit 1)"
SHADOW_SCORE = f"""
insert into shadow_scores values ({SOURCE}, 1, 'unrecorded', 0.5, 'positive', 5, 1, 0, false, 'run', now())
"""


def verify(home: Home) -> list[str]:
    """Return the lines on broken promises."""
    said: list[str] = []
    try:
        verify_home(home, said.append)
    except ReviewsError:
        return [line for line in said if line.startswith("BROKEN")]
    assert said[-1] == "All promises hold."
    return []


CORRUPTIONS = {
    "every row read is accounted for": "delete from quarantined_rows",
    "the tables have as many rows as the ledger": "delete from scored_files",
    "no row is scored twice by one model": "insert into scored_reviews from scored_reviews where row_number = 1",
    "no text is stored twice": "insert into source_reviews from source_reviews where row_number = 1",
    "every score has its text": "delete from source_reviews where row_number = 1",
    "every text is scored by each model that scored its file": "delete from scored_reviews where row_number = 2",
    "every text belongs to a scored file": "update scored_files set status = 'refused'",
    "every score belongs to a scored file": "delete from scored_files",
    "no row is both scored and quarantined": "update quarantined_rows set row_number = 1",
    "every released row is scored, and has who released it": "update quarantined_rows set released_at = now()",
    "no forgotten row is stored": "insert into forgotten_rows "
    f"select {SOURCE}, 1, false, null, 'ann', now(), null, null, null, true",
    "every score is a number from 0 to 1, with its sentiment and rating": "update scored_reviews "
    "set predicted_rating = 'nan'",
    "every model that scored is known and was promoted": "delete from promotions",
    "every score of a shadow is there once, with its text, of a file and model that are recorded": SHADOW_SCORE,
    "every file that a shadow scored has its scores": f"insert into shadow_files values ({SOURCE}, 'm', 2, 'r', now())",
    "every promotion is of a known model, and none is missing": "update promotions set number = 7",
    "every text has the sha256 recorded for it": "update source_reviews set text = text || '!'",
    KEYS_PROMISE: "insert into repeated_keys select 'near', near_key from source_reviews limit 1",
    SUMS_PROMISE: "insert into score_sums from score_sums",
    SHADOW_SUMS_PROMISE: f"insert into shadow_sums select {SOURCE}, 'm', 'a', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, []",
    FLIPS_PROMISE: f"insert into flipped_scores select {SOURCE}, 1, 'another model', 0.1",
    READINGS_PROMISE: "update scored_files set superseded_at = now()",
    "latest_scores has the newest row of each review, with the score that counts": "update source_reviews "
    "set is_latest = false",
}
"""A corruption of the tables for each promise of theirs."""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables of a scored home, open for all corruptions, each of which is rolled back."""
    home = copy_scored_home(Home(tmp_path_factory.mktemp("tables") / "home"), {"a.csv": CSV})
    with duckdb.connect(str(home.warehouse)) as connection:
        yield connection


@pytest.mark.parametrize("promise", PROMISES)
def test_a_corruption_of_the_tables_breaks_its_promise(
    tables: duckdb.DuckDBPyConnection, promise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "open_warehouse", lambda path, write: nullcontext(tables))
    tables.begin()
    try:
        tables.execute(CORRUPTIONS[promise]).fetchall()
        found = islice(verification.verify(Home(Path())), len(PROMISES))
        assert any(finding.promise == promise and finding.broken for finding in found)
    finally:
        tables.rollback()


def read_status(home: Home) -> list[str]:
    """Return the broken promises that `reviews status` names."""
    arguments = ["--home", str(home.folder), "status", "--format", "json"]
    broken: list[str] = json.loads(CliRunner().invoke(main, arguments).stdout)["verified"]["broken"]
    return broken


@pytest.mark.slow
def test_all_promises_hold_after_a_run_and_the_status_names_what_the_last_check_found_broken(
    scored_home: Home,
) -> None:
    assert verify(scored_home) == []
    assert read_status(scored_home) == []
    with open_warehouse(scored_home.warehouse, write=True) as connection:
        connection.execute("delete from quarantined_rows")
    publish(scored_home)
    assert verify(scored_home)
    assert "every row read is accounted for" in read_status(scored_home)


def _alter_bundle(home: Home) -> None:
    [bundle] = home.bundles.iterdir()
    (bundle / "vocabulary.json").write_text(json.dumps(["other", "words"]))


def _remove_bundle(home: Home) -> None:
    [bundle] = home.bundles.iterdir()
    shutil.rmtree(bundle)


def _change_copy(home: Home) -> None:
    with duckdb.connect(str(home.published)) as connection:
        connection.execute(
            "update scored_reviews set score = 0.9, sentiment = 'positive', predicted_rating = 9.1"
        )


def _outdate_copy(home: Home) -> None:
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute("update scored_files set committed_at = now()").fetchall()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("corrupt", "promise"),
    [
        (_alter_bundle, "every promoted bundle is unaltered"),
        (_remove_bundle, "every promoted bundle is unaltered"),
        (_outdate_copy, "the published copy is up to date"),
        (_change_copy, "the published copy is up to date"),
        (lambda home: home.published.unlink(), "the published copy is up to date"),
    ],
)
def test_a_corruption_beside_the_tables_breaks_its_promise(
    scored_home: Home, corrupt: Callable[[Home], None], promise: str
) -> None:
    corrupt(scored_home)
    assert [line for line in verify(scored_home) if promise in line]


@pytest.mark.slow
def test_a_lost_row_of_the_parquet_is_found(scoring_home: Home, tmp_path: Path) -> None:
    ingest(write_archive(tmp_path / "small.tar.gz"), accept_unverified=True)
    prove(scoring_home)
    path = scoring_home.reviews / "train.parquet"
    rows: pa.Table = pq.read_table(path)
    pq.write_table(rows.slice(1), path)
    assert verify(scoring_home)
