"""Tests that the three Parquet files contain the archive's reviews, all of one archive or none."""

import dataclasses
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import SourceError
from data_contracts.reviews_parquet import FORMAT_VERSION, REVIEWS_SCHEMA, SPLITS, Provenance
from tasks.archive.parquet_files import (
    build_tables,
    count_rows,
    is_up_to_date,
    read_provenance,
    read_split,
    write_tables,
)
from tasks.archive.reader import read_archive
from tasks.support.locking import hold_folder
from tests.support.small_archive import list_files, write_archive
from tests.support.small_disks import limit_file_size

PROVENANCE = Provenance("other", "accepted_unverified", "5" * 64, "c" * 64, "d" * 64, FORMAT_VERSION)
Tables = dict[str, pa.Table]


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return build_tables(read_archive(write_archive(tmp_path / "small.tar.gz")))


@pytest.fixture
def reviews_dir(tmp_path: Path, tables: Tables) -> Path:
    """A folder with complete reviews Parquet files."""
    write_tables(tables, PROVENANCE, tmp_path / "reviews")
    return tmp_path / "reviews"


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_rows_are_sorted_by_label_then_number(tables: Tables) -> None:
    assert tables["train"]["label"].to_pylist() == ["neg"] * 3 + ["pos"] * 3
    assert tables["train"]["review_number"].to_pylist() == [0, 1, 2, 0, 1, 2]
    assert tables["test"]["split"].to_pylist() == ["test"] * 6


def test_unlabelled_reviews_have_neither_label_nor_rating(tables: Tables) -> None:
    unsup = tables["unsup"]
    assert unsup["split"].to_pylist() == ["unsup"] * 3
    assert unsup["label"].null_count == unsup["rating"].null_count == 3


def test_a_row_is_made_of_its_file_and_its_line_in_the_url_list(tables: Tables) -> None:
    text = list_files()["aclImdb/test/pos/1_9.txt"]
    assert tables["test"].slice(4, 1).to_pylist() == [
        {
            "split": "test",
            "label": "pos",
            "rating": 9,
            "review_number": 1,
            "movie_id": "tt0001003",
            "text": text.decode(),
            "text_sha256": sha256(text).hexdigest(),
        }
    ]


def test_what_is_written_is_read_back(reviews_dir: Path, tables: Tables) -> None:
    for split in SPLITS:
        assert read_split(reviews_dir, split).equals(tables[split])
        assert count_rows(reviews_dir, split) == len(tables[split])
    assert list_names(reviews_dir) == ["test.parquet", "train.parquet", "unsup.parquet"]


@pytest.mark.parametrize("split", SPLITS)
def test_a_missing_file_is_as_good_as_none(reviews_dir: Path, split: str) -> None:
    (reviews_dir / f"{split}.parquet").unlink()
    assert read_provenance(reviews_dir) is None
    with pytest.raises(
        SourceError, match=rf"no reviews here yet \(missing: {split}\.parquet\).*`reviews ingest`"
    ):
        read_split(reviews_dir, "train")


def test_a_truncated_file_is_as_good_as_none(reviews_dir: Path) -> None:
    path = reviews_dir / "test.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    assert read_provenance(reviews_dir) is None
    with pytest.raises(SourceError, match="damaged, of different archives or of another version"):
        count_rows(reviews_dir, "train")


@pytest.mark.parametrize("change", [{"source_sha256": "6" * 64}, {"format_version": FORMAT_VERSION + 1}])
def test_files_of_two_archives_or_versions_are_as_good_as_none(
    tmp_path: Path, reviews_dir: Path, tables: Tables, change: dict[str, Any]
) -> None:
    write_tables(tables, dataclasses.replace(PROVENANCE, **change), tmp_path / "other")
    shutil.copy(tmp_path / "other" / "train.parquet", reviews_dir / "train.parquet")
    assert read_provenance(reviews_dir) is None
    assert (read_provenance(tmp_path / "other") is None) == ("format_version" in change)


@pytest.mark.parametrize("metadata", [None, {b"reviews": b"not JSON"}, {b"reviews": b'{"dataset": "other"}'}])
def test_files_without_a_whole_provenance_are_as_good_as_none(
    reviews_dir: Path, tables: Tables, metadata: dict[bytes, bytes] | None
) -> None:
    pq.write_table(tables["test"].replace_schema_metadata(metadata), reviews_dir / "test.parquet")
    assert read_provenance(reviews_dir) is None


def test_damage_within_a_file_is_a_source_error(reviews_dir: Path) -> None:
    path = reviews_dir / "train.parquet"
    text = pq.read_metadata(path).row_group(0).column(REVIEWS_SCHEMA.get_field_index("text"))
    data = path.read_bytes()
    end = text.data_page_offset + text.total_compressed_size
    path.write_bytes(data[: end - 40] + bytes(40) + data[end:])
    with pytest.raises(SourceError, match=r"train\.parquet: the file is damaged.*Next: "):
        read_split(reviews_dir, "train")


@pytest.mark.parametrize(
    ("verification", "accept", "expected"),
    [
        ("published", False, True),
        ("content", False, True),
        ("content", True, True),
        ("accepted_unverified", True, True),
        ("accepted_unverified", False, False),
    ],
)
def test_reviews_are_up_to_date_for_who_would_take_them_again(
    tmp_path: Path, tables: Tables, verification: str, accept: bool, expected: bool
) -> None:
    write_tables(tables, dataclasses.replace(PROVENANCE, verification=verification), tmp_path / "reviews")
    assert is_up_to_date(tmp_path / "reviews", PROVENANCE.source_sha256, accept) is expected


def test_another_source_is_not_up_to_date(reviews_dir: Path, tmp_path: Path) -> None:
    assert not is_up_to_date(reviews_dir, "6" * 64, accept_unverified=True)
    assert not is_up_to_date(tmp_path / "nowhere", PROVENANCE.source_sha256, accept_unverified=True)


def test_a_full_disk_is_a_source_error_and_leaves_what_was_there(reviews_dir: Path, tables: Tables) -> None:
    with limit_file_size(1000), pytest.raises(SourceError, match=r"the reviews can't be written: .*Next: "):
        write_tables(tables, dataclasses.replace(PROVENANCE, dataset="sample"), reviews_dir)
    assert read_provenance(reviews_dir) == PROVENANCE
    assert list_names(reviews_dir) == ["test.parquet", "train.parquet", "unsup.parquet"]


def test_a_folder_in_use_by_another_run_is_left_alone(reviews_dir: Path, tables: Tables) -> None:
    with hold_folder(reviews_dir), pytest.raises(SourceError, match="another run is writing there"):
        write_tables(tables, PROVENANCE, reviews_dir)
