"""Tests of the sample archive: Stanford's layout, the pinned content, recognizable as a sample."""

import tarfile
from pathlib import Path

import pytest

from data_contracts.archive import CONTENT_DIGESTS, check_archive
from data_contracts.errors import SourceError
from tasks.archive import sample
from tasks.archive.reader import count_folders, read_archive
from tasks.archive.sample import write_sample_archive
from tests.support.small_disks import limit_file_size


def test_its_content_is_the_one_that_is_pinned_and_keeps_the_contract(tmp_path: Path) -> None:
    contents = read_archive(write_sample_archive(tmp_path / "sample.tar.gz"))
    assert contents.content_digest == CONTENT_DIGESTS["sample"]
    assert all(check.success for check in check_archive(count_folders(contents, "sample")))


def test_it_says_that_it_is_a_generated_sample() -> None:
    with sample.SAMPLE.open("rb") as packed, tarfile.open(fileobj=packed) as tar:
        readme = tar.extractfile("aclImdb/README")
        assert readme is not None
        assert b"NOT the Stanford Large Movie Review Dataset" in readme.read()


def test_a_failed_write_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "sample.tar.gz"
    path.write_bytes(b"what was there")
    with limit_file_size(100_000), pytest.raises(SourceError, match=r"sample\.tar\.gz: .*Next: free space"):
        write_sample_archive(path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"what was there"
