"""Tests of the Stanford archive: its contents, contracts and Parquet, and the flow that ingests it.

They are in one file, so that one process reads the archive for all of them: that takes 5 s.
"""

from pathlib import Path

import pyarrow.parquet as pq

from data_contracts.archive import CONTENT_DIGESTS, check_archive
from data_contracts.expectations import require_success
from data_contracts.reviews_parquet import SPLITS, check_reviews
from data_contracts.storage.home import Home
from tasks.archive.parquet_files import build_tables, count_rows, is_up_to_date, read_split, write_tables
from tasks.archive.reader import count_folders, resolve_provenance
from tests.support.small_archive import read_once
from tests.support.small_home import ask, ingest


def test_it_is_the_stanford_data_set(stanford_archive: Path) -> None:
    contents = read_once(stanford_archive)
    assert contents.content_digest == CONTENT_DIGESTS["stanford"]
    assert resolve_provenance(contents).dataset == "stanford"
    assert [len(folder.texts) for folder in contents.folders] == [12_500] * 4 + [50_000]
    labelled, unlabelled = contents.folders[:4], contents.folders[4]
    assert sum(folder.texts.nbytes for folder in labelled) > 65_483_508
    assert set(unlabelled.ratings.to_pylist()) == {0}


def test_it_passes_the_contract_of_archives(stanford_archive: Path) -> None:
    results = check_archive(count_folders(read_once(stanford_archive), "stanford"))
    assert [result.rule for result in results if not result.success] == []


def test_it_passes_the_contract_of_reviews_and_its_duplicates_are_counted(stanford_archive: Path) -> None:
    results = check_reviews(build_tables(read_once(stanford_archive)), "stanford")
    require_success(results, "see the archive")
    assert {result.rule: result.observed for result in results if not result.success} == {
        "duplicates_within_train": "96",
        "duplicates_within_test": "199",
        "duplicates_within_unsup": "493",
        "texts_in_train_and_test": "123",
        "texts_in_train_and_unsup": "354",
        "texts_in_test_and_unsup": "266",
    }


def test_it_gives_25000_25000_and_50000_rows_of_parquet(stanford_archive: Path, tmp_path: Path) -> None:
    contents = read_once(stanford_archive)
    write_tables(build_tables(contents), resolve_provenance(contents), tmp_path)
    assert {split: count_rows(tmp_path, split) for split in SPLITS} == {
        "train": 25_000,
        "test": 25_000,
        "unsup": 50_000,
    }
    titles = read_split(tmp_path, "test", ["movie_id"])["movie_id"]
    assert len(titles.unique()) == 3581
    assert is_up_to_date(tmp_path, contents.source_sha256)


def test_its_ingest_gives_the_known_rows_and_duplicates(home: Home, stanford_archive: Path) -> None:
    summary = ingest(stanford_archive)
    assert summary.reviews == {"train": 25_000, "test": 25_000, "unsup": 50_000}
    assert summary.dataset == "stanford"
    duplicates = dict(
        ask(
            home.warehouse,
            "select rule, observed::int from contract_results where boundary = 'reviews' and not success",
        )
    )
    assert duplicates["texts_in_train_and_test"] == 123
    train = pq.read_table(home.reviews / "train.parquet", columns=["label", "rating"])
    assert set(zip(*train.to_pydict().values(), strict=True)) == {
        (label, rating)
        for label, ratings in (("neg", range(1, 5)), ("pos", range(7, 11)))
        for rating in ratings
    }
