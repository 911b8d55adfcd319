"""Copies of DuckDB files by their blocks: equal to the file, whatever the target held."""

import io
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.warehouse.database import block_copy
from tasks.warehouse.database.block_copy import copy_blocks, count_compared, read_shape
from tasks.warehouse.database.waiting_for_file import HEADER_BYTES, HEADERS

BLOCK_BYTES = 16_384

contents = st.lists(st.integers(0, 3), max_size=8)
"""A file by its blocks: each a number that stands for its content."""


def write_file(path: Path, blocks: Sequence[int], more: int = 0) -> Path:
    """Write headers, a block for each number, and `more` zero bytes, as padding."""
    headers = b"".join(bytes([place]) * HEADER_BYTES for place in range(HEADERS))
    path.write_bytes(headers + b"".join(bytes([number]) * BLOCK_BYTES for number in blocks) + bytes(more))
    return path


def copy(source: Path, target: Path) -> None:
    """Copy a file as a large one, whose blocks are not compared whole."""
    with pytest.MonkeyPatch.context() as patch, source.open("rb") as read, target.open("r+b") as written:
        patch.setattr(block_copy, "WHOLE_BYTES", 0)
        patch.setattr(block_copy, "COMPARED_BYTES", 64)
        copy_blocks(read, written, BLOCK_BYTES)


@settings(max_examples=60)
@given(new=contents, old=contents, more=st.sampled_from([0, 1, 5000, BLOCK_BYTES]))
def test_a_copy_equals_the_file_whatever_it_was_before(new: list[int], old: list[int], more: int) -> None:
    with TemporaryDirectory() as folder:
        source = write_file(Path(folder, "source"), new)
        target = write_file(Path(folder, "target"), old, more)
        copy(source, target)
        assert target.read_bytes() == source.read_bytes()


@settings(max_examples=30)
@given(new=contents, length=st.integers(0, HEADERS * HEADER_BYTES + 8 * BLOCK_BYTES))
def test_a_copy_that_was_cut_off_is_completed(new: list[int], length: int) -> None:
    with TemporaryDirectory() as folder:
        source = write_file(Path(folder, "source"), new)
        target = Path(folder, "target")
        target.write_bytes(source.read_bytes()[:length])
        copy(source, target)
        assert target.read_bytes() == source.read_bytes()


def test_blocks_that_are_the_same_are_not_written(tmp_path: Path) -> None:
    class Target(io.FileIO):
        def write(self, content: object) -> int:
            written.append(self.tell())
            return super().write(content)  # type: ignore[arg-type]

    written: list[int] = []
    source, target = write_file(tmp_path / "source", [0, 1, 2, 3]), write_file(tmp_path / "target", [0, 1, 1])
    with source.open("rb") as read, Target(target, "r+b") as file:
        copy_blocks(read, file, BLOCK_BYTES)
    assert written == [HEADERS * HEADER_BYTES + place * BLOCK_BYTES for place in (2, 3)]


@pytest.mark.slow
@pytest.mark.parametrize("block_bytes", [16_384, 262_144])
def test_the_first_bytes_of_a_block_of_duckdb_tell_whether_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr(block_copy, "WHOLE_BYTES", 0)
    source, target = tmp_path / "source.duckdb", tmp_path / "copy.duckdb"
    target.touch()
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{source}' AS source (BLOCK_SIZE {block_bytes})")
        connection.execute(
            "CREATE TABLE source.t AS SELECT range AS a, hash(range)::VARCHAR AS b FROM range(50_000)"
        )
        for place in range(8):
            connection.execute(f"UPDATE source.t SET b = 'x' || b WHERE a = {place * 6000}")
            connection.execute(f"INSERT INTO source.t SELECT range, 'new' FROM range({place * 1000})")
            connection.execute(f"DELETE FROM source.t WHERE a BETWEEN {place * 100} AND {place * 100 + 50}")
            connection.execute("CHECKPOINT source")
            with source.open("rb") as read, target.open("r+b") as file:
                copy_blocks(read, file, block_bytes)
            assert target.read_bytes() == source.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("block_bytes", [16_384, 262_144])
def test_of_a_large_file_the_blocks_of_the_catalog_are_compared_whole_and_few_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr(block_copy, "WHOLE_BYTES", 0)
    path, rows = tmp_path / "x.duckdb", block_bytes * 4
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS x (BLOCK_SIZE {block_bytes}); USE x")
        for number in range(6):
            connection.execute(f"CREATE TABLE t{number} AS SELECT range AS a FROM range({number * 500})")
            connection.execute(
                "CREATE OR REPLACE TABLE large AS "
                f"SELECT hash(range) AS a, hash(range)::VARCHAR AS b FROM range({rows})"
            )
            connection.execute(f"DELETE FROM t{number} WHERE a % 3 = 0")
            connection.execute("CHECKPOINT x")
            listed = {
                block
                for (block,) in connection.execute("SELECT block_id FROM pragma_metadata_info()").fetchall()
            }
            with path.open("rb") as file:
                size = path.stat().st_size
                places = [*block_copy._list_blocks(size, block_bytes)][HEADERS:]
                lengths = [count_compared(file, place, size, block_bytes) for place in places]
            whole = {number for number, length in enumerate(lengths) if length == block_bytes}
            assert listed <= whole
    assert len(whole) < len(places) / 4


@pytest.mark.parametrize("block_bytes", [16_384, 262_144])
def test_the_headers_say_the_size_after_each_checkpoint(tmp_path: Path, block_bytes: int) -> None:
    path = tmp_path / "x.duckdb"
    for rows in (10, 200_000, 0):
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{path}' AS x (BLOCK_SIZE {block_bytes})")
            connection.execute(
                f"CREATE OR REPLACE TABLE x.t AS SELECT hash(range) AS number FROM range({rows})"
            )
            connection.execute("CHECKPOINT x")
            connection.execute("DETACH x")
            connection.execute(f"ATTACH '{path}' AS x (READ_ONLY)")
            query = "SELECT block_size, total_blocks FROM pragma_database_size() WHERE database_name = 'x'"
            [known] = connection.execute(query).fetchall()
        with path.open("rb") as file:
            shape = read_shape(file)
        assert (shape.block_bytes, shape.blocks) == known
