"""Tests that the three Parquet files contain the archive's reviews, all of one archive or none."""

import dataclasses
import json
import shutil
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import SourceError
from data_contracts.reviews_parquet import FORMAT_VERSION, PROVENANCE_KEY, REVIEWS_SCHEMA, SPLITS, Provenance
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


def test_every_split_has_the_declared_columns(tables: Tables) -> None:
    assert list(tables) == list(SPLITS)
    assert all(table.schema.equals(REVIEWS_SCHEMA) for table in tables.values())


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


def test_an_empty_folder_gives_no_rows(tmp_path: Path) -> None:
    files = {name: data for name, data in list_files().items() if "/unsup/" not in name}
    tables = build_tables(read_archive(write_archive(tmp_path / "a.tar.gz", files)))
    assert len(tables["unsup"]) == 0
    assert tables["unsup"].schema.equals(REVIEWS_SCHEMA)


def test_what_is_written_is_read_back(reviews_dir: Path, tables: Tables) -> None:
    for split in SPLITS:
        assert read_split(reviews_dir, split).equals(tables[split])
        assert count_rows(reviews_dir, split) == len(tables[split])
    assert list_names(reviews_dir) == ["test.parquet", "train.parquet", "unsup.parquet"]


def test_columns_are_read_in_the_order_asked_for(reviews_dir: Path) -> None:
    assert read_split(reviews_dir, "test", ["text", "label"]).column_names == ["text", "label"]


def test_files_are_zstd_and_keep_texts_out_of_their_statistics(reviews_dir: Path) -> None:
    columns = pq.ParquetFile(reviews_dir / "train.parquet").metadata.row_group(0)
    text = columns.column(REVIEWS_SCHEMA.get_field_index("text"))
    assert text.compression == "ZSTD"
    assert not text.is_stats_set


def test_progress_adds_up_to_the_rows(tmp_path: Path, tables: Tables) -> None:
    amounts: list[int] = []
    write_tables(tables, PROVENANCE, tmp_path / "reviews", amounts.append)
    assert sum(amounts) == 15


def test_all_files_carry_the_provenance_as_json(reviews_dir: Path) -> None:
    for split in SPLITS:
        metadata = pq.read_schema(reviews_dir / f"{split}.parquet").metadata
        assert json.loads(metadata[PROVENANCE_KEY]) == dataclasses.asdict(PROVENANCE)
    assert read_provenance(reviews_dir) == PROVENANCE


def test_there_is_no_provenance_where_nothing_was_written(tmp_path: Path) -> None:
    assert read_provenance(tmp_path / "nowhere") is None


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


def test_files_of_two_archives_are_as_good_as_none(tmp_path: Path, reviews_dir: Path, tables: Tables) -> None:
    other = dataclasses.replace(PROVENANCE, source_sha256="6" * 64)
    write_tables(tables, other, tmp_path / "other")
    shutil.copy(tmp_path / "other" / "train.parquet", reviews_dir / "train.parquet")
    assert read_provenance(reviews_dir) is None


def test_files_of_another_version_are_as_good_as_none(tmp_path: Path, tables: Tables) -> None:
    newer = dataclasses.replace(PROVENANCE, format_version=FORMAT_VERSION + 1)
    write_tables(tables, newer, tmp_path / "newer")
    assert read_provenance(tmp_path / "newer") is None


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


def test_an_unknown_split_is_refused(reviews_dir: Path) -> None:
    with pytest.raises(SourceError, match=r"no split 'validation'.*train, test, unsup"):
        read_split(reviews_dir, "validation")


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


def test_a_second_write_replaces_the_first(reviews_dir: Path, tables: Tables) -> None:
    other = dataclasses.replace(PROVENANCE, source_sha256="6" * 64)
    write_tables({**tables, "unsup": tables["unsup"].slice(0, 1)}, other, reviews_dir)
    assert read_provenance(reviews_dir) == other
    assert count_rows(reviews_dir, "unsup") == 1


def test_leftovers_of_a_broken_write_are_removed(reviews_dir: Path, tables: Tables) -> None:
    (reviews_dir / ".train.parquet.999999999.tmp").write_bytes(b"half")
    write_tables(tables, PROVENANCE, reviews_dir)
    assert list_names(reviews_dir) == ["test.parquet", "train.parquet", "unsup.parquet"]


def test_a_full_disk_is_a_source_error_and_leaves_what_was_there(reviews_dir: Path, tables: Tables) -> None:
    with limit_file_size(1000), pytest.raises(SourceError, match=r"the reviews can't be written: .*Next: "):
        write_tables(tables, dataclasses.replace(PROVENANCE, dataset="sample"), reviews_dir)
    assert read_provenance(reviews_dir) == PROVENANCE
    assert list_names(reviews_dir) == ["test.parquet", "train.parquet", "unsup.parquet"]


def test_a_folder_that_can_not_be_made_is_a_source_error(tmp_path: Path, tables: Tables) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SourceError, match=r"the reviews can't be written: .*Next: "):
        write_tables(tables, PROVENANCE, tmp_path / "file")


def test_a_folder_in_use_by_another_run_is_left_alone(reviews_dir: Path, tables: Tables) -> None:
    with hold_folder(reviews_dir), pytest.raises(SourceError, match="another run is writing there"):
        write_tables(tables, PROVENANCE, reviews_dir)
