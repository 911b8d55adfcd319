"""Tests that a home of version 0.1.0 goes on with this one: every promise holds, and its scores stay the same.

The code of that version made `tests/support/homes/home-0.1.0.tar.xz`: a small model without training, three files that
it scored, one that it refused, and a backup.
"""

import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data_contracts.storage.home import Home
from tasks.snapshots.home_backup import restore_home
from tests.support.scoring_runs import drop, prove, run
from tests.support.small_home import ask

FIXTURE = Path(__file__).parents[1] / "support" / "homes" / "home-0.1.0.tar.xz"
SCORES = "source_sha256, row_number, model_id, score, sentiment, predicted_rating, scored_at"


def read_scores(database: Path) -> list[tuple[Any, ...]]:
    """Read every score by plain SQL, which changes nothing in the database."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(f"SELECT {SCORES} FROM scored_reviews ORDER BY ALL").fetchall()


def hash_files(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file below a folder."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def old_home(empty_home: Home) -> Home:
    """A home as version 0.1.0 left it."""
    with tarfile.open(FIXTURE) as archive:
        # Python 3.11.2, that of Debian 12, has no filters.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(empty_home.folder)
    return empty_home


@pytest.mark.slow
def test_a_home_of_0_1_0_is_upgraded_with_the_same_scores_and_can_go_back_by_its_backup(
    old_home: Home,
) -> None:
    before, backups = read_scores(old_home.warehouse), hash_files(old_home.backups)
    assert len(before) == 5
    assert run(rescore=True).files_scored == 0  # it upgrades the database and publishes it
    assert read_scores(old_home.warehouse) == before
    drop(old_home, "thursday.csv", "review_id,text\nd,good film\n")
    assert run().files_scored == 1
    prove(old_home)
    # The model of that version gives the score that it gave there.
    rows = "scored_reviews JOIN source_reviews USING (source_sha256, row_number)"
    scores = ask(old_home.published, f"SELECT score FROM {rows} WHERE text = 'good film'")
    assert len(scores) == 2
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)
    assert [row for row in read_scores(old_home.warehouse) if row in before] == before
    # What the earlier version would restore is untouched.
    assert hash_files(old_home.backups) == backups


@pytest.mark.slow
def test_a_backup_of_0_1_0_can_be_restored(old_home: Home) -> None:
    before = read_scores(old_home.warehouse)
    old_home.warehouse.write_bytes(b"damaged")
    [backup] = old_home.backups.iterdir()
    restore_home(old_home, backup, lambda said: None)
    assert read_scores(old_home.warehouse) == before
    prove(old_home)
