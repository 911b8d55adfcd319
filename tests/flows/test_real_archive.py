"""Tests of the Stanford archive: its contents, contracts and Parquet, and the flow that ingests it.

One run of the flow reads the archive for all of them: that takes 5 s.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tasks.stages.ingest
from data_contracts.archive import CONTENT_DIGESTS
from data_contracts.expectations import CheckResult, require_success
from data_contracts.reviews_parquet import SPLITS
from data_contracts.storage.home import Home
from deployments.settings import load_settings
from flows.ingest_reviews import IngestSummary
from tasks.archive.dataset_identity import resolve_provenance
from tasks.archive.parquet_files import count_rows, is_up_to_date, read_split
from tasks.archive.reader import ArchiveContents
from tests.support.small_home import ingest


@dataclass(frozen=True)
class Ingested:
    """The home, what the flow read and checked, and what it told."""

    home: Home
    contents: ArchiveContents
    checks: Sequence[CheckResult]
    """Of the contract of reviews."""
    summary: IngestSummary


@pytest.fixture(scope="module")
def ingested(stanford_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    kept: dict[str, Any] = {}

    def keep(name: str) -> None:
        compute: Callable[..., Any] = getattr(tasks.stages.ingest, name)

        def compute_and_keep(*given: Any, **named: Any) -> Any:
            kept[name] = compute(*given, **named)
            return kept[name]

        patch.setattr(tasks.stages.ingest, name, compute_and_keep)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_HOME", str(tmp_path_factory.mktemp("stanford") / "home"))
        keep("read_archive")
        keep("check_reviews")
        summary = ingest(stanford_archive)
        return Ingested(load_settings().home, kept["read_archive"], kept["check_reviews"], summary)


def test_it_is_the_stanford_data_set(ingested: Ingested) -> None:
    contents = ingested.contents
    assert contents.content_digest == CONTENT_DIGESTS["stanford"]
    assert resolve_provenance(contents).dataset == "stanford"
    assert [len(folder.texts) for folder in contents.folders] == [12_500] * 4 + [50_000]
    labelled, unlabelled = contents.folders[:4], contents.folders[4]
    assert sum(folder.texts.nbytes for folder in labelled) > 65_483_508
    assert set(unlabelled.ratings.to_pylist()) == {0}


def test_it_passes_the_contract_of_reviews_and_its_duplicates_are_counted(ingested: Ingested) -> None:
    require_success(ingested.checks, "see the archive")
    assert {result.rule: result.observed for result in ingested.checks if not result.success} == {
        "duplicates_within_train": "96",
        "duplicates_within_test": "199",
        "duplicates_within_unsup": "493",
        "texts_in_train_and_test": "123",
        "texts_in_train_and_unsup": "354",
        "texts_in_test_and_unsup": "266",
    }


def test_it_gives_25000_25000_and_50000_rows_of_parquet(ingested: Ingested) -> None:
    reviews = ingested.home.reviews
    rows = {"train": 25_000, "test": 25_000, "unsup": 50_000}
    assert {split: count_rows(reviews, split) for split in SPLITS} == rows == ingested.summary.reviews
    titles = read_split(reviews, "test", ["movie_id"])["movie_id"]
    assert len(titles.unique()) == 3581
    assert is_up_to_date(reviews, ingested.contents.source_sha256)
