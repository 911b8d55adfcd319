"""Unpacks the Stanford archive, a .tar.gz or .tar, as a stream of its entries, without unpacking it to disk.

More bytes or members than the limits in `data_contracts.archive` allow are refused.
"""

import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from data_contracts.archive import (
    MAX_COMPRESSION_RATIO,
    MAX_MEMBERS,
    MAX_TOTAL_BYTES,
    MEBIBYTE,
    UNSUSPECTED_BYTES,
)
from data_contracts.errors import FileRefusedError
from data_contracts.rules_and_limits import FILE_RULES
from tasks.archive.layout import refuse_archive
from tasks.reading.containers import walk_tar
from tasks.reading.streams import ContainerLimits, decompress, limit, meter
from tasks.support.refusals import refusing


def walk_archive(
    path: Path, source: BinaryIO, update: Callable[[bytes], None], report: Callable[[int], None]
) -> Iterator[tuple[tarfile.TarInfo, Iterator[bytes]]]:
    """Yield the entries of an open archive with their contents; `path` is its name in errors.

    `update` is called with each block of the archive's own, compressed bytes, `report` with the block's size.
    """

    def read_blocks() -> Iterator[bytes]:
        with refusing("file_unreadable", lambda: "a block of it can't be read from disk"):
            while block := source.read(MEBIBYTE // 4):
                update(block)
                report(len(block))
                yield block

    blocks = read_blocks()
    first = next(blocks, b"")
    if not first:
        raise refuse_archive(path, "the file is empty")
    pieces = chain([first], blocks)
    unpacked = decompress(pieces, "gz") if first.startswith(b"\x1f\x8b") else pieces
    allowed = max(UNSUSPECTED_BYTES, MAX_COMPRESSION_RATIO * path.stat().st_size)
    with _naming_archive(path, "it can't be read as .tar.gz or .tar: "):
        yield from walk_tar(
            meter(unpacked, limit(min(MAX_TOTAL_BYTES, allowed))), ContainerLimits(members=MAX_MEMBERS)
        )


def read_entry(path: Path, entry: tarfile.TarInfo, content: Iterator[bytes]) -> bytes:
    """Return the whole content of an entry of the archive."""
    with _naming_archive(path, f"{entry.name!r}: "):
        return b"".join(content)


@contextmanager
def _naming_archive(path: Path, where: str) -> Iterator[None]:
    """Turn a refusal by the tar reader into ours, without that reader's next step, which is for review files."""
    try:
        yield
    except FileRefusedError as error:
        raise refuse_archive(
            path, where + error.detail.removesuffix(f". {FILE_RULES[error.rule]}")
        ) from error
