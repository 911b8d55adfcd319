"""Packs of blocks: a database file of any content and length comes back, from its own pack and those of its base."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.errors import ReviewsError
from tasks.backups.block_index import HEAD_BYTES, INDEX, read_index
from tasks.backups.manifests import Manifest, describe_file
from tasks.backups.packs import Base, assemble, finish_database, write_blocks

BLOCK_BYTES = 16_384
"""More than the headers, so that packs are shared."""

contents = st.tuples(st.lists(st.integers(0, 3), max_size=8), st.sampled_from([0, 1, 500, BLOCK_BYTES - 1]))
"""A file: a number for the content of each block, and the bytes of a last one that is cut off."""


def write_file(path: Path, blocks: Sequence[int], more: int) -> Path:
    path.write_bytes(
        b"h" * HEAD_BYTES
        + b"".join(bytes([each]) * BLOCK_BYTES for each in blocks)
        + bytes([more % 251]) * more
    )
    return path


def keep(folder: Path, file: Path, base: Base | None) -> Base:
    """Write packs of a file into a new folder, beside those of `base`."""
    folder.mkdir()
    with file.open("rb") as source:
        draft = write_blocks(folder, source, BLOCK_BYTES, base)
    manifest = Manifest("", finish_database(folder, draft).files)
    return Base(folder, manifest, read_index(folder, manifest))


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(files=st.lists(contents, min_size=1, max_size=5))
def test_each_of_several_states_of_a_file_comes_back(files: list[tuple[list[int], int]]) -> None:
    with TemporaryDirectory() as name:
        base = None
        for place, (blocks, more) in enumerate(files):
            file = write_file(Path(name, "file"), blocks, more)
            base = keep(Path(name, str(place)), file, base)
            assemble(base.folder, base.index, Path(name, "back"))
            assert Path(name, "back").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("more", [{"size": 0}, {"size": BLOCK_BYTES << 44}, {"block_bytes": 0}])
def test_an_index_of_more_blocks_than_it_describes_is_damaged(tmp_path: Path, more: dict[str, int]) -> None:
    kept = keep(tmp_path / "base", write_file(tmp_path / "file", [1, 2], 0), None)
    content = json.loads((kept.folder / INDEX).read_bytes())
    content["runs"][0][2] = 1 << 44
    (kept.folder / INDEX).write_text(json.dumps(content | more))
    files = {**kept.manifest.files, INDEX: describe_file(kept.folder / INDEX)}
    with pytest.raises(ReviewsError, match="is damaged"):
        read_index(kept.folder, Manifest("", files))


def test_blocks_that_cannot_be_read_end_a_backup_however_many_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError("the disk does not answer")

    file = write_file(tmp_path / "file", range(200), 0)
    monkeypatch.setattr("tasks.backups.packs.os.preadv", refuse)
    with pytest.raises(OSError, match="does not answer"):
        keep(tmp_path / "backup", file, None)
