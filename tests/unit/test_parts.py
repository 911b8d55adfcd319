"""Tests that a leftover part is committed only if it is unaltered, and that joined parts have the rows of each."""

from pathlib import Path

import pyarrow as pa
import pytest

from data_contracts.part_schemas import SOURCE_SCHEMA
from tasks.scoring.part_folders import find_waiting, is_undamaged, keep_part, open_part, start_part

TEXT = "a good film"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete part of one row, in a folder of parts."""
    part = start_part(tmp_path / "parts", "model-a", ["f" * 64])
    row = {"source_sha256": "f" * 64, "row_number": 1, "text": TEXT, "text_sha256": "e" * 64}
    with open_part(part) as write:
        write("source_reviews", pa.Table.from_pylist([row], schema=SOURCE_SCHEMA))
    return keep_part(part)


def change_a_letter(folder: Path) -> None:
    path = folder / "source_reviews.parquet"
    content = path.read_bytes()
    assert content.count(TEXT.encode()) >= 1
    path.write_bytes(content.replace(TEXT.encode(), b"a goad film"))


def test_a_part_of_which_one_letter_was_changed_is_damaged(folder: Path) -> None:
    assert is_undamaged(folder)
    change_a_letter(folder)
    assert not is_undamaged(folder)


def test_a_damaged_part_is_reported_and_deleted(folder: Path) -> None:
    change_a_letter(folder)
    reported: list[tuple[Path, str]] = []
    assert list(find_waiting(folder.parent, lambda *what: reported.append(what))) == []
    assert reported == [(folder, "was damaged")]
    assert not folder.exists()
