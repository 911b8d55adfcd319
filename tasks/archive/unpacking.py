"""Unpacks the Stanford archive, a .tar.gz or .tar, as a stream of its entries, without unpacking it to disk.

More bytes or members than the limits in `data_contracts.archive` allow are refused.
"""

import tarfile
import zlib
from collections.abc import Callable, Iterator
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
from data_contracts.errors import FileRefusedError, SourceError
from data_contracts.rules_and_limits import FILE_RULES
from tasks.archive.layout import refuse_archive
from tasks.reading.containers import walk_tar
from tasks.reading.streams import CHUNK_BYTES, ContainerLimits, limit, meter
from tasks.support.refusals import refusal, refusing

_OTHER_FORMATS = {
    b"<": "a web page",
    b"PK": "a zip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
}


def walk_archive(
    path: Path, source: BinaryIO, update: Callable[[bytes], None], report: Callable[[int], None]
) -> Iterator[tuple[tarfile.TarInfo, Iterator[bytes]]]:
    """Yield the entries of an open archive with their contents; `path` is its name in errors.

    `update` is called with each block of the archive's own, compressed bytes, `report` with the block's size.
    """
    return _walk_unpacked(path, _unpack_archive(path, _read_archive_blocks(source, update, report)))


def _read_archive_blocks(
    source: BinaryIO, update: Callable[[bytes], None], report: Callable[[int], None]
) -> Iterator[bytes]:
    """Yield the bytes of the archive's file, and report them."""
    with refusing("file_unreadable", lambda: "a block of it can't be read from disk"):
        while block := source.read(MEBIBYTE // 4):
            update(block)
            report(len(block))
            yield block


def _unpack_archive(path: Path, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the bytes of the tar, decompressed if it is gzipped; refuse more of them than the limits allow."""
    first = next(blocks, b"")
    if not first:
        raise refuse_archive(path, "the file is empty")
    pieces = chain([first], blocks)
    allowed = max(UNSUSPECTED_BYTES, MAX_COMPRESSION_RATIO * path.stat().st_size)
    return meter(
        _gunzip_padded(pieces) if first.startswith(b"\x1f\x8b") else pieces,
        limit(min(MAX_TOTAL_BYTES, allowed)),
    )


def _gunzip_padded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress gzip data that may be padded with zeros, as by some tapes and mirrors."""
    unzip, packed = zlib.decompressobj(wbits=31), 0
    with refusing(
        "compression_broken", lambda: f"the gzip data is damaged within its first {packed:,} bytes"
    ):
        for chunk in chunks:
            packed += len(chunk)
            left = chunk
            while left:
                if unzip.eof:
                    left = left.lstrip(b"\0")
                    if not left:
                        break
                    unzip = zlib.decompressobj(wbits=31)
                if piece := unzip.decompress(left, CHUNK_BYTES):
                    yield piece
                left = unzip.unconsumed_tail or unzip.unused_data
    if not unzip.eof:
        raise refusal("compression_broken", f"the gzip data is cut off after {packed:,} bytes")


def _walk_unpacked(path: Path, pieces: Iterator[bytes]) -> Iterator[tuple[tarfile.TarInfo, Iterator[bytes]]]:
    """Yield the entries of the tar with their contents; the error for a file of another format names that format."""
    where = "it can't be read as .tar.gz or .tar: "
    try:
        first = next(pieces, b"")
        for magic, format_name in _OTHER_FORMATS.items():
            if first.lstrip().startswith(magic):
                raise refuse_archive(path, f"{where}it looks like {format_name}")
        for entry_and_content in walk_tar(chain([first], pieces), ContainerLimits(members=MAX_MEMBERS)):
            where = ""
            yield entry_and_content
    except FileRefusedError as error:
        raise _refuse_unpacking(path, error, where) from error


def read_entry(path: Path, entry: tarfile.TarInfo, content: Iterator[bytes]) -> bytes:
    """Return the whole content of an entry of the archive."""
    try:
        return b"".join(content)
    except FileRefusedError as error:
        raise _refuse_unpacking(path, error, f"{entry.name!r}: ") from error


def _refuse_unpacking(path: Path, error: FileRefusedError, where: str) -> SourceError:
    """Return the error for a refusal by the tar reader, without that reader's next step, which is for review files."""
    return refuse_archive(path, where + error.detail.removesuffix(f". {FILE_RULES[error.rule]}"))
