"""Tests that `reviews verify` passes after normal runs, and names each kind of violation."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from data_contracts.errors import ReviewsError, WarehouseError
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
from tasks.maintenance.verification import Finding, verify_home
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.publishing import publish
from tests.support.promoting import promote_model
from tests.support.scoring_runs import CSV, copy_scored_home, prove
from tests.support.small_archive import write_archive
from tests.support.small_home import copy_home, copy_scoring_home, ingest, write_small_bundle

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


@pytest.mark.slow
def test_it_holds_after_a_run(scored_home: Home) -> None:
    assert verify(scored_home) == []


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
    f"select {SOURCE}, 1, false, null, 'ann', now(), null, null, null",
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


@pytest.mark.parametrize("promise", CORRUPTIONS)
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


def test_every_promise_of_the_tables_has_its_corruption() -> None:
    assert CORRUPTIONS.keys() == PROMISES.keys()


def change(home: Home, statement: str) -> None:
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute(statement).fetchall()
    publish(home)


def read_status(home: Home) -> tuple[str, dict[str, Any]]:
    """Return what `reviews status` says of the last checks, in words and as JSON."""
    arguments = ["--home", str(home.folder), "status"]
    text, asked = CliRunner().invoke(main, arguments).output, [*arguments, "--format", "json"]
    [line] = [line for line in text.splitlines() if line.startswith("  verif")]
    return line, json.loads(CliRunner().invoke(main, asked).stdout)["verified"]


@pytest.mark.slow
def test_the_status_says_what_the_last_check_has_found(scored_home: Home) -> None:
    assert "never: damage to the tables is not seen here" in read_status(scored_home)[0]
    verify(scored_home)
    words, found = read_status(scored_home)
    assert "damage since then is not seen here" in words
    assert found["broken"] == []
    change(scored_home, "delete from quarantined_rows")
    assert verify(scored_home)
    words, found = read_status(scored_home)
    assert "every row read is accounted for; " in words
    assert words.endswith(f"Next: reviews --home {scored_home.folder} verify")
    assert "every row read is accounted for" in found["broken"]


def test_a_database_that_a_check_cannot_read_to_its_end_is_named_by_the_status(
    scored_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> Iterator[Finding]:
        yield Finding("every row read is accounted for", 0, ())
        raise WarehouseError("reviews.duckdb: is damaged: corrupt block. Next: restore a backup.")

    monkeypatch.setattr(verification, "verify", fail)
    with pytest.raises(WarehouseError):
        verify_home(scored_home, lambda line: None)
    assert ": reviews.duckdb: is damaged: corrupt block. Next: reviews" in read_status(scored_home)[0]


def _alter_bundle(home: Home) -> None:
    [bundle] = home.bundles.iterdir()
    (bundle / "vocabulary.json").write_text(json.dumps(["other", "words"]))


def _remove_bundle(home: Home) -> None:
    [bundle] = home.bundles.iterdir()
    shutil.rmtree(bundle)


@pytest.mark.slow
def test_where_a_promoted_bundle_is_gone_alone_its_folder_of_a_backup_mends_it_and_another_champion_does_not(
    scored_home: Home, tmp_path: Path
) -> None:
    [bundle] = scored_home.bundles.iterdir()
    shutil.move(bundle, tmp_path / bundle.name)
    promote_model(scored_home.warehouse, write_small_bundle(scored_home, seed=1).name, "instead")
    publish(scored_home)
    said: list[str] = []
    with pytest.raises(ReviewsError, match="do what is said of each bundle above; the database is whole"):
        verify_home(scored_home, said.append)
    [missing] = [line for line in said if line.startswith("BROKEN")]
    assert f"{bundle}: there is no such bundle. Next: put its folder of a backup back" in missing
    shutil.move(tmp_path / bundle.name, bundle)
    prove(scored_home)


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


def _cut_copy(home: Home) -> None:
    os.truncate(home.published, home.published.stat().st_size // 2)


@pytest.mark.parametrize("corrupt", [lambda home: home.published.unlink(), _cut_copy])
def test_where_the_next_run_replaces_the_published_copy_the_run_alone_is_advised(
    scored_home: Home, corrupt: Callable[[Home], None]
) -> None:
    corrupt(scored_home)
    with pytest.raises(ReviewsError, match="only the published copy is wrong") as broken:
        verify_home(scored_home, lambda line: None)
    assert str(broken.value).endswith("`reviews score`, which publishes a new copy.")


@pytest.fixture
def ingested_home(empty_home: Home) -> Home:
    """A home with the reviews of a small archive, after a check that found all promises kept."""

    def fill(made: Home) -> None:
        copy_scoring_home(made)
        ingest(write_archive(made.folder / "small.tar.gz"), accept_unverified=True)
        prove(made)

    return copy_home(empty_home, "ingested", fill)


def _lose_row(home: Home) -> None:
    path = home.reviews / "train.parquet"
    table: pa.Table = pq.read_table(path)
    pq.write_table(table.slice(1), path)


@pytest.mark.slow
def test_a_lost_row_of_the_parquet_is_found(ingested_home: Home) -> None:
    _lose_row(ingested_home)
    assert verify(ingested_home)
