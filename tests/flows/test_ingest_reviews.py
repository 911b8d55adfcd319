"""Tests of `ingest-reviews`: complete or not at all, once, and only known or explicitly accepted archives."""

from pathlib import Path

import pytest

from data_contracts.errors import ContractError, SourceError
from data_contracts.storage.home import Home
from tests.support.small_archive import list_files, write_archive
from tests.support.small_home import ask, ingest


@pytest.mark.slow
def test_an_unknown_archive_is_refused_unless_it_is_accepted(home: Home, tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "mine.tar.gz")
    with pytest.raises(SourceError, match="--accept-unverified"):
        ingest(archive)
    summary = ingest(archive, accept_unverified=True)
    assert (summary.dataset, summary.verification) == ("other", "accepted_unverified")
    assert summary.reviews == {"train": 6, "test": 6, "unsup": 3}


@pytest.mark.slow
def test_a_second_run_with_the_same_source_changes_nothing(home: Home, tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "mine.tar.gz")
    ingest(archive, accept_unverified=True)
    before = (home.reviews / "train.parquet").stat().st_mtime_ns
    assert not ingest(archive, accept_unverified=True).changed
    assert (home.reviews / "train.parquet").stat().st_mtime_ns == before


def test_an_archive_that_breaks_its_contract_stops_the_flow_and_is_recorded(
    home: Home, tmp_path: Path
) -> None:
    files = list_files()
    files["aclImdb/train/pos/0_2.txt"] = files.pop("aclImdb/train/pos/0_9.txt")
    archive = write_archive(tmp_path / "wrong.tar.gz", files)
    with pytest.raises(ContractError, match="expected"):
        ingest(archive, accept_unverified=True)
    assert not list(home.reviews.glob("*.parquet"))
    failed = ask(home.warehouse, "select distinct boundary from contract_results where not success")
    assert failed == [("archive",)]
    assert ask(home.warehouse, "select status from runs") == [("failed",)]


def test_the_first_run_of_any_flow_makes_the_inbox_into_which_files_are_put(
    home: Home, tmp_path: Path
) -> None:
    with pytest.raises(SourceError):
        ingest(tmp_path / "nothing.tar.gz")
    assert home.inbox.is_dir()
