"""Tests that a leftover part is committed only if it is unaltered, and that joined parts have the rows of each."""

from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.expectations import CheckResult
from data_contracts.part_schemas import CHECKS, PART_SCHEMAS, SOURCE_SCHEMA
from tasks.scoring.part_folders import (
    add_checks,
    find_waiting,
    is_undamaged,
    join_parts,
    keep_part,
    open_part,
    start_part,
)

TEXT = "a good film"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete part of one row, in a folder of parts."""
    part = start_part(tmp_path / "parts", "model-a", [SimpleNamespace(source_sha256="f" * 64)])
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


def test_joined_parts_have_the_rows_and_checks_of_each(tmp_path: Path) -> None:
    folders = []
    for name in "ab":
        part = start_part(tmp_path / name, "model-a", [SimpleNamespace(source_sha256=name * 64)])
        row = {"source_sha256": name * 64, "row_number": 1, "text": TEXT, "text_sha256": "e" * 64}
        with open_part(part) as write:
            write("source_reviews", pa.Table.from_pylist([row], schema=SOURCE_SCHEMA))
        passed = ("", "warning", True, "1", "1", 0)
        add_checks(part, "run", [CheckResult("review_files", f"rule_{name}", "expected", *passed)])
        folders.append(keep_part(part))
    joined = start_part(tmp_path / "joined", "model-a", [])
    join_parts(folders, joined)
    whole = keep_part(joined)
    assert is_undamaged(whole)
    for name in (*PART_SCHEMAS, CHECKS):
        each = [pq.read_table(folder / f"{name}.parquet") for folder in folders]
        assert pq.read_table(whole / f"{name}.parquet").equals(pa.concat_tables(each))
